"""A bridge in the test's own process: a task that is asked to stop and started again, seen from outside as users do."""

import asyncio
import io
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog
from aiohttp import ClientSession, ClientTimeout
from prometheus_client.parser import text_string_to_metric_families

from bridge.app import run_bridge
from bridge.ops.logs import configure
from bridge.settings import load_settings, settings_file
from tests.support.system import until

STREAM = "nhn/default/1"
"""The one stream of a bridge without tenants and with up to 1500 HER-ids."""
STOP_TIMEOUT_S = 10.0

Condition = Callable[[], object]
"""May be a coroutine function."""


class Bridge:
    """`run_bridge` as a task, its ops port asked, its log kept. After a stop it can be started again."""

    def __init__(self, environment: Mapping[str, str], log: io.StringIO) -> None:
        self.environment = dict(environment)
        """Settings, as `bridge run` would find them; may be changed between two starts."""
        self._log = log
        self._ops = ClientSession(timeout=ClientTimeout(total=5))
        self._ops_url = ""
        self._stop = asyncio.Event()
        self._running: asyncio.Task[str | None] | None = None

    async def start(self) -> None:
        """Start it; returns as soon as its ops port answers."""
        starts = len(self.log("bridge.started"))
        self._stop = asyncio.Event()
        settings, file = load_settings(self.environment), settings_file(self.environment)
        self._running = asyncio.create_task(run_bridge(settings, file=file, stop=self._stop))
        await self.until(lambda: len(self.log("bridge.started")) > starts)
        self._ops_url = f"http://{self.log('bridge.started')[-1]['ops']}"

    async def stop(self) -> bool:
        """Ask it to drain; whether all that was in flight was committed. Raises what it died of."""
        self._stop.set()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            return await self.running is None

    async def close(self) -> None:
        """Cut it off, if it still runs."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running}, timeout=STOP_TIMEOUT_S)
        await self._ops.close()

    @property
    def running(self) -> asyncio.Task[str | None]:
        """Ends with the bridge."""
        if self._running is None:
            raise RuntimeError("start comes first")
        return self._running

    async def until(self, condition: Condition, *, timeout_s: float = 15.0) -> None:
        """Return once the condition holds. Fails, with the end of the log, after `timeout_s` or at the bridge's end."""
        holding = asyncio.create_task(until(condition, timeout_s=timeout_s))
        try:
            await asyncio.wait({holding, self.running}, return_when=asyncio.FIRST_COMPLETED)
            assert holding.done(), f"the bridge ended: {self.running!r}"
            holding.result()
        except AssertionError as error:
            log = "\n".join(self._log.getvalue().splitlines()[-15:])
            raise AssertionError(f"{error}; the bridge's log ends:\n{log}") from error
        finally:
            holding.cancel()

    async def status(self) -> dict[str, Any]:
        """`/status`."""
        async with self._ops.get(f"{self._ops_url}/status") as answer:
            status: dict[str, Any] = await answer.json()
            return status

    async def stream(self, name: str = STREAM) -> dict[str, Any]:
        """What `/status` says of one stream."""
        streams: list[dict[str, Any]] = (await self.status())["streams"]
        return next(each for each in streams if each["name"] == name)

    async def reasons(self, group: str = "reasons") -> dict[str, str]:
        """What stands in the way of readiness: code → sentence. `degraded`: what works, but not all of it."""
        async with self._ops.get(f"{self._ops_url}/readyz") as answer:
            document = await answer.json()
        assert (answer.status == 200) is document["ready"] is (not document["reasons"])
        return {reason["code"]: reason["message"] for reason in document[group]}

    async def until_ready(self, *, timeout_s: float = 15.0) -> None:
        """Return once `/readyz` has nothing to say against it."""

        async def is_ready() -> bool:
            return not await self.reasons()

        await self.until(is_ready, timeout_s=timeout_s)

    async def until_reason(self, code: str, group: str = "reasons") -> str:
        """The sentence of a reason, as soon as `/readyz` gives it."""
        sentences: list[str] = []

        async def is_given() -> bool:
            sentences.extend(sentence for each, sentence in (await self.reasons(group)).items() if each == code)
            return bool(sentences)

        await self.until(is_given)
        return sentences[-1]

    async def metrics(self) -> str:
        """`/metrics`."""
        async with self._ops.get(f"{self._ops_url}/metrics") as answer:
            return await answer.text()

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of `/metrics` with this name and these labels."""
        families = text_string_to_metric_families(await self.metrics())
        samples = [sample for family in families for sample in family.samples]
        return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())

    def log(self, event: str) -> list[dict[str, Any]]:
        """The lines of an event so far."""
        lines = [msgspec.json.decode(line) for line in self._log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]


@contextmanager
def kept_log() -> Iterator[io.StringIO]:
    """All log lines as JSON; afterwards logging is as it was."""
    root, own = logging.getLogger(), logging.getLogger("bridge")
    handlers, levels = list(root.handlers), (root.level, own.level)
    lines = io.StringIO()
    configure("json", "info", stream=lines)
    try:
        yield lines
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        own.setLevel(levels[1])
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
