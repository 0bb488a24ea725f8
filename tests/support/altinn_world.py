"""Altinn's orders in memory, at the level of `AltinnApi`, and a stream of them under test on the virtual clock."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, islice
from typing import Any
from uuid import UUID

from bridge.altinn.answers import SHIPMENT_NOT_FOUND, OrderUnknown
from bridge.altinn.api import AltinnApi
from bridge.altinn.decode import EmailSummary, Shipment, read_summary
from bridge.altinn.messages import OrderMessageMaker
from bridge.altinn.schedule import PollSchedule
from bridge.altinn.source import OrdersSource
from bridge.checkpoints import (
    AltinnCheckpoint,
    FeedRead,
    FeedRow,
    FeedState,
    Registration,
    WatchedOrder,
    WatchOrders,
    order_stream,
)
from bridge.errors import TransientError
from bridge.events.cloudevent import moment_of
from bridge.ports import Batch
from bridge.retry import Backoff
from tests.support.altinn import email, summary_body
from tests.support.clock import FakeClock, LongestWait, PatientClock
from tests.support.fake_altinn_store import FakeAltinnStore
from tests.support.observers import Recorder

STREAM = "altinn/orders/0"


_ids = (name for each in count() if order_stream(name := str(UUID(int=each))) == STREAM)
_known_ids: list[str] = []


def order_id(number: int) -> str:
    """The id of the order with this number ≥ 0; all are of STREAM."""
    _known_ids.extend(islice(_ids, max(number + 1 - len(_known_ids), 0)))
    return _known_ids[number]


@dataclass
class SimulatedEmail:
    """An e-mail as it stands now."""

    notification_id: str
    status: str
    last_update: str
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> tuple[str, str]:
        return self.status, self.last_update

    def item(self) -> dict[str, Any]:
        return email(self.notification_id, self.status, self.last_update, **self.changes)


@dataclass
class SimulatedOrder:
    """An order as it stands now."""

    status: str = "Order_Processed"
    emails: list[SimulatedEmail] = field(default_factory=list)


@dataclass(frozen=True)
class Request:
    """What the API was asked."""

    at: float
    kind: str
    """`emails` or `shipment`."""
    order_id: str


class SimulatedAltinn(AltinnApi):
    """Orders that tests move, read as the API documents it."""

    def __init__(self, clock: FakeClock) -> None:
        self._doubts = 0
        self.clock = clock
        self.orders: dict[str, SimulatedOrder] = {}
        self.requests: list[Request] = []
        """All that were made, in order."""
        self.trouble: Callable[[Request], None] = lambda _request: None
        """Raises what a request is to fail with, once its time is over."""
        self.seconds: Callable[[Request], float] = lambda _request: 0.01
        """How long a request takes."""
        self.served: Callable[[Request, EmailSummary | Shipment], None] = lambda _request, _answer: None
        """Is told what a request was answered."""
        self.under_way: list[str] = []
        """Orders that are asked for at the moment."""
        self.most_under_way = 0

    def order(self, number: int, *statuses: str, status: str = "Order_Processed") -> SimulatedOrder:
        """There is this order, with an e-mail in each of these statuses."""
        emails = [SimulatedEmail(f"{number}-{index}", each, self.time()) for index, each in enumerate(statuses)]
        self.orders[order_id(number)] = SimulatedOrder(status, emails)
        return self.orders[order_id(number)]

    def move(self, number: int, index: int, status: str) -> None:
        """An e-mail changes now."""
        moved = self.orders[order_id(number)].emails[index]
        moved.status, moved.last_update = status, self.time()

    def time(self) -> str:
        """The present as the API writes it."""
        return self.clock.now().isoformat().replace("+00:00", "Z")

    def asked(self, number: int, kind: str = "emails") -> list[float]:
        """When an order was asked for."""
        return [each.at for each in self.requests if (each.kind, each.order_id) == (kind, order_id(number))]

    async def emails(self, order_id: str) -> EmailSummary:
        with self._request("emails", order_id) as request:
            await self.clock.sleep(self.seconds(request))
            self.trouble(request)
            if order_id not in self.orders:
                raise OrderUnknown(None)
            items = [each.item() for each in self.orders[order_id].emails]
            answer = read_summary(summary_body(*items, orderId=order_id), order_id=order_id, recipient="address")
            self.served(request, answer)
            return answer

    async def shipment(self, order_id: str) -> Shipment:
        with self._request("shipment", order_id) as request:
            await self.clock.sleep(self.seconds(request))
            self.trouble(request)
            if order_id not in self.orders:
                raise OrderUnknown(SHIPMENT_NOT_FOUND)
            answer = Shipment(self.orders[order_id].status, self.time(), moment_of(self.time()))
            self.served(request, answer)
            return answer

    @contextmanager
    def _request(self, kind: str, order_id: str) -> Iterator[Request]:
        assert order_id not in self.under_way, "an order is in two polls at once"
        request = Request(self.clock.monotonic(), kind, order_id)
        self.requests.append(request)
        self.under_way.append(order_id)
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        try:
            yield request
        finally:
            self.under_way.remove(order_id)


class NoSpread(random.Random):
    """Dice without jitter."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


@dataclass
class OrdersStream:
    """One stream of the source under test, with its store; started again from there as often as a test wants."""

    schedule: PollSchedule = field(default_factory=PollSchedule)
    clock: FakeClock = field(default_factory=PatientClock)
    store: FakeAltinnStore = field(default_factory=FakeAltinnStore)
    observer: Recorder = field(default_factory=Recorder)
    dice: random.Random = field(default_factory=NoSpread)
    order_closed_events: bool = False
    longest_rest_s: float = 300.0
    """Of an order whose polls fail."""

    def __post_init__(self) -> None:
        self.api = SimulatedAltinn(self.clock)
        self.failures: list[tuple[float, TransientError]] = []
        """(second, error) of each failed call of `next`."""
        self._next: asyncio.Task[Batch[AltinnCheckpoint]] | None = None

    def source(self) -> OrdersSource:
        """A source that knows what the store knows."""
        maker = OrderMessageMaker(
            exchange="altinn.notifications",
            parked_exchange="bridge.parked",
            recipient="address",
            order_closed_events=self.order_closed_events,
            clock=self.clock,
        )
        return OrdersSource(
            STREAM,
            api=self.api,
            store=self.store,
            maker=maker,
            schedule=self.schedule,
            clock=self.clock,
            observer=self.observer,
            dice=self.dice,
            backoff=Backoff(base_s=2.0, cap_s=self.longest_rest_s, dice=LongestWait()),
        )

    async def watch(self, *numbers: int, in_s: float = 0.0, reopens: bool = False) -> None:
        """Orders are registered, to be sent so many seconds from now."""
        at = self.epoch_s()
        orders = tuple(
            Registration(order_id=order_id(number), requested_send_time=at + in_s if in_s else None)
            for number in numbers
        )
        await self.store.commit(WatchOrders(stream=STREAM, orders=orders, at=at, reopens=reopens))

    async def poke(self, *numbers: int) -> None:
        """The status feed names these orders."""
        state = await self.store.feed("altinn/feed")
        previous = state.cursor if state else None
        rows = tuple(
            FeedRow(order_id=order_id(number), sequence=sequence)
            for sequence, number in enumerate(numbers, start=(previous or 0) + 1)
        )
        after = FeedState((previous or 0) + len(rows))
        await self.store.commit(
            FeedRead(stream="altinn/feed", previous=previous, after=after, rows=rows, at=self.epoch_s())
        )

    async def state(self, number: int) -> WatchedOrder:
        """What the store remembers of an order."""
        order = await self.store.order(order_id(number))
        assert order is not None
        return order

    def epoch_s(self, after_s: float = 0.0) -> float:
        return (self.clock.now() + timedelta(seconds=after_s)).timestamp()

    async def uncommitted(self, source: OrdersSource, seconds: float) -> list[Batch[AltinnCheckpoint]]:
        """What the source gives for so long; failures are waited out, at least as long as they ask.

        A call that is under way then is taken up by the next call of this.
        """
        return [batch async for batch in self._batches(source, seconds)]

    async def run(self, source: OrdersSource, seconds: float) -> list[Batch[AltinnCheckpoint]]:
        """What the source gives for so long, each batch committed at once."""
        batches = []
        async for batch in self._batches(source, seconds):
            await self.commit(source, batch)
            batches.append(batch)
        return batches

    async def commit(self, source: OrdersSource, batch: Batch[AltinnCheckpoint]) -> None:
        """As the pipeline does once all messages are confirmed."""
        await self.store.commit(batch.checkpoint)
        await source.committed(batch)

    async def close(self, source: OrdersSource) -> None:
        """As the service does."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next})
            self._next = None
        await source.close()

    async def _batches(self, source: OrdersSource, seconds: float) -> AsyncIterator[Batch[AltinnCheckpoint]]:
        over = asyncio.create_task(self.clock.sleep(seconds))
        while not over.done():
            self._next = self._next or asyncio.create_task(source.next())
            await asyncio.wait({self._next, over}, return_when=asyncio.FIRST_COMPLETED)
            if not self._next.done():
                return
            done, self._next = self._next, None
            try:
                yield done.result()
            except TransientError as error:
                self.failures.append((self.clock.monotonic(), error))
                await self.clock.sleep(max(error.retry_after_s or 0.0, 0.5))


def published(batches: list[Batch[AltinnCheckpoint]]) -> list[tuple[str, str]]:
    """(routing key, notification id) of all that was handed out, in order."""
    return [
        (message.routing_key, json.loads(message.body).get("subject", ""))
        for batch in batches
        for message in batch.messages
    ]
