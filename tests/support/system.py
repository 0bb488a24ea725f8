"""The whole system in a test: the sandbox API, a proxy, a real broker, and `bridge run` as a process of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bridge.clock import SystemClock
from bridge.demo.process import BridgeProcess
from bridge.sandbox.faults import FaultRule
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.supply import SupplyPlan
from bridge.sandbox.tcp_proxy import TcpProxy
from bridge.store import open_store
from tests.support import published_plainly, signed_in
from tests.support.broker import collect, declare_queue, ready_count

EXCHANGE = "nhn.notifications"
QUEUE = "subscriber"
TURN_S = 0.02
"""Between two looks at a condition."""


async def until(condition: Callable[[], object], *, timeout_s: float = 20.0) -> None:
    """Return once the condition holds (it may be a coroutine function); fail after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        holds = condition()
        if asyncio.iscoroutine(holds):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < deadline, "what was waited for did not come"
        await asyncio.sleep(TURN_S)


class Event(msgspec.Struct):
    """What of an event a test looks at."""

    id: str
    partitionkey: str
    sequence: str | None = None


class System:
    """Made by `running_system`."""

    def __init__(
        self, sandbox: Sandbox, proxy: TcpProxy, bridge: BridgeProcess, url: str, settings: Mapping[str, str]
    ) -> None:
        self.sandbox = sandbox
        self.proxy = proxy
        self.bridge = bridge
        self.url = url
        self.settings = settings
        self._store = settings["BRIDGE_STORE__URL"]

    async def arrived(self, queue: str = QUEUE) -> list[Event]:
        """Take every event that is in the queue, in order of arrival."""
        messages = await collect(self.url, queue, await ready_count(self.url, queue))
        return [msgspec.json.decode(message.body, type=Event) for message in messages]

    async def offsets(self) -> set[int]:
        """The offsets of all HER-ids in the store."""
        async with open_store(self._store, clock=SystemClock(), is_owner=False) as stores:
            return {each.offset for each in await stores.nhn.receivers()}

    async def until_all_committed(self, *, timeout_s: float = 30.0) -> None:
        """Return once the bridge says that its cursor stands at the API's last offset."""
        last = self.sandbox.nhn.state().last_offset

        async def stands_there() -> bool:
            status = await self.bridge.status()
            return status is not None and [stream["cursor"] for stream in status["streams"]] == [last]

        try:
            await until(stands_there, timeout_s=timeout_s)
        except AssertionError as error:
            raise AssertionError(f"not all committed; the bridge's log ends:\n{self.bridge.end_of_log()}") from error

    def created_ids(self) -> list[str]:
        """Event ids of all notifications, in offset order."""
        found: list[str] = []
        after = 0
        while page := self.sandbox.nhn.created(after=after):
            found += [each.id for each in page if each.id is not None]
            after = page[-1].position
        return found


def assert_delivered(events: list[Event], created: list[str]) -> None:
    """Everything arrived, nothing was invented, each HER-id's events came in offset order (G1, G2, G3)."""
    assert {event.id for event in events} == set(created)
    first_arrivals = list({event.id: event for event in events}.values())
    for her_id in {event.partitionkey for event in events}:
        sequences = [e.sequence for e in first_arrivals if e.partitionkey == her_id and e.sequence is not None]
        assert sequences == sorted(sequences), f"HER-id {her_id} is out of order"


@asynccontextmanager
async def running_system(
    directory: Path,
    url: str,
    *,
    her_ids: tuple[int, ...] = (6789, 7001, 7002, 7003, 7004),
    total: int = 2500,
    faults: tuple[FaultRule, ...] = (),
    settings: Mapping[str, str] | None = None,
    supply: SupplyPlan | None = None,
    sign_in: SignInPlan | None = None,
    start: bool = True,
) -> AsyncIterator[System]:
    """Everything up, a queue bound to all events, the bridge started unless told not.

    `supply`: else `total` notifications at once. `sign_in`: else as the tests' command line says.
    """
    sign_in = sign_in or signed_in.plan()
    await declare_queue(url, QUEUE, EXCHANGE, "#")
    target = urlsplit(url)
    store = f"sqlite:///{directory / 'bridge.db'}"
    async with (
        TcpProxy(target.hostname or "localhost", target.port or 5672) as proxy,
        Sandbox(
            port=0, her_ids=her_ids, supply=supply or SupplyPlan(total=total), faults=faults, sign_in=sign_in
        ) as sandbox,
    ):
        login, _, _ = target.netloc.rpartition("@")
        environment = {
            "BRIDGE_NHN__BASE_URL": sandbox.nhn_url,
            **signed_in.settings(sandbox, sign_in),
            **published_plainly.settings(),
            "BRIDGE_NHN__SOURCE_SYSTEM": "tests, v1",
            "BRIDGE_NHN__HER_IDS": ",".join(map(str, her_ids)),
            "BRIDGE_NHN__POLL_INTERVAL_S": "0.1",
            "BRIDGE_NHN__PAGE_SIZE": "500",
            "BRIDGE_BROKER__URLS": target._replace(netloc=f"{login}@{proxy.host}:{proxy.port}").geturl(),
            "BRIDGE_STORE__URL": store,
            **(settings or {}),
        }
        bridge = BridgeProcess(environment, directory / "bridge.log")
        if start:
            await bridge.start()
        try:
            yield System(sandbox, proxy, bridge, url, environment)
        finally:
            await bridge.close()
