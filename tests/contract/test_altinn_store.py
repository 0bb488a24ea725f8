"""What every store does with orders that are to be watched, found and forgotten: the contract of `OrderStore`."""

import pytest

from bridge.checkpoints import AltinnCheckpoint, FeedState, OrderPolled, Registration, WatchedOrder
from bridge.errors import StoreUnavailable
from bridge.ports import OrderStore
from tests.support import altinn_stores
from tests.support.altinn_stores import (
    FEED,
    A,
    B,
    C,
    D,
    Subject,
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

STREAM = "altinn/orders/1"
"""Of A and B; C and D are in others."""


class TestWatch:
    async def test_a_new_store_knows_no_order(self, store: OrderStore) -> None:
        assert await store.order(A) is None
        assert list(await store.orders(limit=10)) == []
        assert list(await store.due(STREAM, now=1e10, limit=10)) == []
        assert await store.next_due(STREAM) is None
        assert await store.feed(FEED) is None

    async def test_a_new_order_is_registered_and_due_at_once(self, store: OrderStore) -> None:
        await store.commit(watch(A, at=100.0))
        assert await only(store) == WatchedOrder(order_id=A, state="registered", registered_at=100.0, due_at=100.0)

    async def test_one_that_is_to_be_sent_later_is_due_then(self, store: OrderStore) -> None:
        await store.commit(watch(Registration(order_id=A, senders_reference="ref", requested_send_time=5000.5)))
        assert await only(store) == WatchedOrder(
            order_id=A,
            state="registered",
            registered_at=100.0,
            due_at=5000.5,
            senders_reference="ref",
            requested_send_time=5000.5,
        )

    async def test_one_that_was_to_be_sent_before_is_due_at_once(self, store: OrderStore) -> None:
        await store.commit(watch(Registration(order_id=A, requested_send_time=99.0), at=100.0))
        assert await only(store) == WatchedOrder(
            order_id=A, state="registered", registered_at=100.0, due_at=100.0, requested_send_time=99.0
        )

    async def test_one_that_is_watched_already_is_left_as_it_is_but_for_what_it_did_not_know(
        self, store: OrderStore
    ) -> None:
        await store.commit(watch(A, Registration(order_id=B, senders_reference="first", requested_send_time=500.0)))
        told = [Registration(order_id=each, senders_reference="second", requested_send_time=900.0) for each in (A, B)]
        await store.commit(watch(*told, at=150.0, reopens=True))
        assert list(await store.orders(limit=10)) == [
            WatchedOrder(
                order_id=A,
                state="registered",
                registered_at=100.0,
                due_at=100.0,
                senders_reference="second",
                requested_send_time=900.0,
            ),
            WatchedOrder(
                order_id=B,
                state="registered",
                registered_at=100.0,
                due_at=500.0,
                senders_reference="first",
                requested_send_time=500.0,
            ),
        ]

    async def test_one_named_twice_is_one(self, store: OrderStore) -> None:
        await store.commit(watch(A, Registration(order_id=A, senders_reference="ref")))
        assert list(await store.orders(limit=10)) == [
            WatchedOrder(order_id=A, state="registered", registered_at=100.0, due_at=100.0, senders_reference="ref")
        ]

    async def test_watching_nothing_changes_nothing(self, store: OrderStore) -> None:
        await store.commit(watch())
        assert list(await store.orders(limit=10)) == []

    @pytest.mark.parametrize("ended", [given_up(A), not_found(A)], ids=lambda poll: poll.state)
    async def test_one_that_the_bridge_gave_up_begins_anew_where_that_is_asked_for(
        self, store: OrderStore, ended: OrderPolled
    ) -> None:
        await store.commit(watch(A))
        await store.commit(polled(sending(A, email(1))))
        await store.commit(polled(ended, at=250.0))
        await store.commit(watch(Registration(order_id=A, senders_reference="ref"), at=900.0, reopens=True))
        assert await only(store) == WatchedOrder(
            order_id=A,
            state="registered",
            registered_at=100.0,
            due_at=900.0,
            pokes=1,
            senders_reference="ref",
            changed_at=ended.changed_at,
        )
        assert await store.emails([A]) == {A: {"e-1": email(1)}}

    @pytest.mark.parametrize("ended", [given_up(A), not_found(A), completed(A)], ids=lambda poll: poll.state)
    async def test_one_that_is_closed_stays_so_where_nothing_else_is_asked_for(
        self, store: OrderStore, ended: OrderPolled
    ) -> None:
        await store.commit(watch(A))
        await store.commit(polled(ended))
        before = await everything(store)
        await store.commit(watch(A, at=900.0))
        assert await everything(store) == before

    async def test_an_end_that_the_api_said_is_final(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(polled(completed(A)))
        before = await everything(store)
        await store.commit(watch(A, at=900.0, reopens=True))
        assert await everything(store) == before

    @pytest.mark.parametrize("number", [1, 999, 1000, 1001, 2500])
    async def test_many_at_once_are_all_watched(self, store: OrderStore, number: int) -> None:
        ids = [f"{each:08x}-0000-4000-8000-000000000000" for each in range(number)]
        await store.commit(watch(*reversed(ids)))
        assert [order.order_id for order in await store.orders(limit=5000)] == ids


class TestDue:
    async def test_the_oldest_due_comes_first_and_of_equals_the_lower_id(self, store: OrderStore) -> None:
        await store.commit(watch(A, B, "44444444-0000-4000-8000-000000000000", at=100.0))
        await store.commit(polled(sending(A, due_at=90.0)))
        assert [order.order_id for order in await store.due(STREAM, now=100.0, limit=10)] == [
            A,
            "44444444-0000-4000-8000-000000000000",
            B,
        ]
        assert [order.order_id for order in await store.due(STREAM, now=100.0, limit=1)] == [A]
        assert [order.order_id for order in await store.due(STREAM, now=99.9, limit=10)] == [A]
        assert [order.order_id for order in await store.due(STREAM, now=89.9, limit=10)] == []

    async def test_each_stream_has_its_own(self, store: OrderStore) -> None:
        await store.commit(watch(A, C, D))
        due = [
            [order.order_id for order in await store.due(f"altinn/orders/{number}", now=100.0, limit=10)]
            for number in range(4)
        ]
        assert due == [[D], [A], [C], []]

    async def test_the_next_is_told_whether_it_is_due_already_or_not(self, store: OrderStore) -> None:
        await store.commit(watch(A, Registration(order_id=B, requested_send_time=500.0)))
        assert await store.next_due(STREAM) == 100.0
        await store.commit(polled(sending(A, due_at=700.0)))
        assert await store.next_due(STREAM) == 500.0

    async def test_what_is_closed_is_never_due(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(polled(completed(A)))
        assert list(await store.due(STREAM, now=1e10, limit=10)) == []
        assert await store.next_due(STREAM) is None


class TestOrders:
    @pytest.fixture
    async def filled(self, store: OrderStore) -> OrderStore:
        """A given up, B completed, C and D registered."""
        await store.commit(watch(A, B, C, D))
        await store.commit(polled(given_up(A), completed(B)))
        return store

    async def test_pages_go_by_id_and_begin_after_the_last_one_seen(self, filled: OrderStore) -> None:
        pages = [[order.order_id for order in await filled.orders(after=after, limit=3)] for after in (None, C, D)]
        assert pages == [[A, B, C], [D], []]

    async def test_one_state_or_several_are_asked_for(self, filled: OrderStore) -> None:
        assert [order.order_id for order in await filled.orders(states=["registered"], limit=9)] == [C, D]
        assert [order.order_id for order in await filled.orders(states=["registered", "given-up"], limit=2)] == [A, C]
        assert [
            order.order_id for order in await filled.orders(states=["registered", "given-up"], after=A, limit=2)
        ] == [C, D]
        assert list(await filled.orders(states=["missing"], limit=9)) == []
        assert list(await filled.orders(states=[], limit=9)) == []

    async def test_one_stream_is_asked_for(self, filled: OrderStore) -> None:
        assert [order.order_id for order in await filled.orders(stream=STREAM, limit=9)] == [A, B]
        assert [order.order_id for order in await filled.orders(stream=STREAM, states=["completed"], limit=9)] == [B]

    async def test_the_states_of_those_that_are_there_are_told(self, filled: OrderStore) -> None:
        unknown = "00000000-0000-4000-8000-000000000000"
        assert await filled.states([D, A, unknown]) == {D: "registered", A: "given-up"}

    async def test_emails_are_counted_by_status(self, filled: OrderStore) -> None:
        await filled.commit(polled(sending(C, email(1), email(2, "Delivered"), email(3)), sending(D, email(1))))
        assert await filled.email_counts([A, C]) == {C: {"New": 2, "Delivered": 1}}

    async def test_each_state_has_its_count(self, filled: OrderStore) -> None:
        assert await filled.counts() == {
            "registered": 2,
            "sending": 0,
            "missing": 0,
            "completed": 1,
            "cancelled": 0,
            "condition-not-met": 0,
            "given-up": 1,
            "not-found": 0,
        }


class TestForget:
    async def test_a_removed_order_is_gone_with_its_emails_and_the_others_stay(self, store: OrderStore) -> None:
        await store.commit(watch(A, B))
        await store.commit(polled(sending(A, email(1)), sending(B, email(2))))
        assert await store.remove([A, C, A]) == 1
        assert await store.order(A) is None
        assert await store.emails([A, B]) == {A: {}, B: {"e-2": email(2)}}
        assert await store.remove([A]) == 0

    async def test_one_that_returns_is_new(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(feed_read(None, 7, row(A, 7)))
        await store.remove([A])
        await store.commit(feed_read(7, 7, row(A, 7), at=900.0))
        assert await only(store) == WatchedOrder(order_id=A, state="registered", registered_at=900.0, due_at=900.0)

    async def test_closed_orders_are_forgotten_in_portions_the_oldest_first(self, store: OrderStore) -> None:
        await store.commit(watch(A, B, C, D))
        await store.commit(polled(completed(A), at=203.0))
        await store.commit(polled(completed(B), at=201.0))
        await store.commit(polled(completed(C), at=202.0))
        assert await store.forget_closed(203.0, 1) == 1
        assert [order.order_id for order in await store.orders(limit=9)] == [A, C, D]
        assert await store.forget_closed(203.0, 5) == 1
        assert await store.forget_closed(203.0, 5) == 0
        assert [order.order_id for order in await store.orders(limit=9)] == [A, D]

    async def test_emails_of_a_forgotten_order_are_gone(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(polled(sending(A, email(1))))
        await store.commit(polled(completed(A)))
        await store.forget_closed(1e10, 1)
        assert await store.emails([A]) == {A: {}}


class TestUnavailable:
    @pytest.mark.parametrize(
        "checkpoint",
        [watch(B), polled(sending(A, email(1))), feed_read(None, 7, row(A, 7))],
        ids=lambda checkpoint: type(checkpoint).__name__,
    )
    async def test_a_failed_commit_changed_nothing_and_can_be_repeated(
        self, subject: Subject, checkpoint: AltinnCheckpoint
    ) -> None:
        store = subject.store
        await store.commit(watch(A))
        before = await everything(store)
        with subject.unavailable():
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await store.commit(checkpoint)
            assert await everything(store) == before
        await store.commit(checkpoint)
        assert await everything(store) != before

    async def test_what_could_not_be_forgotten_is_there(self, subject: Subject) -> None:
        store = subject.store
        await store.commit(watch(A, B))
        await store.commit(polled(completed(B)))
        before = await everything(store)
        with subject.unavailable():
            with pytest.raises(StoreUnavailable):
                await store.remove([A])
            with pytest.raises(StoreUnavailable):
                await store.forget_closed(1e10, 9)
        assert await everything(store) == before


class TestRepeated:
    @pytest.mark.parametrize(
        "checkpoint",
        [
            watch(B, Registration(order_id=C, senders_reference="ref", requested_send_time=900.0), at=200.0),
            watch(D, at=200.0, reopens=True),
            polled(sending(A, email(1, "Succeeded"), email(2))),
            polled(completed(A)),
            polled(sending(A, pokes=5)),
            polled(completed(A, pokes=5)),
            feed_read(7, 8, row(A, 8), row(C, 9, "ref")),
            feed_read(7, 9, row(A, 8), row(A, 9), row(C, 8), row(C, 9)),
            feed_read(7, 9, row(D, 9)),
        ],
    )
    async def test_a_commit_whose_answer_was_lost_gives_the_same_when_it_is_made_again(
        self, store: OrderStore, checkpoint: AltinnCheckpoint
    ) -> None:
        await store.commit(watch(A, D))
        await store.commit(polled(sending(A, email(1)), at=150.0))
        await store.commit(polled(given_up(D), at=150.0))
        await store.commit(feed_read(None, 7, row(A, 7)))
        await store.commit(checkpoint)
        once = await everything(store)
        await store.commit(checkpoint)
        assert await everything(store) == once
        assert await store.feed(FEED) in (FeedState(7), FeedState(8), FeedState(9))
