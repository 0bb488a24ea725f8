"""The Altinn source as a service: orders come in by settings, queue and feed; each stream of orders polls its own.

ALTINN__ORDERS ──────────────┐
altinn/registrations (queue) ├─> watched orders, in the store ──> altinn/orders/<n> ──> events
altinn/feed (status feed) ───┘
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import msgspec

from bridge.altinn.api import AltinnApi
from bridge.altinn.feed import FeedSource, FeedStart
from bridge.altinn.messages import OrderMessageMaker
from bridge.altinn.registrations import STREAM as REGISTRATIONS
from bridge.altinn.registrations import RegistrationSource
from bridge.altinn.schedule import PollSchedule
from bridge.altinn.source import OrdersSource
from bridge.checkpoints import ORDER_STREAMS, AltinnCheckpoint, Registration, WatchOrders
from bridge.ops.order_telemetry import OrdersTelemetry, RegistrationsTelemetry
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import Bounds
from bridge.ops.telemetry import StreamTelemetry
from bridge.ports import Clock, Inbox, OrderStore, Source
from bridge.streams import StreamRunner, once_stored
from bridge.supervisor import unless_stopped

FEED = "altinn/feed"
Answer = TypeVar("Answer")
COUNT_EVERY_S = 15.0
"""Between two counts of the watched orders: an index scan of all of them."""
CLOSED_KEPT_S = 90 * 86_400.0
"""How long a closed order is remembered: as long as Altinn's feed could name it."""
FORGET_EVERY_S = 3600.0
FORGET_AT_A_TIME = 1000


class AltinnServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What of the settings concerns the source."""

    orders: frozenset[str]
    discovery: Literal["none", "feed"]
    feed_start: FeedStart
    schedule: PollSchedule
    parked_exchange: str
    bounds: Bounds


class _Stream(NamedTuple):
    """A stream of this process."""

    telemetry: StreamTelemetry
    make: Callable[[], Source[AltinnCheckpoint]]
    """Its source, anew from what the store says."""


class AltinnService:
    """All streams of the source."""

    def __init__(
        self,
        settings: AltinnServiceSettings,
        *,
        api: AltinnApi,
        inbox: Callable[[], Inbox],
        runner: StreamRunner,
        store: OrderStore,
        maker: OrderMessageMaker,
        telemetry: BridgeTelemetry,
        clock: Clock,
    ) -> None:
        """`inbox` makes the reader of the registrations' queue."""
        self._settings = settings
        self._api = api
        self._inbox = inbox
        self._runner = runner
        self._store = store
        self._maker = maker
        self._telemetry = telemetry
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then drain. A Service of the supervisor."""
        streams = self._streams()
        await unless_stopped(stop, self._stored(self._watch_given_orders))
        async with asyncio.TaskGroup() as tasks:
            for stream in streams:
                tasks.create_task(self._run_stream(stream, stop), name=stream.telemetry.progress.name)
            tasks.create_task(self._count(stop), name="altinn counts")
            tasks.create_task(self._forget(stop), name="altinn forgets")

    def _streams(self) -> list[_Stream]:
        telemetry, bounds = self._telemetry, self._settings.bounds
        names = [f"altinn/orders/{number}" for number in range(ORDER_STREAMS)]
        orders = [(name, telemetry.order_stream(name, bounds)) for name in names]
        registrations = telemetry.registrations(REGISTRATIONS, bounds)
        streams = [
            *(_Stream(own, partial(self._orders, name, own)) for name, own in orders),
            _Stream(registrations, partial(self._registrations, registrations)),
        ]
        if self._settings.discovery == "feed":
            feed = telemetry.stream("altinn", FEED, bounds)
            streams.append(_Stream(feed, partial(self._feed, feed)))
        return streams

    async def _run_stream(self, stream: _Stream, stop: asyncio.Event) -> None:
        async def start() -> Source[AltinnCheckpoint]:
            stream.telemetry.started()
            return stream.make()

        await self._runner.run(stream.telemetry, start, self._store, stop)

    def _orders(self, name: str, telemetry: OrdersTelemetry) -> Source[AltinnCheckpoint]:
        return OrdersSource(
            name,
            api=self._api,
            store=self._store,
            maker=self._maker,
            schedule=self._settings.schedule,
            clock=self._clock,
            observer=telemetry,
        )

    def _registrations(self, telemetry: RegistrationsTelemetry) -> Source[AltinnCheckpoint]:
        return RegistrationSource(
            self._inbox(), parked_exchange=self._settings.parked_exchange, clock=self._clock, observer=telemetry
        )

    def _feed(self, telemetry: StreamTelemetry) -> Source[AltinnCheckpoint]:
        return FeedSource(
            FEED,
            api=self._api,
            store=self._store,
            start=self._settings.feed_start,
            interval_s=self._settings.schedule.first_poll_s,
            clock=self._clock,
            observer=telemetry,
        )

    async def _watch_given_orders(self) -> None:
        """Those of the settings; one that has ended stays so, at every start."""
        orders: Sequence[str] = sorted(self._settings.orders)
        if orders:
            given = tuple(Registration(order_id=order_id) for order_id in orders)
            at = self._clock.now().timestamp()
            await self._store.commit(WatchOrders(stream=REGISTRATIONS, orders=given, at=at))

    async def _count(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            counts = await unless_stopped(stop, self._stored(self._store.counts))
            if counts is not None:
                self._telemetry.orders(counts)
            await unless_stopped(stop, self._clock.sleep(COUNT_EVERY_S))

    async def _forget(self, stop: asyncio.Event) -> None:
        """Closed orders, in small portions, so that they hold up no commit for long."""
        while not stop.is_set():
            before = self._clock.now().timestamp() - CLOSED_KEPT_S
            forget = partial(self._store.forget_closed, before, limit=FORGET_AT_A_TIME)
            forgotten = await unless_stopped(stop, self._stored(forget))
            if not forgotten or forgotten < FORGET_AT_A_TIME:
                await unless_stopped(stop, self._clock.sleep(FORGET_EVERY_S))

    async def _stored(self, operation: Callable[[], Awaitable[Answer]]) -> Answer:
        return await once_stored(operation, telemetry=self._telemetry.store, clock=self._clock)
