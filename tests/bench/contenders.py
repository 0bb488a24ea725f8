"""Who is measured, and how each is run once: on an empty queue, as processes of their own."""

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bridge.demo.process import BridgeProcess, free_port
from tests.bench import peers
from tests.bench.api import FIRST_HER_ID, groups, offsets_of
from tests.bench.broker import Broker
from tests.bench.peer_inputs import page_for_node, route_of_mq_bridge
from tests.bench.processes import cpu_s, peak_memory_mb
from tests.bench.report import Report
from tests.bench.table import Run

RUN_TIMEOUT_S = 120.0
RUN_MQ_BRIDGE = "import sys; from mq_bridge import Route; Route.from_file(sys.argv[1], 'bench').run()"
LOOK_S = 0.01
"""Between two looks at whether all is done, at what costs the contender nothing."""


class Setting(msgspec.Struct, frozen=True):
    """What a row of the table is measured with."""

    queue_type: str = "quorum"
    page_size: int = 1000
    her_ids: int = 1
    queues: int = 1
    """Bound for every event."""


class Contender(msgspec.Struct, frozen=True):
    """One that is measured."""

    name: str
    share: float
    """About which part of the ceiling it reaches: how many events make a run of the wanted length."""
    run: Callable[[Broker, Setting, int], Awaitable[Run]]
    """Publishes so many events. Raises peers.NotThere, and RuntimeError or TimeoutError where it does not succeed."""


async def ceiling(broker: Broker, setting: Setting, events: int) -> Run:
    arguments = (broker.url, str(events), str(setting.her_ids))
    return await _reported(broker, sys.executable, "-m", "tests.bench.raw", *arguments)


async def own_publisher(broker: Broker, setting: Setting, events: int) -> Run:
    arguments = (broker.url, str(events), str(setting.page_size))
    return await _reported(broker, sys.executable, "-m", "tests.bench.own_publisher", *arguments)


async def gathered(broker: Broker, setting: Setting, events: int) -> Run:
    arguments = (broker.url, str(events), str(setting.page_size))
    return await _reported(broker, sys.executable, "-m", "tests.bench.aio_pika_ways", *arguments)


async def one_at_a_time(broker: Broker, _: Setting, events: int) -> Run:
    return await _reported(broker, sys.executable, "-m", "tests.bench.aio_pika_ways", broker.url, str(events), "1")


async def amqplib(broker: Broker, setting: Setting, events: int) -> Run:
    home = await peers.amqplib()
    with TemporaryDirectory() as directory:
        page = Path(directory) / "messages"
        page.write_bytes(page_for_node(setting.page_size))
        script = str(Path(__file__).with_name("amqplib_way.mjs"))
        return await _reported(broker, "node", script, broker.url, str(events), str(page), AMQPLIB_HOME=str(home))


async def bridge(broker: Broker, setting: Setting, events: int) -> Run:
    """From the first request for a page to the commit of the last."""
    with TemporaryDirectory() as directory:
        store = Path(directory) / "bridge.db"
        async with feed(setting, events) as api:
            process = BridgeProcess(bridge_settings(broker.url, api.url, store, setting), Path(directory) / "log")
            await process.start()
            try:
                ends = [offsets_of(group, events, setting.her_ids)[-1] for group in range(groups(setting.her_ids))]
                with closing(_Cursors(store)) as cursors:
                    return await measured(broker, events, api, process.pid, lambda: cursors.now() == sorted(ends))
            finally:
                await process.close()


async def mq_bridge(broker: Broker, setting: Setting, events: int) -> Run:
    """From the first request for a page to the saved cursor that covers the last."""
    python = await peers.mq_bridge()
    with TemporaryDirectory() as directory:
        cursors, file = Path(directory) / "cursors.json", Path(directory) / "route.json"
        async with feed(setting, events) as api:
            route = route_of_mq_bridge(
                broker.url, api.url, cursors, page_size=setting.page_size, her_ids=setting.her_ids
            )
            file.write_bytes(msgspec.json.encode(route))
            process = await asyncio.create_subprocess_exec(
                str(python),
                "-c",
                RUN_MQ_BRIDGE,
                str(file),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                last = str(events)
                return await measured(
                    broker, events, api, process.pid, lambda: cursors.exists() and last in cursors.read_text()
                )
            finally:
                process.kill()
                await process.wait()


CEILING = Contender("ceiling", 1.0, ceiling)
BRIDGE = Contender("**the bridge, end to end**", 0.8, bridge)
CONTENDERS_APART = (
    BRIDGE,
    Contender("its publisher alone", 0.9, own_publisher),
    Contender("mq-bridge 1.2, the same job, 4 in flight", 0.7, mq_bridge),
)
CONTENDERS = (
    *CONTENDERS_APART,
    Contender("node amqplib, a page at a time", 0.7, amqplib),
    Contender("aio-pika, a page gathered", 0.25, gathered),
    Contender("aio-pika, one at a time", 0.04, one_at_a_time),
)


def bridge_settings(broker_url: str, api_url: str, store: Path, setting: Setting) -> dict[str, str]:
    return {
        "BRIDGE_NHN__BASE_URL": api_url,
        "BRIDGE_NHN__AUTH__METHOD": "none",
        "BRIDGE_NHN__SOURCE_SYSTEM": "bench, v1",
        "BRIDGE_NHN__HER_IDS": ",".join(str(FIRST_HER_ID + each) for each in range(setting.her_ids)),
        "BRIDGE_NHN__PAGE_SIZE": str(setting.page_size),
        "BRIDGE_BROKER__URLS": broker_url,
        "BRIDGE_STORE__URL": f"sqlite:///{store}",
    }


class Feed(msgspec.Struct, frozen=True):
    """The API's process."""

    url: str
    output: asyncio.StreamReader


@asynccontextmanager
async def feed(setting: Setting, events: int, rate: float | None = None) -> AsyncIterator[Feed]:
    """`rate`: else all events are there at once."""
    arguments = (free_port(), events, setting.page_size, setting.her_ids, *([] if rate is None else [rate]))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.api", *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield Feed(f"http://127.0.0.1:{arguments[0]}", process.stdout)
    finally:
        process.kill()
        await process.wait()


async def measured(broker: Broker, events: int, api: Feed, pid: int, is_done: Callable[[], bool]) -> Run:
    """A process that polls the feed, until it is done."""
    async with asyncio.timeout(RUN_TIMEOUT_S):
        began = float(await api.output.readline())
        cpu_before_s, broker_before_s = cpu_s(pid), broker.cpu_s()
        while not is_done():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(LOOK_S)
    seconds = time.monotonic() - began
    used_s, broker_used_s = cpu_s(pid) - cpu_before_s, broker.cpu_s() - broker_before_s
    if not await broker.has(events):
        raise RuntimeError("its cursor has passed events that are not in the queue")
    return Run(events=events, seconds=seconds, cpu_s=used_s, broker_cpu_s=broker_used_s, memory_mb=peak_memory_mb(pid))


async def _reported(broker: Broker, *command: str, **environment: str) -> Run:
    """A publisher that reports by itself."""
    before_s = broker.cpu_s()
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(RUN_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"it ended with exit code {process.returncode}")
    found = msgspec.json.decode(output, type=Report)
    return Run(
        events=found.events,
        seconds=found.seconds,
        cpu_s=found.cpu_s,
        broker_cpu_s=broker.cpu_s() - before_s,
        memory_mb=found.memory_mb,
    )


class _Cursors:
    """Where the bridge's store says that its streams stand, once it has polled. To connect anew for each look would
    take a twentieth of a core from what is measured.
    """

    def __init__(self, store: Path) -> None:
        self._store = store

    def now(self) -> list[int]:
        return [cursor for (cursor,) in self._connection.execute("SELECT cursor FROM nhn_stream ORDER BY cursor")]

    def close(self) -> None:
        self._connection.close()

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)
