"""A bridge between a sandbox and a real broker, both with faults to switch on, and a subscriber's queue behind it.

async with bridged(tmp_path, broker_vhost, total=40) as world:
    world.fault("503", count=2)
    await world.until_committed()
    assert_delivered(await world.arrived(), world.created_ids())
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aio_pika.abc import AbstractIncomingMessage

from bridge.clock import SystemClock
from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.feed import Row
from bridge.sandbox.records import Created, Creation, Request
from bridge.sandbox.server import Sandbox
from bridge.sandbox.supply import SupplyPlan
from bridge.sandbox.tcp_proxy import TcpProxy
from bridge.store import open_store
from tests.support import published_plainly, signed_in
from tests.support.broker import collect, declare_queue, open_channel, ready_count
from tests.support.in_process import STREAM, Bridge, kept_log
from tests.support.system import EXCHANGE, QUEUE, Event

PARKED = "bridge.parked"
HER_IDS = (7001, 7002, 7003, 7004)
POLL_INTERVAL_S = 0.05
PAGE_SIZE = 20
PAGES_IN_FLIGHT = 4
AT_THE_START = dict.fromkeys(HER_IDS, 0)
"""Offsets of receivers of whom nothing is committed yet."""

Bridged = Callable[..., AbstractAsyncContextManager["World"]]
"""`bridged` in a test's own directory and vhost: the fixture of tests/faults."""


class World(Bridge):
    """A bridge with what is around it. Made by `bridged`."""

    def __init__(
        self, environment: Mapping[str, str], log: io.StringIO, *, sandbox: Sandbox, proxy: TcpProxy, url: str
    ) -> None:
        super().__init__(environment, log)
        self.sandbox = sandbox
        self.proxy = proxy
        """Between the bridge and the broker."""
        self.url = url
        """The broker itself."""

    def fault(self, kind: str, **rule: Any) -> None:
        """Switch a fault of the API on."""
        self.sandbox.nhn.add_fault(FaultRule(kind=FaultKind(kind), **rule))

    def mend(self) -> None:
        """Switch all faults of the API off."""
        self.sandbox.nhn.clear_faults()

    def create(self, count: int, *, fault: FaultRule | None = None, **wanted: Any) -> list[Row]:
        """Create notifications now, see `Creation`."""
        return self.sandbox.nhn.create(Creation(count=count, fault=fault, **wanted))

    def created(self) -> list[Created]:
        """All notifications so far, in offset order."""
        return self.sandbox.nhn.created(limit=10_000)

    def created_ids(self) -> list[str]:
        """The event ids of all notifications so far, in offset order."""
        return [each.id for each in self.created() if each.id is not None]

    @property
    def requests(self) -> list[Request]:
        """The last 50 that the API has seen."""
        return self.sandbox.nhn.state().recent_requests

    @property
    def asked(self) -> int:
        """How many it has seen."""
        return self.sandbox.nhn.state().requests

    async def until_polled(self, times: int) -> None:
        """Return once it has seen so many more."""
        wanted = self.asked + times
        await self.until(lambda: self.asked >= wanted)

    async def assert_polling_pauses(self) -> None:
        """Nothing is asked for four poll intervals."""
        asked = self.asked
        await asyncio.sleep(4 * POLL_INTERVAL_S)
        assert self.asked == asked

    @property
    def last_offset(self) -> int:
        """The highest that the API has given away."""
        return self.sandbox.nhn.state().last_offset

    async def until_committed(self, stream: str = STREAM, *, timeout_s: float = 15.0) -> None:
        """Return once the stream's cursor stands at the API's last offset."""

        async def stands_there() -> bool:
            streams = (await self.status())["streams"]
            return [each["cursor"] for each in streams if each["name"] == stream] == [self.last_offset]

        await self.until(stands_there, timeout_s=timeout_s)

    async def offsets(self) -> dict[int, int]:
        """HER-id → offset, as the store has it."""
        url = self.environment["BRIDGE_STORE__URL"]
        async with open_store(url, clock=SystemClock(), is_owner=False) as stores:
            return {each.her_id: each.offset for each in await stores.nhn.receivers()}

    async def until_in_step(self, *, timeout_s: float = 15.0) -> None:
        """Return once every receiver in the store stands at the API's last offset."""

        async def are_there() -> bool:
            return set((await self.offsets()).values()) == {self.last_offset}

        await self.until(are_there, timeout_s=timeout_s)

    async def taken(self, queue: str) -> list[AbstractIncomingMessage]:
        """Take every message that waits in the queue."""
        return await collect(self.url, queue, await ready_count(self.url, queue))

    async def arrived(self, queue: str = QUEUE) -> list[Event]:
        """Take every event that waits in the queue, in order of arrival."""
        return [msgspec.json.decode(message.body, type=Event) for message in await self.taken(queue)]

    async def until_waiting(self, count: int, queue: str = QUEUE) -> None:
        """Return once at least so many messages wait in the queue."""
        async with open_channel(self.url) as channel:

            async def are_waiting() -> bool:
                declared = await channel.declare_queue(queue, passive=True)
                return (declared.declaration_result.message_count or 0) >= count

            await self.until(are_waiting)


@asynccontextmanager
async def bridged(
    directory: Path,
    url: str,
    *,
    her_ids: Sequence[int] = HER_IDS,
    total: int = 0,
    faults: Sequence[FaultRule] = (),
    settings: Mapping[str, str] | None = None,
    is_bound: bool = True,
    start: bool = True,
) -> AsyncIterator[World]:
    """`total` notifications created, a queue bound to all events unless told not, the bridge started unless told not.

    At the end of the block the bridge is cut off, if it still runs: what it must do before is for the test to say.
    """
    await declare_queue(url, QUEUE, *((EXCHANGE, "#") if is_bound else ()))
    target = urlsplit(url)
    with kept_log() as log:
        async with (
            TcpProxy(target.hostname or "localhost", target.port or 5672) as proxy,
            Sandbox(
                port=0, her_ids=her_ids, supply=SupplyPlan(total=total), faults=faults, sign_in=signed_in.plan()
            ) as sandbox,
        ):
            login, _, _ = target.netloc.rpartition("@")
            environment = {
                "BRIDGE_NHN__BASE_URL": sandbox.nhn_url,
                **signed_in.settings(sandbox, signed_in.plan()),
                **published_plainly.settings(),
                "BRIDGE_NHN__SOURCE_SYSTEM": "tests, v1",
                "BRIDGE_NHN__HER_IDS": ",".join(map(str, her_ids)),
                "BRIDGE_NHN__POLL_INTERVAL_S": str(POLL_INTERVAL_S),
                "BRIDGE_NHN__PAGE_SIZE": str(PAGE_SIZE),
                "BRIDGE_BROKER__URLS": target._replace(netloc=f"{login}@{proxy.host}:{proxy.port}").geturl(),
                "BRIDGE_STORE__URL": f"sqlite:///{directory / 'bridge.db'}",
                "BRIDGE_OPS__PORT": "0",
                **(settings or {}),
            }
            world = World(environment, log, sandbox=sandbox, proxy=proxy, url=url)
            try:
                if start:
                    await world.start()
                yield world
            finally:
                await world.close()


def assert_parked(message: AbstractIncomingMessage, *, reason: str, exchange: str = "", routing_key: str = "") -> None:
    """The headers of product.md §5."""
    assert message.exchange == PARKED
    assert message.headers["x-parked-reason"] == reason
    assert message.headers["x-original-exchange"] == exchange
    assert message.headers["x-original-routing-key"] == routing_key
    assert message.headers["x-parked-detail"]
    assert datetime.fromisoformat(str(message.headers["x-parked-at"])).tzinfo is not None
