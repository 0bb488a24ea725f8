"""The Altinn source as a service: orders come in by settings, queue and feed; each stream of orders polls its own.

ALTINN__ORDERS ──────────────┐
altinn/registrations (queue) ├─> watched orders, in the store ──> altinn/orders/<n> ──> events
altinn/feed (status feed) ───┘
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, TypeVar

import msgspec

from bridge.altinn.api import AltinnApi
from bridge.altinn.feed import FeedSource, FeedStart
from bridge.altinn.messages import OrderMessageMaker
from bridge.altinn.registrations import STREAM as REGISTRATIONS
from bridge.altinn.registrations import RegistrationSource
from bridge.altinn.schedule import PollSchedule
from bridge.altinn.source import OrdersSource
from bridge.checkpoints import ORDER_STREAMS, AltinnCheckpoint, Registration, WatchOrders
from bridge.http import HostGate
from bridge.ops.order_telemetry import OrdersTelemetry, RegistrationsTelemetry
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import Bounds
from bridge.ops.telemetry import StreamTelemetry
from bridge.ownership import Ownership
from bridge.ports import Clock, Inbox, OrderStore, Source
from bridge.streams import StreamRunner, once_stored
from bridge.supervisor import unless_stopped

PREFIX = "altinn/"
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
    max_requests_per_s: float
    """Over all replicas together."""
    parked_exchange: str
    bounds: Bounds


class AltinnService:
    """All streams of the source."""

    def __init__(
        self,
        settings: AltinnServiceSettings,
        *,
        api: AltinnApi,
        gate: HostGate,
        inbox: Callable[[], Inbox],
        ownership: Ownership,
        runner: StreamRunner,
        store: OrderStore,
        maker: OrderMessageMaker,
        telemetry: BridgeTelemetry,
        clock: Clock,
    ) -> None:
        """`gate`: what all requests of `api` pass. `inbox` makes the reader of the registrations' queue."""
        self._settings = settings
        self._api = api
        self._gate = gate
        self._inbox = inbox
        self._ownership = ownership
        self._runner = runner
        self._store = store
        self._maker = maker
        self._telemetry = telemetry
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then drain. A Service of the supervisor.

        Replicas share the streams; the orders of its own settings each of them registers.
        """
        await unless_stopped(stop, self._stored(self._watch_given_orders))
        streams = {f"{PREFIX}orders/{number}": self._run_orders for number in range(ORDER_STREAMS)}
        streams[REGISTRATIONS] = self._run_registrations
        if self._settings.discovery == "feed":
            streams[FEED] = self._run_feed
        await unless_stopped(stop, self._stored(partial(self._ownership.declare, PREFIX, list(streams))))
        async with asyncio.TaskGroup() as tasks:
            for name, run in streams.items():
                tasks.create_task(self._ownership.while_owned(name, stop, partial(run, name)), name=name)
            tasks.create_task(self._share_rate(stop), name="altinn rate")
            tasks.create_task(self._count(stop), name="altinn counts")
            tasks.create_task(self._forget(stop), name="altinn forgets")

    async def _run_orders(self, name: str, turn: asyncio.Event) -> None:
        telemetry = self._telemetry.order_stream(name, self._settings.bounds)
        await self._run_stream(telemetry, partial(self._orders, name, telemetry), turn)

    async def _run_registrations(self, name: str, turn: asyncio.Event) -> None:
        telemetry = self._telemetry.registrations(name, self._settings.bounds)
        await self._run_stream(telemetry, partial(self._registrations, telemetry), turn)

    async def _run_feed(self, name: str, turn: asyncio.Event) -> None:
        telemetry = self._telemetry.stream("altinn", name, self._settings.bounds)
        await self._run_stream(telemetry, partial(self._feed, telemetry), turn)

    async def _run_stream(
        self, telemetry: StreamTelemetry, make: Callable[[], Source[AltinnCheckpoint]], turn: asyncio.Event
    ) -> None:
        """Run one stream, which is ours, until `turn`."""

        async def start() -> Source[AltinnCheckpoint]:
            # Of these streams the feed alone has a cursor.
            feed = await self._stored(partial(self._store.feed, telemetry.progress.name))
            telemetry.started(cursor=None if feed is None else feed.cursor)
            return make()

        try:
            await self._runner.run(telemetry, start, self._store, turn)
        finally:
            self._telemetry.forget(telemetry.progress.name)

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

    async def _share_rate(self, stop: asyncio.Event) -> None:
        """The bound is one over all replicas that ask this host: each takes an even part of it."""
        while not stop.is_set():
            self._gate.max_requests_per_s = self._settings.max_requests_per_s / self._ownership.sharers(PREFIX)
            await unless_stopped(stop, self._ownership.looked())

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
