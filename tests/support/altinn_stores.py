"""The stores of Altinn's orders that the contract suites run on, and the words that those suites share."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass

import pytest

from bridge.checkpoints import (
    AltinnCheckpoint,
    EmailSeen,
    FeedRead,
    FeedRow,
    FeedState,
    OrderPolled,
    OrdersPolled,
    Registration,
    WatchedOrder,
    WatchOrders,
    order_stream,
)
from bridge.errors import InvariantViolation
from bridge.ports import OrderStore
from bridge.store import open_store
from tests.support.clock import FakeClock
from tests.support.fake_altinn_store import FakeAltinnStore
from tests.support.stores import locked, refusing

A, B, C, D = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abcd")
"""Orders, in the order of their ids."""
FEED = "altinn/feed"
TABLES = ("altinn_order", "altinn_email", "altinn_feed")


@dataclass
class Subject:
    """A store to test, and a way to make it fail."""

    store: OrderStore
    unavailable: Callable[[], AbstractContextManager[None]]


@asynccontextmanager
async def fake(_request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    store = FakeAltinnStore()

    @contextmanager
    def unavailable() -> Iterator[None]:
        store.failures_to_come = 1_000_000
        yield
        store.failures_to_come = 0

    yield Subject(store, unavailable)


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    path = request.getfixturevalue("tmp_path") / "bridge.db"
    shutil.copy(request.getfixturevalue("migrated_store"), path)
    async with open_store(f"sqlite:///{path}", clock=FakeClock(), busy_timeout_s=0.05) as stores:
        yield Subject(stores.altinn, lambda: locked(path))


@asynccontextmanager
async def postgres(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    url: str = request.getfixturevalue("postgres_url")
    async with open_store(url, clock=FakeClock()) as stores:
        yield Subject(stores.altinn, lambda: refusing(url, *TABLES))


@pytest.fixture(params=[fake, sqlite, postgres], ids=lambda implementation: implementation.__name__)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    implementation: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Subject]] = request.param
    async with implementation(request) as subject:
        yield subject


@pytest.fixture
def store(subject: Subject) -> OrderStore:
    return subject.store


def watch(*named: str | Registration, at: float = 100.0, reopens: bool = False) -> WatchOrders:
    orders = tuple(Registration(order_id=each) if isinstance(each, str) else each for each in named)
    return WatchOrders(stream="altinn/registrations", orders=orders, at=at, reopens=reopens)


def polled(*orders: OrderPolled, at: float = 200.0) -> OrdersPolled:
    return OrdersPolled(stream=order_stream(orders[0].order_id), orders=orders, at=at)


def sending(order_id: str, *emails: EmailSeen, due_at: float = 300.0, pokes: int = 0) -> OrderPolled:
    return OrderPolled(
        order_id=order_id,
        pokes=pokes,
        state="sending",
        due_at=due_at,
        left_registered_at=110.0,
        changed_at=120.0,
        emails=emails,
    )


def completed(order_id: str, *, pokes: int = 0) -> OrderPolled:
    return OrderPolled(
        order_id=order_id, pokes=pokes, state="completed", due_at=None, left_registered_at=110.0, changed_at=120.0
    )


def given_up(order_id: str) -> OrderPolled:
    return OrderPolled(
        order_id=order_id, pokes=0, state="given-up", due_at=None, left_registered_at=110.0, changed_at=120.0
    )


def not_found(order_id: str) -> OrderPolled:
    return OrderPolled(order_id=order_id, pokes=0, state="not-found", due_at=None, missing_since=110.0)


def feed_read(previous: int | None, cursor: int, *rows: FeedRow, at: float = 400.0) -> FeedRead:
    return FeedRead(stream=FEED, previous=previous, after=FeedState(cursor), rows=rows, at=at)


def row(order_id: str, sequence: int, senders_reference: str | None = None) -> FeedRow:
    return FeedRow(order_id=order_id, sequence=sequence, senders_reference=senders_reference)


def email(number: int, status: str = "New") -> EmailSeen:
    return EmailSeen(f"e-{number}", status, "2026-04-14T06:00:00.1234567Z")


async def everything(store: OrderStore) -> tuple[list[WatchedOrder], Mapping[str, Mapping[str, EmailSeen]], object]:
    """All that the store shows: orders, e-mails, feed."""
    orders = list(await store.orders(limit=1_000_000))
    return orders, await store.emails([order.order_id for order in orders]), await store.feed(FEED)


async def only(store: OrderStore, order_id: str = A) -> WatchedOrder:
    order = await store.order(order_id)
    assert order is not None
    return order


async def assert_refused(store: OrderStore, checkpoint: AltinnCheckpoint) -> None:
    """The checkpoint contradicts the store, which stays as it is."""
    before = await everything(store)
    with pytest.raises(InvariantViolation):
        await store.commit(checkpoint)
    assert await everything(store) == before
