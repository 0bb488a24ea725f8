"""The bridges under measurement, and what is done with them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from bridge.demo.process import BridgeProcess
from tests.bench.processes import memory_mb
from tests.scale.span import Moment, now
from tests.scale.world import LOOK_S, WAIT_S, Apis, Database, Subscribers, database

POLL_INTERVAL_S = 1.0
"""Short, so that rest can be measured in seconds; in production it is a minute."""
GROWTH_EVENTS = 10_000
GROWTH_REST_S = 6.0
NHN_QUEUE = "scale.nhn"


class Scene(NamedTuple):
    """What bridges are measured with, whatever their size."""

    directory: Path
    api: Apis
    server: str
    """URL of the PostgreSQL."""
    broker: str
    queues: Subscribers


class Replicas:
    """Some `bridge run` that share one database; ended at the end of the block."""

    def __init__(
        self, scene: Scene, store: Database, her_ids: Sequence[int], *, start: int = 0, orders: bool = False
    ) -> None:
        """`start`: the offset behind which they begin."""
        self.database = store
        self.running: list[BridgeProcess] = []
        self.delivery_s = 0.0
        """How long the last `deliver` took."""
        self._scene = scene
        file = scene.directory / f"her-ids-{len(her_ids)}"
        file.write_text("".join(f"{her_id}\n" for her_id in her_ids))
        self._settings = {
            "BRIDGE_NHN__BASE_URL": scene.api.url,
            "BRIDGE_NHN__AUTH__METHOD": "none",
            "BRIDGE_NHN__SOURCE_SYSTEM": "scale, v1",
            "BRIDGE_NHN__HER_IDS_FILE": str(file),
            "BRIDGE_NHN__START": str(start),
            "BRIDGE_NHN__POLL_INTERVAL_S": str(POLL_INTERVAL_S),
            "BRIDGE_BROKER__URLS": scene.broker,
            "BRIDGE_STORE__URL": store.url,
            "BRIDGE_LOG__LEVEL": "warning",
        }
        if orders:
            self._settings |= {
                "BRIDGE_ALTINN__BASE_URL": scene.api.url,
                "BRIDGE_ALTINN__AUTH__METHOD": "none",
                "BRIDGE_ALTINN__MAX_REQUESTS_PER_S": "1000",
            }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(replica.close() for replica in self.running))

    async def start(self, count: int) -> float:
        """So many at once; how long it took until they shared all streams fairly, seconds."""
        began = time.monotonic()
        for _ in range(count):
            replica = BridgeProcess(self._settings, self._scene.directory / f"bridge-{len(self.running)}.log")
            self.running.append(replica)
            await replica.start()
        try:
            async with asyncio.timeout(2 * WAIT_S):
                while not await self._is_shared():  # noqa: ASYNC110 - of other processes
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            logs = "\n".join(replica.end_of_log() for replica in self.running)
            raise RuntimeError(f"the streams are not shared: {await self.database.owners()}\n{logs}") from error
        return time.monotonic() - began

    async def shares(self) -> list[int]:
        """How many streams each runs."""
        owners = list((await self.database.owners()).values())
        return [owners.count(replica.pid) for replica in self.running]

    async def during(self, work: Coroutine[Any, Any, object]) -> Moment:
        """What the bridges and the database did while the work went on."""
        api = self._scene.api
        before = await now(self.running, self.database, api)
        await work
        return (await now(self.running, self.database, api)).since(before)

    async def deliver(self, count: int, her_ids: Sequence[int]) -> None:
        """Have so many notifications made for these receivers; returns once all are in the queue."""
        queues = self._scene.queues
        there = await queues.count(NHN_QUEUE)
        began = time.monotonic()
        await self._scene.api.create(count, her_ids)
        await queues.until(NHN_QUEUE, there + count)
        self.delivery_s = time.monotonic() - began

    async def _is_shared(self) -> bool:
        """Whether the receivers are placed, and all streams run, shared as evenly as they can be."""
        owners, shares = await self.database.owners(), await self.shares()
        is_placed = any(name.startswith("nhn/") for name in owners)
        return is_placed and None not in owners.values() and max(shares) - min(shares) <= 1


async def takeover(replicas: Replicas, end: Callable[[BridgeProcess], Awaitable[object]]) -> tuple[int, float]:
    """End one replica in this way: how many streams it had, and after how many seconds others had all of them."""
    replica = replicas.running.pop()
    mine = {name for name, owner in (await replicas.database.owners()).items() if owner == replica.pid}
    others = {each.pid for each in replicas.running}
    began = time.monotonic()
    ending = asyncio.ensure_future(end(replica))
    async with asyncio.timeout(WAIT_S):
        while not {(await replicas.database.owners())[name] for name in mine} <= others:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(LOOK_S)
    took_s = time.monotonic() - began
    await ending
    await replica.close()
    return len(mine), took_s


async def grown(scene: Scene, her_ids: Sequence[int]) -> list[str]:
    """A line of the table: one bridge with these receivers, from what is there now on."""
    last = await scene.api.last_offset()
    async with (
        database(scene.server, f"scale_{len(her_ids)}") as store,
        Replicas(scene, store, her_ids, start=last) as one,
    ):
        await one.start(1)
        rest = await one.during(asyncio.sleep(GROWTH_REST_S))
        load = await one.during(one.deliver(GROWTH_EVENTS, her_ids))
        return [
            f"{len(her_ids):,}",
            f"{sum(await one.shares())}",
            f"{rest.cpu_s / max(rest.nhn_polls, 1) * 1000:.1f} ms",
            f"{rest.transactions_per_s:.1f}",
            f"{GROWTH_EVENTS / one.delivery_s:,.0f}",
            f"{load.cpu_s / GROWTH_EVENTS * 1e6:,.0f} µs",
            f"{memory_mb(one.running[0].pid):.0f} MB",
        ]
