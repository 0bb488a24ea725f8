"""What a stream of orders does while the API, single orders or the store fail, and when it is cut off (G1, G5, G6)."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest

from bridge.altinn.schedule import PollSchedule
from bridge.altinn.source import OrdersSource
from bridge.checkpoints import EmailSeen, WatchedOrder
from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable, StoreUnavailable, TransientError
from tests.support.altinn_world import OrdersStream, Request, order_id, published
from tests.support.fake_altinn_store import FakeAltinnStore

OFTEN = PollSchedule(first_poll_s=5.0, max_poll_s=20.0)


def failing(*numbers: int, error: type[TransientError] = SourceUnavailable) -> Callable[[Request], None]:
    """Trouble for these orders alone."""
    names = {order_id(number) for number in numbers}

    def trouble(request: Request) -> None:
        if request.order_id in names:
            raise error("the API answered 500")

    return trouble


def down(request: Request) -> None:
    raise SourceUnavailable("no connection")


def told(here: OrdersStream, name: str) -> int:
    return here.observer.names().count(name)


class TestAnOrderWhosePollFails:
    @pytest.mark.parametrize("error", [SourceUnavailable, RequestRejected])
    async def test_rests_by_itself_and_the_others_go_on(self, error: type[TransientError]) -> None:
        here = OrdersStream(schedule=OFTEN)
        for number in range(5):
            here.api.order(number, "Sending")
        await here.watch(*range(5))
        here.api.trouble = failing(0, error=error)
        await here.run(here.source(), 300.0)
        assert here.failures == []
        rests = [round(at) for at in here.api.asked(0)]
        assert rests[:7] == [0, 3, 7, 15, 31, 63, 127]
        assert told(here, "poll_failed") == len(rests)
        assert all(len(here.api.asked(number)) > 10 for number in range(1, 5))

    async def test_is_published_as_soon_as_it_works_and_no_longer_rests(self) -> None:
        here = OrdersStream(schedule=OFTEN)
        for number in range(3):
            here.api.order(number, "Sending")
        await here.watch(*range(3))
        here.api.trouble = failing(0)
        source = here.source()
        assert ("email-status.sending", "0-0") not in published(await here.run(source, 40.0))
        here.api.trouble = lambda _request: None
        assert published(await here.run(source, 30.0)) == [("email-status.sending", "0-0")]
        before = len(here.api.asked(0))
        await here.run(source, 60.0)
        assert len(here.api.asked(0)) - before >= 3

    async def test_stands_before_no_other_however_many_there_are(self) -> None:
        """They have been due longest, and would fill every look at the store."""
        here = OrdersStream(schedule=OFTEN)
        for number in range(260):
            here.api.order(number, "Sending")
        await here.watch(*range(250))
        here.api.trouble = failing(*range(250))
        source = here.source()
        await here.run(source, 60.0)
        await here.watch(*range(250, 260))
        batches = await here.run(source, 120.0)
        assert {subject for _, subject in published(batches)} == {f"{number}-0" for number in range(250, 260)}

    async def test_shows_its_e_mails_where_only_the_order_itself_does_not_answer(self) -> None:
        here = OrdersStream(schedule=OFTEN)
        here.api.order(0, "Delivered", status="Order_Completed")
        await here.watch(0)

        def trouble(request: Request) -> None:
            if request.kind == "shipment":
                raise SourceUnavailable("the API answered 500")

        here.api.trouble = trouble
        source = here.source()
        assert published(await here.run(source, 60.0)) == [("email-status.delivered", "0-0")]
        assert told(here, "poll_failed") == len(here.api.asked(0, "shipment")) > 3
        here.api.trouble = lambda _request: None
        await here.run(source, 60.0)
        assert (await here.state(0)).state == "completed"


class TestAnApiThatFails:
    async def test_is_told_of_and_the_stream_goes_on_as_soon_as_it_is_back(self) -> None:
        here = OrdersStream(schedule=OFTEN)
        for number in range(20):
            here.api.order(number, "Sending")
        await here.watch(*range(20))
        here.api.trouble = down
        source = here.source()
        assert await here.run(source, 300.0) == []
        assert len(here.failures) > 100
        assert {str(error) for _, error in here.failures} == {"no connection"}
        here.api.trouble = lambda _request: None
        batches = await here.run(source, 6.0)
        assert {subject for _, subject in published(batches)} == {f"{number}-0" for number in range(20)}

    async def test_is_not_told_of_for_two_failures_among_polls_that_work(self) -> None:
        here = OrdersStream(schedule=OFTEN)
        for number in range(30):
            here.api.order(number, "Sending")
        await here.watch(*range(30))
        here.api.trouble = failing(3, 4, 20)
        await here.run(here.source(), 0.2)
        assert here.failures == []
        assert told(here, "poll_failed") == 3

    async def test_that_refuses_our_sign_in_is_told_of_at_once_and_nothing_is_lost(self) -> None:
        here = OrdersStream(schedule=OFTEN)
        here.api.order(0, "Sending")
        await here.watch(0)
        here.api.trouble = failing(0, error=AuthenticationError)
        source = here.source()
        await here.run(source, 100.0)
        assert isinstance(here.failures[0][1], AuthenticationError)
        assert here.failures[0][0] < 0.1
        assert (await here.state(0)).state == "registered"
        here.api.trouble = lambda _request: None
        assert published(await here.run(source, 5.0)) == [("email-status.sending", "0-0")]

    async def test_keeps_back_no_poll_that_worked(self) -> None:
        """A pause that the API asks for may be an hour."""
        here = OrdersStream(schedule=OFTEN)
        for number in range(8):
            here.api.order(number, "Sending")
        await here.watch(*range(8))
        here.api.trouble = failing(0, 1, 2, 3, 5, 6, 7, error=AuthenticationError)
        batches = await here.uncommitted(here.source(), 0.4)
        assert published(batches) == [("email-status.sending", "4-0")]

    async def test_that_asks_for_a_pause_is_not_asked_by_a_resting_order_before(self) -> None:
        here = OrdersStream(schedule=OFTEN)
        here.api.order(0, "Sending")
        await here.watch(0)

        def trouble(request: Request) -> None:
            if request.at < 1.0:
                raise SourceUnavailable("the API answered 429", retry_after_s=600.0)

        here.api.trouble = trouble
        await here.run(here.source(), 700.0)
        assert 600.0 <= here.api.asked(0)[1] <= 604.0


class FailingStore(FakeAltinnStore):
    """A store that cannot be read for a while, too."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: set[str] = set()

    async def due(self, stream: str, *, now: float, limit: int) -> Sequence[WatchedOrder]:
        self._fail("due")
        return await super().due(stream, now=now, limit=limit)

    async def emails(self, order_ids: Collection[str]) -> Mapping[str, Mapping[str, EmailSeen]]:
        self._fail("emails")
        return await super().emails(order_ids)

    def _fail(self, name: str) -> None:
        if name in self.fails:
            raise StoreUnavailable("it cannot be read")


class TestAStoreThatFails:
    @pytest.mark.parametrize("what", ["due", "emails"])
    async def test_is_told_of_and_all_goes_on_when_it_is_back(self, what: str) -> None:
        store = FailingStore()
        here = OrdersStream(schedule=OFTEN, store=store)
        here.api.order(0, "Sending")
        await here.watch(0)
        store.fails = {what}
        source = here.source()
        assert await here.run(source, 30.0) == []
        assert {type(error) for _, error in here.failures} == {StoreUnavailable}
        store.fails = set()
        assert published(await here.run(source, 3.0)) == [("email-status.sending", "0-0")]

    async def test_does_not_make_a_poll_that_is_done_be_made_again(self) -> None:
        store = FailingStore()
        here = OrdersStream(schedule=OFTEN, store=store)
        here.api.order(0, "Sending")
        await here.watch(0)
        store.fails = {"emails"}
        source = here.source()
        await here.run(source, 30.0)
        assert len(here.api.asked(0)) == 1


class TestCutOff:
    async def test_at_any_moment_it_leaves_no_task_and_publishes_all_after_a_restart(self) -> None:
        for turns in range(120):
            here = OrdersStream(schedule=OFTEN)
            for number in range(12):
                here.api.order(number, "Sending")
            await here.watch(*range(12))
            source = here.source()
            running = asyncio.create_task(_forever(here, source), name="running")
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait({running})
            at = here.clock.monotonic()
            await source.close()
            assert here.clock.monotonic() == at, "it waits for its polls"
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}, turns
            assert here.api.under_way == []
            remembered = await here.store.emails([order_id(number) for number in range(12)])
            committed = {name for emails in remembered.values() for name in emails}
            restarted = here.source()
            batches = await here.run(restarted, 2.0)
            await here.close(restarted)
            again = {subject for _, subject in published(batches)}
            assert committed | again == {f"{number}-0" for number in range(12)}, turns

    async def test_it_may_be_closed_before_it_began_and_twice(self) -> None:
        source = OrdersStream().source()
        await source.close()
        await source.close()


async def _forever(here: OrdersStream, source: OrdersSource) -> None:
    while True:
        batch = await source.next()
        await here.commit(source, batch)
