"""One stream of orders as a Source: what is polled when, and what is handed out (product.md §7)."""

import json
from itertools import pairwise

from bridge.altinn.schedule import PollSchedule
from bridge.checkpoints import EmailSeen, OrderPolled, OrdersPolled, Registration, WatchOrders
from tests.support.altinn_world import STREAM, OrdersStream, order_id, published

EPOCH_S = 1_776_146_400.0
"""When a test's clock starts: 2026-04-14T06:00:00Z."""


class TestAnOrderThatIsDue:
    async def test_is_polled_and_what_it_shows_is_handed_out_with_what_to_remember(self) -> None:
        here = OrdersStream()
        here.api.order(0, "Sending", "New")
        await here.watch(0)
        (batch,) = await here.uncommitted(here.source(), 1.0)
        assert published([batch]) == [("email-status.sending", "0-0"), ("email-status.new", "0-1")]
        assert batch.checkpoint == OrdersPolled(
            stream=STREAM,
            orders=(
                OrderPolled(
                    order_id=order_id(0),
                    pokes=0,
                    state="sending",
                    due_at=EPOCH_S + 5.0,
                    left_registered_at=EPOCH_S,
                    changed_at=EPOCH_S,
                    emails=(
                        EmailSeen("0-0", "Sending", "2026-04-14T06:00:00Z"),
                        EmailSeen("0-1", "New", "2026-04-14T06:00:00Z"),
                    ),
                ),
            ),
            at=EPOCH_S + 0.01,
        )
        assert (batch.cursor, batch.caught_up) == (None, True)

    async def test_is_found_within_a_second(self) -> None:
        here = OrdersStream()
        source = here.source()
        assert await here.run(source, 60.5) == []
        here.api.order(0, "New")
        await here.watch(0)
        await here.run(source, 2.0)
        (first,) = here.api.asked(0)[:1]
        assert 60.5 <= first <= 61.6

    async def test_is_the_only_one_that_is_polled(self) -> None:
        here = OrdersStream()
        here.api.order(0, "New")
        await here.watch(0, in_s=100.0)
        await here.run(source := here.source(), 99.0)
        assert here.api.requests == []
        await here.run(source, 3.0)
        assert len(here.api.asked(0)) == 1

    async def test_is_polled_soon_at_first_then_ever_more_rarely(self) -> None:
        here = OrdersStream(schedule=PollSchedule(first_poll_s=5.0, max_poll_s=100.0))
        here.api.order(0, "Sending")
        await here.watch(0)
        await here.run(here.source(), 400.0)
        gaps = [round(later - earlier) for earlier, later in pairwise(here.api.asked(0))]
        assert gaps[:4] == [5, 5, 11, 22]
        assert all(100 <= gap <= 101 for gap in gaps[6:])

    async def test_starts_anew_with_a_change(self) -> None:
        here = OrdersStream()
        here.api.order(0, "Sending")
        await here.watch(0)
        source = here.source()
        await here.run(source, 1000.0)
        here.api.move(0, 0, "Succeeded")
        before = len(here.api.asked(0))
        batches = await here.run(source, 1100.0)
        assert published(batches) == [("email-status.succeeded", "0-0")]
        later = here.api.asked(0)[before:]
        assert later[1] - later[0] < 7.0

    async def test_makes_a_batch_without_messages_where_nothing_is_new(self) -> None:
        here = OrdersStream()
        here.api.order(0, "Sending")
        await here.watch(0)
        first, second = await here.run(here.source(), 8.0)
        assert (len(first.messages), len(second.messages)) == (1, 0)

    async def test_tells_the_status_before(self) -> None:
        here = OrdersStream()
        here.api.order(0, "Sending")
        await here.watch(0)
        source = here.source()
        await here.run(source, 3.0)
        here.api.move(0, 0, "New")
        (batch,) = await here.run(source, 5.0)
        assert json.loads(batch.messages[0].body)["data"]["previousStatus"] == "Sending"


class TestInHand:
    async def test_an_order_is_not_polled_again_until_its_batch_is_committed(self) -> None:
        here = OrdersStream()
        here.api.order(0, "New")
        await here.watch(0)
        source = here.source()
        (batch,) = await here.uncommitted(source, 500.0)
        assert len(here.api.asked(0)) == 1
        await here.commit(source, batch)
        await here.run(source, 2.0)
        assert len(here.api.asked(0)) == 2

    async def test_others_go_on_meanwhile(self) -> None:
        here = OrdersStream()
        here.api.order(0, "New")
        here.api.order(1, "New")
        await here.watch(0)
        source = here.source()
        await here.uncommitted(source, 2.0)
        await here.watch(1)
        await here.run(source, 100.0)
        assert len(here.api.asked(0)) == 1
        assert len(here.api.asked(1)) > 3

    async def test_an_order_that_is_poked_while_it_is_polled_is_polled_again_at_once(self) -> None:
        here = OrdersStream()
        here.api.order(0, "New")
        await here.watch(0)
        source = here.source()
        (batch,) = await here.uncommitted(source, 1.0)
        await here.poke(0)
        await here.commit(source, batch)
        await here.run(source, 1.2)
        assert len(here.api.asked(0)) == 2


class TestManyOrders:
    async def test_at_most_eight_polls_are_under_way(self) -> None:
        here = OrdersStream()
        for number in range(50):
            here.api.order(number, "New")
        await here.watch(*range(50))
        here.api.seconds = lambda _request: 3.0
        await here.run(here.source(), 25.0)
        assert here.api.most_under_way == 8
        assert {each.order_id for each in here.api.requests} == {order_id(number) for number in range(50)}

    async def test_the_longest_due_comes_first(self) -> None:
        here = OrdersStream()
        for number in range(30):
            here.api.order(number, "New")
        for number in reversed(range(30)):
            await here.watch(number)
            here.clock.advance(1.0)
        await here.run(here.source(), 1.0)
        first = [each.order_id for each in here.api.requests[:30]]
        assert first == [order_id(number) for number in reversed(range(30))]

    async def test_all_are_polled_however_many_are_due_at_once(self) -> None:
        here = OrdersStream()
        for number in range(350):
            here.api.order(number, "New")
        await here.watch(*range(350))
        await here.run(here.source(), 3.0)
        assert len({each.order_id for each in here.api.requests}) == 350

    async def test_a_slow_one_holds_up_nobody(self) -> None:
        here = OrdersStream()
        for number in range(20):
            here.api.order(number, "New")
        await here.watch(*range(20))
        here.api.seconds = lambda request: 100.0 if request.order_id == order_id(0) else 0.01
        batches = await here.run(here.source(), 50.0)
        assert {subject for _, subject in published(batches)} == {f"{number}-0" for number in range(1, 20)}
        assert all(len(here.api.asked(number)) >= 4 for number in range(1, 20))

    async def test_a_batch_is_handed_out_once_it_has_1000_messages(self) -> None:
        here = OrdersStream()
        for number in range(8):
            here.api.order(number, *["New"] * 400)
        await here.watch(*range(8))
        batches = await here.run(here.source(), 1.0)
        assert [len(batch.messages) for batch in batches] == [1200, 1200, 800]

    async def test_of_one_order_they_stay_together(self) -> None:
        here = OrdersStream()
        here.api.order(0, *["New"] * 2500)
        await here.watch(0)
        (batch,) = await here.run(here.source(), 1.0)
        assert len(batch.messages) == 2500


class TestARestart:
    async def test_polls_nothing_before_it_is_due(self) -> None:
        here = OrdersStream()
        for number in range(10):
            here.api.order(number, "Sending")
        await here.watch(*range(10))
        first = here.source()
        await here.run(first, 300.0)
        await here.close(first)
        before = len(here.api.requests)
        second = here.source()
        await here.run(second, 10.0)
        assert len(here.api.requests) == before
        await here.run(second, 300.0)
        assert len(here.api.requests) == before + 10

    async def test_publishes_only_what_was_not_committed(self) -> None:
        here = OrdersStream()
        here.api.order(0, "New")
        here.api.order(1, "New")
        await here.watch(0, 1)
        here.api.seconds = lambda request: 0.01 if request.order_id == order_id(0) else 0.5
        first = here.source()
        one, two = await here.uncommitted(first, 0.9)
        await here.commit(first, one)
        await here.close(first)
        assert published([two]) == [("email-status.new", "1-0")]
        assert published(await here.run(here.source(), 1.0)) == [("email-status.new", "1-0")]


class TestWhatIsTold:
    async def test_of_polls(self) -> None:
        here = OrdersStream()
        here.api.order(0, "New", "New")
        await here.watch(0)
        await here.run(here.source(), 1.0)
        polled = [arguments for name, _, arguments in here.observer.told if name == "polled"]
        assert [(each["items"], each["full"], round(each["seconds"], 3)) for each in polled] == [(2, False, 0.01)]

    async def test_of_how_long_the_longest_has_been_due(self) -> None:
        here = OrdersStream()
        here.api.order(0, "New")
        await here.watch(0)
        here.clock.advance(70.0)
        await here.run(here.source(), 4.0)
        overdue = [arguments[0] for name, arguments, _ in here.observer.told if name == "overdue"]
        assert overdue[0] == 70.0
        assert overdue[-1] == 0.0

    async def test_of_an_end_once_it_is_certain(self) -> None:
        here = OrdersStream()
        here.api.order(0, "Delivered", status="Order_Completed")
        await here.watch(0)
        source = here.source()
        (batch,) = await here.uncommitted(source, 1.0)
        assert "order_closed" not in here.observer.names()
        await here.commit(source, batch)
        told = [arguments for name, arguments, _ in here.observer.told if name == "order_closed"]
        assert told == [(order_id(0), "completed")]

    async def test_of_an_order_that_is_missing_once(self) -> None:
        here = OrdersStream()
        await here.watch(0)
        await here.run(here.source(), 2000.0)
        assert len(here.api.asked(0)) > 5
        told = [(name, arguments) for name, arguments, _ in here.observer.told if name.startswith("order_")]
        assert told == [("order_missing", (order_id(0),)), ("order_closed", (order_id(0), "not-found"))]

    async def test_of_what_is_odd(self) -> None:
        here = OrdersStream()
        order = here.api.order(0, "New", "Expanded", "New")
        order.emails[2].changes = {"succeeded": "?"}
        order.emails.append(order.emails[0])
        await here.watch(0)
        await here.run(here.source(), 1.0)
        told = [(name, arguments) for name, arguments, _ in here.observer.told if name in {"anomaly", "unknown_status"}]
        assert told == [("anomaly", ("repeated", 1)), ("anomaly", ("malformed", 1)), ("unknown_status", ("Expanded",))]

    async def test_that_nothing_is_due(self) -> None:
        here = OrdersStream()
        await here.run(here.source(), 3.5)
        assert here.observer.names().count("idle") == 4


async def test_an_order_that_is_given_up_was_polled_after_its_time() -> None:
    """A poll that waited long for the broker shows nothing of what came after it."""
    here = OrdersStream(schedule=PollSchedule(max_poll_s=100.0, give_up_after_s=1000.0))
    here.api.order(0, "Sending")
    await here.watch(0)
    source = here.source()
    await here.run(source, 890.0)
    last = len(here.api.asked(0))
    here.api.seconds = lambda _request: 400.0
    await here.run(source, 400.0)
    here.api.move(0, 0, "Delivered")
    here.api.seconds = lambda _request: 0.01
    batches = await here.run(source, 300.0)
    assert len(here.api.asked(0)) == last + 2
    assert published(batches) == [("email-status.delivered", "0-0")]
    assert (await here.state(0)).state == "given-up"


async def test_a_registration_of_another_stream_is_left_alone() -> None:
    here = OrdersStream()
    registration = Registration(order_id="f1a1cc30-197f-4f34-8304-006ce4945fd1")
    await here.store.commit(WatchOrders(stream="altinn/orders/1", orders=(registration,), at=EPOCH_S))
    assert await here.run(here.source(), 5.0) == []
    assert here.api.requests == []
