"""What every store does with orders that were polled: the contract of `OrderStore`."""

import pytest

from bridge.checkpoints import ClosedState, EmailSeen, OrderPolled, Registration, WatchedOrder
from bridge.ports import OrderStore
from tests.support import altinn_stores
from tests.support.altinn_stores import (
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


async def test_what_the_poll_found_replaces_what_the_store_had(store: OrderStore) -> None:
    await store.commit(watch(Registration(order_id=A, senders_reference="ref", requested_send_time=90.0)))
    await store.commit(polled(sending(A, due_at=300.0)))
    assert await only(store) == WatchedOrder(
        order_id=A,
        state="sending",
        registered_at=100.0,
        due_at=300.0,
        senders_reference="ref",
        requested_send_time=90.0,
        left_registered_at=110.0,
        changed_at=120.0,
    )
    await store.commit(
        polled(
            OrderPolled(
                order_id=A, pokes=0, state="missing", due_at=400.0, senders_reference="other", missing_since=290.0
            )
        )
    )
    assert await only(store) == WatchedOrder(
        order_id=A,
        state="missing",
        registered_at=100.0,
        due_at=400.0,
        senders_reference="other",
        requested_send_time=90.0,
        missing_since=290.0,
    )


@pytest.mark.parametrize("state", ["completed", "cancelled", "condition-not-met", "given-up", "not-found"])
async def test_an_order_that_ended_is_closed_from_then_on(store: OrderStore, state: ClosedState) -> None:
    await store.commit(watch(A))
    await store.commit(polled(OrderPolled(order_id=A, pokes=0, state=state, due_at=None), at=250.25))
    assert await only(store) == WatchedOrder(
        order_id=A, state=state, registered_at=100.0, due_at=None, closed_at=250.25
    )


async def test_only_emails_that_changed_are_named_and_the_others_stay(store: OrderStore) -> None:
    await store.commit(watch(A, B))
    await store.commit(polled(sending(A, email(1), email(2)), sending(B, email(1))))
    await store.commit(polled(sending(A, email(2, "Delivered"), email(3))))
    assert await store.emails([A, B, C]) == {
        A: {"e-1": email(1), "e-2": email(2, "Delivered"), "e-3": email(3)},
        B: {"e-1": email(1)},
        C: {},
    }


async def test_a_status_is_kept_as_the_api_wrote_it(store: OrderStore) -> None:
    odd = EmailSeen("sha256:0f", "Ny Status æ\u2028😀 'x'; --", "0001-01-01T00:00:00")
    await store.commit(watch(A))
    await store.commit(polled(sending(A, odd)))
    assert await store.emails([A]) == {A: {"sha256:0f": odd}}


async def test_the_emails_of_an_order_outlive_its_end(store: OrderStore) -> None:
    await store.commit(watch(A))
    await store.commit(polled(sending(A, email(1))))
    await store.commit(polled(completed(A)))
    assert await store.emails([A]) == {A: {"e-1": email(1)}}


async def test_ten_thousand_emails_of_one_order_are_one_commit(store: OrderStore) -> None:
    await store.commit(watch(A))
    await store.commit(polled(sending(A, *(email(number) for number in range(10_000)))))
    await store.commit(polled(sending(A, *(email(number, "Delivered") for number in range(5_000, 10_000)))))
    emails = (await store.emails([A]))[A]
    assert len(emails) == 10_000
    assert emails["e-4999"] == email(4999)
    assert emails["e-5000"] == email(5000, "Delivered")


async def test_emails_of_more_orders_than_one_statement_takes_are_found(store: OrderStore) -> None:
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(2_500)]
    await store.commit(watch(*ids))
    await store.commit(polled(*(sending(each, email(1)) for each in ids)))
    emails = await store.emails(ids)
    assert list(emails) == ids
    assert all(seen == {"e-1": email(1)} for seen in emails.values())


async def test_an_order_that_was_removed_meanwhile_is_passed_over(store: OrderStore) -> None:
    await store.commit(watch(A, B))
    await store.remove([A])
    await store.commit(polled(sending(A, email(1)), sending(B, email(2))))
    assert await store.order(A) is None
    assert await store.emails([A, B]) == {A: {}, B: {"e-2": email(2)}}


@pytest.mark.parametrize(
    "contradiction",
    [
        OrderPolled(order_id=B, pokes=0, state="completed", due_at=300.0),
        OrderPolled(order_id=B, pokes=0, state="sending", due_at=None),
    ],
    ids=lambda poll: poll.state,
)
async def test_an_order_is_either_due_or_closed_and_what_says_otherwise_is_refused_whole(
    store: OrderStore, contradiction: OrderPolled
) -> None:
    await store.commit(watch(A, B))
    await assert_refused(store, polled(sending(A, email(1)), contradiction))


class TestPoked:
    """Somebody wants an order polled while a poll of it is under way."""

    async def test_it_is_due_at_once_again_and_what_the_poll_found_is_stored(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(feed_read(None, 7, row(A, 7), at=150.0))
        await store.commit(polled(sending(A, email(1), due_at=3000.0, pokes=0), at=200.0))
        assert await only(store) == WatchedOrder(
            order_id=A,
            state="sending",
            registered_at=100.0,
            due_at=200.0,
            pokes=1,
            left_registered_at=110.0,
            changed_at=120.0,
        )
        assert await store.emails([A]) == {A: {"e-1": email(1)}}

    @pytest.mark.parametrize(
        ("ended", "state"),
        [
            (completed(A), "sending"),
            (given_up(A), "sending"),
            (OrderPolled(order_id=A, pokes=0, state="cancelled", due_at=None), "registered"),
            (not_found(A), "missing"),
        ],
        ids=lambda value: value if isinstance(value, str) else value.state,
    )
    async def test_it_is_not_closed(self, store: OrderStore, ended: OrderPolled, state: str) -> None:
        await store.commit(watch(A))
        await store.commit(feed_read(None, 7, row(A, 7), at=150.0))
        await store.commit(polled(ended, at=200.0))
        order = await only(store)
        assert (order.state, order.due_at, order.pokes, order.closed_at) == (state, 200.0, 1, None)
        assert (order.left_registered_at, order.missing_since) == (ended.left_registered_at, ended.missing_since)

    async def test_the_next_poll_knows_of_it_and_may_close_it(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(feed_read(None, 7, row(A, 7), at=150.0))
        await store.commit(polled(completed(A, pokes=0), at=200.0))
        await store.commit(polled(completed(A, pokes=1), at=210.0))
        order = await only(store)
        assert (order.state, order.due_at, order.closed_at) == ("completed", None, 210.0)

    async def test_a_poll_that_gave_up_is_committed_again_after_somebody_had_it_opened(self, store: OrderStore) -> None:
        await store.commit(watch(A))
        await store.commit(polled(given_up(A), at=200.0))
        await store.commit(watch(A, at=210.0, reopens=True))
        await store.commit(polled(given_up(A), at=200.0))
        order = await only(store)
        assert (order.state, order.due_at, order.pokes) == ("sending", 200.0, 1)

    async def test_another_order_of_the_same_commit_is_not_concerned(self, store: OrderStore) -> None:
        await store.commit(watch(A, B))
        await store.commit(feed_read(None, 7, row(A, 7), at=150.0))
        await store.commit(polled(completed(A), completed(B), at=200.0))
        orders, _, _ = await everything(store)
        assert [(order.order_id, order.closed_at) for order in orders] == [(A, None), (B, 200.0)]
