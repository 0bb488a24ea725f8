"""100,000 watched orders of two e-mails each: what each look and commit takes, and how large file and process become.

The bounds are many times what two busy cores take: they fail where something reads every order, not where the machine
is slow. The figures are told in any case: `make soak ARGS="-s -k many_orders"`.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from uuid import UUID, uuid5

import pytest

from bridge.checkpoints import (
    EmailSeen,
    FeedRead,
    FeedRow,
    FeedState,
    OrderPolled,
    OrdersPolled,
    Registration,
    WatchOrders,
)
from bridge.clock import SystemClock
from bridge.store import AltinnStore, open_store

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

ORDERS = 100_000
PORTION = 1000
NAMESPACE = UUID("f1a1cc30-197f-4f34-8304-006ce4945fd1")
NOW = 1_776_146_400.0
STREAM = "altinn/orders/1"
TIMES = 20


def polled(order_ids: Sequence[str], status: str, *, due_at: float) -> OrdersPolled:
    orders = tuple(
        OrderPolled(
            order_id=order_id,
            pokes=0,
            state="sending",
            due_at=due_at + number,
            left_registered_at=NOW,
            changed_at=NOW,
            emails=tuple(
                EmailSeen(str(uuid5(NAMESPACE, f"{order_id} {which}")), status, "2026-04-14T06:00:00.1234567Z")
                for which in range(2)
            ),
        )
        for number, order_id in enumerate(order_ids)
    )
    return OrdersPolled(stream=STREAM, orders=orders, at=NOW)


async def fill(store: AltinnStore, order_ids: Sequence[str]) -> None:
    for start in range(0, ORDERS, PORTION):
        portion = order_ids[start : start + PORTION]
        registrations = tuple(Registration(order_id=each, senders_reference=f"ref-{each[:8]}") for each in portion)
        await store.commit(WatchOrders(stream="altinn/registrations", orders=registrations, at=NOW))
        await store.commit(polled(portion, "Succeeded", due_at=NOW + start))


async def taken_ms(call: Callable[[int], Awaitable[object]]) -> float:
    """The median of some calls, each given its number."""
    times = []
    for number in range(TIMES):
        begun = time.perf_counter()
        await call(number)
        times.append(time.perf_counter() - begun)
    return median(times) * 1000


def memory_mb() -> float:
    """The most that the process has had resident."""
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024


async def test_a_hundred_thousand_orders_are_looked_through_and_committed_in_milliseconds(tmp_path: Path) -> None:
    order_ids = [str(uuid5(NAMESPACE, str(number))) for number in range(ORDERS)]
    path = tmp_path / "bridge.db"
    async with open_store(f"sqlite:///{path}", clock=SystemClock()) as stores:
        store = stores.altinn
        await fill(store, order_ids)
        before_mb = memory_mb()

        def hundred(number: int) -> Sequence[str]:
            return order_ids[number * 5000 : number * 5000 + 100]

        async def feed_read(number: int) -> None:
            rows = tuple(FeedRow(order_id=each, sequence=number * 100 + 1) for each in hundred(number))
            previous = number * 100 if number else None
            after = FeedState(number * 100 + 100)
            await store.commit(FeedRead(stream="altinn/feed", previous=previous, after=after, rows=rows, at=NOW))

        took_ms = {
            "due, 100 of a stream": await taken_ms(lambda _: store.due(STREAM, now=NOW + ORDERS, limit=100)),
            "next_due": await taken_ms(lambda _: store.next_due(STREAM)),
            "emails of 100 orders": await taken_ms(lambda number: store.emails(hundred(number))),
            "OrdersPolled, 100 orders, 200 e-mails": await taken_ms(
                lambda number: store.commit(polled(hundred(number), "Delivered", due_at=NOW + 2 * ORDERS))
            ),
            "FeedRead, 100 rows": await taken_ms(feed_read),
            "a page of 100 in a state": await taken_ms(
                lambda number: store.orders(states=["sending"], after=order_ids[number], limit=100)
            ),
            "counts": await taken_ms(lambda _: store.counts()),
        }
        grown_mb = memory_mb() - before_mb
        assert (await store.counts())["sending"] == ORDERS
    file_mb = path.stat().st_size / 1024**2
    for what, ms in took_ms.items():
        print(f"{what}: {ms:.1f} ms")  # noqa: T201 - figures for whoever ran it
    print(f"file {file_mb:.1f} MiB; memory {before_mb:.0f} MiB after filling, {grown_mb:.0f} more")  # noqa: T201

    assert {what: ms for what, ms in took_ms.items() if ms > 500} == {}
    assert file_mb < 100
    assert grown_mb < 30
