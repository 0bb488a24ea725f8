"""One stream's view of the API: what it learns of how much can be asked for at once, and of who is refused."""

import pytest

from bridge.errors import RequestRejected, SourceUnavailable
from bridge.nhn.answers import Problem, ReceiversRefused
from bridge.nhn.api import PageTooLarge
from bridge.nhn.feed import EveryReceiverRefused, Feed
from tests.support.clock import FakeClock
from tests.support.nhn import UNCONFIGURED, Request, Row, SimulatedApi, notification
from tests.support.observers import Recorder


@pytest.fixture
def api() -> SimulatedApi:
    return SimulatedApi(FakeClock())


@pytest.fixture
def observer() -> Recorder:
    return Recorder()


def feed_of(api: SimulatedApi, observer: Recorder, *, page_size: int = 1000) -> Feed:
    return Feed(api, page_size=page_size, retry_refused_s=300.0, observer=observer)


async def polled(feed: Feed, her_ids: list[int], offset: int = 0) -> list[tuple[list[int | None], bool]]:
    return [([item.offset for item in page], is_full) for page, is_full in await feed.poll(her_ids, offset)]


def sizes(api: SimulatedApi) -> list[int]:
    return [request.limit for request in api.requests]


class TestAPoll:
    async def test_is_one_request_for_all_and_full_when_it_brings_what_was_asked_for(
        self, api: SimulatedApi, observer: Recorder
    ) -> None:
        api.publish(1, 3, her_id=7)
        api.publish(2, her_id=8)
        feed = feed_of(api, observer, page_size=2)
        assert await polled(feed, [7, 8]) == [([1, 2], True)]
        assert await polled(feed, [7, 8], 2) == [([3], False)]
        assert [request.her_ids for request in api.requests] == [(7, 8), (7, 8)]

    async def test_never_asks_for_more_than_1500_her_ids_at_once(self, api: SimulatedApi, observer: Recorder) -> None:
        await polled(feed_of(api, observer), list(range(1, 1502)))
        assert [len(request.her_ids) for request in api.requests] == [1500, 1]


class TestAPageThatIsTooLarge:
    async def test_is_asked_for_smaller_down_to_one_item_and_then_larger_again(
        self, api: SimulatedApi, observer: Recorder
    ) -> None:
        api.publish(*range(2, 30), her_id=7)
        api.rows.append(Row(1, 7, notification(1, 7), is_large=True))
        feed = feed_of(api, observer)
        ((page, is_full),) = await feed.poll([7], 0)
        assert [(item.offset, item.problem) for item in page] == [(1, "oversized")]
        assert is_full
        assert sizes(api) == [1000, 125, 15, 1]
        for offset in (1, 3, 7, 15):
            await feed.poll([7], offset)
        assert sizes(api)[4:] == [2, 4, 8, 16]
        for offset in (29, 29, 29, 29, 29, 29, 29):
            await feed.poll([7], offset)
        assert sizes(api)[8:] == [32, 64, 128, 256, 512, 1000, 1000]

    async def test_is_told_each_time_it_is_asked_for_smaller(self, api: SimulatedApi, observer: Recorder) -> None:
        api.rows.append(Row(1, 7, notification(1, 7), is_large=True))
        await feed_of(api, observer, page_size=10).poll([7], 0)
        assert [(name, type(args[0]), kwargs) for name, args, kwargs in observer.told] == [
            ("poll_failed", PageTooLarge, {"attempt": 0})
        ]

    async def test_is_asked_for_one_by_one_before_it_is_given_up(self, api: SimulatedApi, observer: Recorder) -> None:
        api.rows.append(Row(1, 7, notification(1, 7), is_large=True))
        await feed_of(api, observer, page_size=2).poll([7], 0)
        assert sizes(api) == [2, 1]

    async def test_is_a_failure_where_not_even_one_item_can_be_found(
        self, api: SimulatedApi, observer: Recorder
    ) -> None:
        def too_large(_request: Request) -> None:
            raise PageTooLarge("too large")

        api.trouble = too_large
        with pytest.raises(PageTooLarge):
            await feed_of(api, observer).poll([7], 0)
        assert sizes(api) == [1000, 125, 15, 1]


class TestARequestThatIsTooLong:
    async def test_is_made_with_half_the_her_ids_from_then_on(self, api: SimulatedApi, observer: Recorder) -> None:
        api.max_her_ids = 400
        api.publish(5, her_id=1500)
        feed = feed_of(api, observer)
        assert await polled(feed, list(range(1, 1501))) == [([], False), ([], False), ([], False), ([5], False)]
        assert [len(request.her_ids) for request in api.requests] == [1500, 750, 375, 375, 375, 375]
        await feed.poll(list(range(1, 1501)), 0)
        assert [len(request.her_ids) for request in api.requests[6:]] == [375, 375, 375, 375]

    async def test_is_halved_from_what_was_really_asked_for(self, api: SimulatedApi, observer: Recorder) -> None:
        api.max_her_ids = 2
        await feed_of(api, observer).poll([1, 2, 3, 4, 5], 0)
        assert [request.her_ids for request in api.requests] == [(1, 2, 3, 4, 5), (1, 2), (3, 4), (5,)]

    async def test_for_one_her_id_is_a_rejection(self, api: SimulatedApi, observer: Recorder) -> None:
        api.max_her_ids = 0
        for her_ids in ([1], [1, 2]):
            with pytest.raises(RequestRejected, match="one HER-id too long"):
                await feed_of(api, observer).poll(her_ids, 0)


class TestFindingTheRefused:
    async def test_asks_for_one_item_and_names_each_with_its_problem(
        self, api: SimulatedApi, observer: Recorder
    ) -> None:
        locked = Problem(status=423, error_code=1210)
        api.refused = {3: UNCONFIGURED, 6: locked}
        assert await feed_of(api, observer).find_refused(range(1, 9), 40) == {3: UNCONFIGURED, 6: locked}
        assert {(request.offset, request.limit) for request in api.requests} == {(40, 1)}

    async def test_takes_an_item_that_is_too_large_for_a_sign_of_acceptance(
        self, api: SimulatedApi, observer: Recorder
    ) -> None:
        def trouble(request: Request) -> None:
            if 3 in request.her_ids:
                raise ReceiversRefused(UNCONFIGURED)
            raise PageTooLarge("too large")

        api.trouble = trouble
        assert await feed_of(api, observer).find_refused(range(1, 9), 0) == {3: UNCONFIGURED}

    async def test_fails_where_everybody_is_refused_and_asks_for_a_long_pause(
        self, api: SimulatedApi, observer: Recorder
    ) -> None:
        api.refused = dict.fromkeys(range(1, 1501), UNCONFIGURED)
        with pytest.raises(EveryReceiverRefused) as raised:
            await feed_of(api, observer).find_refused(range(1, 1501), 0)
        assert isinstance(raised.value, RequestRejected)
        assert str(raised.value) == "the API refuses every HER-id (403, error 1202: Forbidden)"
        assert raised.value.retry_after_s == 300.0
        assert len(api.requests) <= 78

    async def test_fails_where_nobody_is(self, api: SimulatedApi, observer: Recorder) -> None:
        with pytest.raises(SourceUnavailable, match="takes each part of it"):
            await feed_of(api, observer).find_refused([1, 2, 3], 0)


class TestTheLatestOffset:
    async def test_is_the_highest_there_is_read_page_by_page(self, api: SimulatedApi, observer: Recorder) -> None:
        api.publish(*range(1, 6), her_id=7)
        api.publish(9, her_id=8)
        api.publish(100, her_id=9)
        assert await feed_of(api, observer, page_size=2).latest([7, 8]) == 9
        assert [request.offset for request in api.requests] == [0, 2, 4, 9]

    async def test_is_0_where_there_is_nothing(self, api: SimulatedApi, observer: Recorder) -> None:
        assert await feed_of(api, observer).latest([7, 8]) == 0

    async def test_goes_no_further_than_the_end_of_the_fullest_of_several_requests(
        self, api: SimulatedApi, observer: Recorder
    ) -> None:
        api.max_her_ids = 1
        api.publish(1, 2, 3, her_id=7)
        api.publish(9, her_id=8)
        assert await feed_of(api, observer, page_size=2).latest([7, 8]) == 9
        assert [request.offset for request in api.requests[1:]] == [0, 0, 2, 2]

    async def test_leaves_out_who_is_refused(self, api: SimulatedApi, observer: Recorder) -> None:
        api.publish(5, her_id=7)
        api.publish(9, her_id=8)
        api.refused = {8: UNCONFIGURED}
        assert await feed_of(api, observer).latest([7, 8, 9]) == 5

    async def test_is_not_known_where_all_are_refused(self, api: SimulatedApi, observer: Recorder) -> None:
        api.refused = {7: UNCONFIGURED, 8: UNCONFIGURED}
        for her_ids in ([8], [7, 8]):
            with pytest.raises(EveryReceiverRefused) as raised:
                await feed_of(api, observer).latest(her_ids)
            assert raised.value.retry_after_s == 300.0

    async def test_fails_on_a_full_page_without_progress_and_does_not_ask_for_ever(
        self, api: SimulatedApi, observer: Recorder
    ) -> None:
        api.rows = [Row(number, 7, notification(number, 7, offset=...)) for number in (1, 2)]
        with pytest.raises(SourceUnavailable, match="full page with nothing after"):
            await feed_of(api, observer, page_size=2).latest([7])
