"""Any sequence of checkpoints leaves the fake and the real store of orders the same, or is refused by both."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.checkpoints import (
    CLOSED_STATES,
    ORDER_STATES,
    AltinnCheckpoint,
    EmailSeen,
    FeedMark,
    FeedRead,
    FeedRow,
    FeedState,
    OrderPolled,
    OrdersPolled,
    Registration,
    WatchOrders,
)
from bridge.errors import InvariantViolation
from bridge.ports import OrderStore
from bridge.store import open_store
from tests.support.altinn_stores import FEED, A, B, C, D, everything
from tests.support.clock import FakeClock
from tests.support.fake_altinn_store import FakeAltinnStore

# Few of everything, so that checkpoints often meet what they name.
IDS = st.sampled_from([A, B, C, D])
MOMENTS = st.sampled_from([0.0, 1.0, 2.5, 3.0, 4.0])
REFERENCES = st.sampled_from([None, "", "ref", "other"])
EMAILS = st.builds(EmailSeen, st.sampled_from(["e-1", "e-2"]), st.sampled_from(["New", "Sent"]), st.just("t"))
REGISTRATIONS = st.builds(
    Registration, order_id=IDS, senders_reference=REFERENCES, requested_send_time=st.none() | MOMENTS
)
ROWS = st.builds(FeedRow, order_id=IDS, sequence=st.integers(0, 9), senders_reference=REFERENCES)
MARKS = st.lists(st.builds(FeedMark, MOMENTS, st.integers(0, 2**62)), max_size=2).map(tuple)

Step = AltinnCheckpoint | frozenset[str] | tuple[float, int]
"""A commit, orders to remove, or what is closed to forget."""


@st.composite
def polls(draw: st.DrawFn, pokes: dict[str, int]) -> OrderPolled:
    """A poll that mostly knows of the order's pokes, and mostly agrees with itself."""
    order_id = draw(IDS)
    state = draw(st.sampled_from(ORDER_STATES))
    due_at = None if state in CLOSED_STATES else draw(MOMENTS)
    return OrderPolled(
        order_id=order_id,
        pokes=pokes.get(order_id, 0) if draw(st.sampled_from([True, True, False])) else draw(st.integers(0, 2)),
        state=state,
        due_at=due_at if draw(st.integers(0, 30)) else draw(st.none() | MOMENTS),
        senders_reference=draw(REFERENCES),
        left_registered_at=draw(st.none() | MOMENTS),
        changed_at=draw(st.none() | MOMENTS),
        missing_since=draw(st.none() | MOMENTS),
        emails=tuple(draw(st.lists(EMAILS, max_size=3))),
    )


@st.composite
def steps(draw: st.DrawFn, pokes: dict[str, int], feed: FeedState | None) -> Step:
    kind = draw(st.sampled_from([WatchOrders, OrdersPolled, OrdersPolled, FeedRead, FeedRead, "remove", "forget"]))
    at = draw(MOMENTS)
    if kind is WatchOrders:
        orders = draw(st.lists(REGISTRATIONS, max_size=4))
        return WatchOrders(stream="altinn/registrations", orders=tuple(orders), at=at, reopens=draw(st.booleans()))
    if kind is OrdersPolled:
        found = draw(st.lists(polls(pokes), max_size=3))
        return OrdersPolled(stream="altinn/orders/1", orders=tuple(found), at=at)
    if kind is FeedRead:
        cursor = None if feed is None else feed.cursor
        previous = cursor if draw(st.integers(0, 5)) else draw(st.none() | st.integers(0, 9))
        after = (previous or 0) + draw(st.sampled_from([0, 1, 1, 2, -1]))
        rows = tuple(draw(st.lists(ROWS, max_size=4)))
        return FeedRead(stream=FEED, previous=previous, after=FeedState(after, draw(MARKS)), rows=rows, at=at)
    return frozenset({draw(IDS)}) if kind == "remove" else (at, draw(st.integers(0, 3)))


async def take(store: OrderStore, step: Step) -> object:
    try:
        match step:
            case frozenset():
                return await store.remove(step)
            case (before, limit):
                return await store.forget_closed(before, limit)
            case _:
                await store.commit(step)
                return "taken"
    except InvariantViolation:
        return "refused"


async def answers(store: OrderStore, now: float, limit: int, after: str) -> object:
    streams = [f"altinn/orders/{number}" for number in range(4)]
    return [
        await everything(store),
        [list(await store.due(stream, now=now, limit=limit)) for stream in streams],
        [await store.next_due(stream) for stream in streams],
        [list(await store.orders(stream=stream, states=["sending", "given-up"], limit=limit)) for stream in streams],
        list(await store.orders(after=after, limit=limit)),
        await store.counts(),
    ]


async def compare(path: Path, data: st.DataObject) -> None:
    fake = FakeAltinnStore()
    async with open_store(f"sqlite:///{path}", clock=FakeClock(), is_owner=False) as stores:
        real = stores.altinn
        for _ in range(data.draw(st.integers(5, 20), label="steps")):
            pokes = {order.order_id: order.pokes for order in await fake.orders(limit=9)}
            step = data.draw(steps(pokes, await fake.feed(FEED)))
            assert await take(real, step) == await take(fake, step)
            if isinstance(step, AltinnCheckpoint) and data.draw(st.booleans(), label="repeated"):
                once = await everything(real)
                assert await take(real, step) == await take(fake, step)
                assert await everything(real) == once
        asked = data.draw(st.tuples(MOMENTS, st.integers(1, 4), IDS), label="asked")
        assert await answers(real, *asked) == await answers(fake, *asked)


@pytest.mark.timeout(400)  # For the shrinking of what it finds; without, it takes seconds.
@settings(max_examples=25)
@given(data=st.data())
def test_any_sequence_of_checkpoints_has_the_same_outcome_in_every_store_and_when_it_is_made_again(
    migrated_store: Path, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory(dir=migrated_store.parent) as directory:
        path = Path(shutil.copy(migrated_store, directory))
        asyncio.run(compare(path, data))
