"""What every store does with the status feed: the contract of `OrderStore`."""

import pytest

from bridge.checkpoints import ClosedState, FeedMark, FeedRead, FeedState, OrderPolled, Registration, WatchedOrder
from bridge.ports import OrderStore
from tests.support import altinn_stores
from tests.support.altinn_stores import (
    FEED,
    A,
    B,
    C,
    assert_refused,
    completed,
    email,
    everything,
    feed_read,
    given_up,
    not_found,
    only,
    polled,
    row,
    sending,
    watch,
)

subject = altinn_stores.subject
store = altinn_stores.store


class TestCursor:
    async def test_the_first_page_makes_it(self, store: OrderStore) -> None:
        await store.commit(feed_read(None, 0))
        assert await store.feed(FEED) == FeedState(0)
        assert await store.feed("altinn/other") is None

    async def test_cursor_and_marks_are_replaced(self, store: OrderStore) -> None:
        first = FeedState(7, (FeedMark(10.5, 3), FeedMark(20.0, 7)))
        second = FeedState(2**62, (FeedMark(20.0, 7),))
        await store.commit(FeedRead(stream=FEED, previous=None, after=first, rows=(), at=20.0))
        assert await store.feed(FEED) == first
        await store.commit(FeedRead(stream=FEED, previous=7, after=second, rows=(), at=30.0))
        assert await store.feed(FEED) == second

    async def test_a_page_that_brought_nothing_leaves_it(self, store: OrderStore) -> None:
        await store.commit(feed_read(None, 7))
        await store.commit(feed_read(7, 7))
        assert await store.feed(FEED) == FeedState(7)

    @pytest.mark.parametrize(
        "contradiction",
        [
            pytest.param(feed_read(None, 8, row(A, 8)), id="read before"),
            pytest.param(feed_read(6, 8, row(A, 8)), id="elsewhere"),
            pytest.param(feed_read(7, 6, row(A, 6)), id="back"),
            pytest.param(feed_read(9, 7, row(A, 7)), id="back to where it is"),
            pytest.param(feed_read(7, -1), id="under 0"),
        ],
    )
    async def test_what_contradicts_it_is_refused_whole(self, store: OrderStore, contradiction: FeedRead) -> None:
        await store.commit(feed_read(None, 7))
        await assert_refused(store, contradiction)

    @pytest.mark.parametrize("contradiction", [feed_read(0, 8, row(A, 8)), feed_read(None, -1)])
    async def test_a_feed_that_was_never_read_has_none(self, store: OrderStore, contradiction: FeedRead) -> None:
        await assert_refused(store, contradiction)


class TestRows:
    async def test_an_order_that_nobody_told_of_is_watched_from_now_on(self, store: OrderStore) -> None:
        await store.commit(feed_read(None, 7, row(A, 7, "ref"), at=400.0))
        assert await only(store) == WatchedOrder(
            order_id=A, state="registered", registered_at=400.0, due_at=400.0, senders_reference="ref"
        )

    async def test_a_watched_order_is_poked_due_at_once_and_learns_its_reference(self, store: OrderStore) -> None:
        await store.commit(watch(Registration(order_id=A, requested_send_time=9000.0)))
        await store.commit(feed_read(None, 7, row(A, 7, "ref"), at=400.0))
        assert await only(store) == WatchedOrder(
            order_id=A,
            state="registered",
            registered_at=100.0,
            due_at=400.0,
            pokes=1,
            senders_reference="ref",
            requested_send_time=9000.0,
        )

    async def test_a_reference_that_is_known_stays(self, store: OrderStore) -> None:
        await store.commit(watch(Registration(order_id=A, senders_reference="first")))
        await store.commit(feed_read(None, 7, row(A, 7, "second")))
        assert (await only(store)).senders_reference == "first"

    async def test_one_that_is_overdue_keeps_its_place_in_the_line(self, store: OrderStore) -> None:
        await store.commit(watch(A, at=100.0))
        await store.commit(feed_read(None, 7, row(A, 7), at=400.0))
        order = await only(store)
        assert (order.due_at, order.pokes) == (100.0, 1)

    async def test_a_poke_leaves_all_else_as_it_is(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(polled(sending(A, email(1), due_at=3000.0)))
        await store.commit(feed_read(None, 7, row(A, 7), at=400.0))
        assert await only(store) == WatchedOrder(
            order_id=A,
            state="sending",
            registered_at=100.0,
            due_at=400.0,
            pokes=1,
            left_registered_at=110.0,
            changed_at=120.0,
        )
        assert await store.emails([A]) == {A: {"e-1": email(1)}}

    async def test_a_row_that_is_read_again_changes_nothing(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(feed_read(None, 7, row(A, 6), row(B, 7)))
        await store.commit(polled(completed(A, pokes=1), sending(B, due_at=3000.0)))
        before = await everything(store)
        await store.commit(feed_read(7, 7, row(A, 6, "ref"), row(B, 7, "ref"), at=900.0))
        assert await everything(store) == before

    async def test_an_earlier_row_of_an_order_changes_nothing(self, store: OrderStore) -> None:
        await store.commit(feed_read(None, 7, row(A, 7)))
        before = await everything(store)
        await store.commit(feed_read(7, 7, row(A, 5), at=900.0))
        assert await everything(store) == before

    @pytest.mark.parametrize("ended", [given_up(A), not_found(A)], ids=lambda poll: poll.state)
    async def test_one_that_the_bridge_gave_up_is_watched_again(self, store: OrderStore, ended: OrderPolled) -> None:
        await store.commit(watch(A))
        await store.commit(polled(ended))
        await store.commit(feed_read(None, 7, row(A, 7, "ref"), at=400.0))
        assert await only(store) == WatchedOrder(
            order_id=A,
            state="registered",
            registered_at=100.0,
            due_at=400.0,
            pokes=1,
            senders_reference="ref",
            changed_at=ended.changed_at,
        )

    @pytest.mark.parametrize("state", ["completed", "cancelled", "condition-not-met"])
    async def test_one_with_another_end_only_notes_the_number(self, store: OrderStore, state: ClosedState) -> None:
        await store.commit(watch(A))
        await store.commit(polled(OrderPolled(order_id=A, pokes=0, state=state, due_at=None)))
        (before,), _, _ = await everything(store)
        await store.commit(feed_read(None, 7, row(A, 7, "ref"), at=400.0))
        assert await only(store) == before

    async def test_each_new_row_of_one_page_pokes(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(feed_read(None, 9, row(A, 7), row(A, 9), row(C, 8), row(C, 8)))
        assert [(order.order_id, order.pokes) for order in await store.orders(limit=9)] == [(A, 2), (C, 0)]
