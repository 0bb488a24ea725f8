"""The status feed as a Source: nothing of it is missed, however late a row becomes visible (product.md §7)."""

import asyncio

import pytest

from bridge.altinn.decode import FeedItem
from bridge.checkpoints import FeedMark, FeedRead, FeedRow, FeedState
from bridge.errors import RequestRejected, SourceUnavailable, TransientError
from tests.support.altinn_feed import STREAM, FeedStream, Row, named
from tests.support.altinn_world import order_id

EPOCH_S = 1_776_146_400.0


class TestTheStart:
    async def test_at_the_earliest_reads_all_that_is_there(self) -> None:
        here = FeedStream("earliest")
        here.api.appear(3, 5)
        begin, read = await here.run(here.source(), 1.0)
        mark = FeedMark(EPOCH_S, 0)
        assert begin.checkpoint == FeedRead(
            stream=STREAM, previous=None, after=FeedState(0, (mark,)), rows=(), at=EPOCH_S
        )
        assert read.checkpoint == FeedRead(
            stream=STREAM,
            previous=0,
            after=FeedState(5, (mark,)),
            rows=(FeedRow(order_id=order_id(3), sequence=3), FeedRow(order_id=order_id(5), sequence=5)),
            at=EPOCH_S + 0.01,
        )
        assert (begin.messages, read.messages, read.cursor, read.caught_up) == ((), (), 5, True)

    @pytest.mark.parametrize("knows_order_by", [True, False])
    async def test_at_the_latest_passes_what_is_there(self, *, knows_order_by: bool) -> None:
        here = FeedStream("latest")
        here.api.knows_order_by = knows_order_by
        here.api.appear(*range(1, 1201))
        here.api.rows += [Row(1300, 1300, 90.0)]
        assert named(await here.run(here.source(), 200.0)) == [1300]

    async def test_at_the_latest_of_an_empty_feed_is_its_beginning(self) -> None:
        here = FeedStream("latest")
        here.api.rows = [Row(7, 7, 30.0)]
        assert named(await here.run(here.source(), 100.0)) == [7]

    async def test_is_made_once(self) -> None:
        here = FeedStream("latest")
        here.api.appear(1)
        await here.run(here.source(), 30.0)
        here.api.appear(2)
        assert named(await here.run(here.source(), 30.0)) == [2]

    async def test_at_the_latest_ends_where_the_api_does_not_go_on(self) -> None:
        here = FeedStream("latest")

        async def always_the_same(**_asked: object) -> tuple[list[FeedItem], int]:
            await here.clock.sleep(0.01)
            return [FeedItem(5, order_id(5))], 0

        here.api.feed = always_the_same  # type: ignore[method-assign]
        (begin, *_) = await here.run(here.source(), 1.0)
        assert begin.cursor == 5


class TestPages:
    async def test_that_are_full_follow_each_other_at_once(self) -> None:
        here = FeedStream()
        here.api.appear(*range(1, 1201))
        batches = await here.run(here.source(), 1.0)
        assert named(batches) == list(range(1, 1201))
        assert [(batch.cursor, batch.caught_up) for batch in batches] == [
            (0, True),
            (500, False),
            (1000, False),
            (1200, False),
        ]

    async def test_that_are_short_are_followed_after_the_interval(self) -> None:
        here = FeedStream()
        here.api.appear(1)
        await here.run(here.source(), 200.0)
        assert [round(at) for at, _ in here.api.asked] == [0, 60, 120, 180]

    @pytest.mark.parametrize("max_page", [50, 100, 499])
    async def test_may_be_shorter_than_asked_for(self, max_page: int) -> None:
        """The platform's own limit may be lower; the overlap then holds more than a page."""
        here = FeedStream()
        here.api.max_page = max_page
        here.api.appear(*range(1, 2001))
        for moment in range(10, 600, 10):
            here.api.rows += [Row(2000 + moment + each, 2000 + moment + each, float(moment)) for each in range(10)]
        batches = await here.run(here.source(), 700.0)
        assert named(batches) == sorted(row.number for row in here.api.rows)

    async def test_without_anything_new_where_much_is_said_are_a_failure(self) -> None:
        here = FeedStream()
        here.api.rows = [Row(number, number, has_number=False) for number in range(1, 501)]
        assert named(await here.run(here.source(), 10.0)) == []
        assert {str(error) for error in here.failures} == {
            "the feed gave a full page with nothing after the number that was asked for"
        }

    async def test_pass_rows_that_are_malformed_and_count_them(self) -> None:
        here = FeedStream()
        here.api.rows = [Row(1, 1), Row(2, None), Row(3, 3, has_number=False), Row(4, 4)]
        batches = await here.run(here.source(), 30.0)
        assert named(batches) == [1, 4]
        assert batches[-1].cursor == 4
        assert here.anomalies() == [("malformed", 2)]

    async def test_that_end_in_rows_without_an_order_move_the_cursor(self) -> None:
        here = FeedStream()
        here.api.rows = [Row(2, None)]
        batches = await here.run(here.source(), 30.0)
        assert [batch.cursor for batch in batches] == [0, 2]


class TestLateRows:
    @pytest.mark.parametrize("late_s", [1.0, 70.0, 200.0, 299.0])
    async def test_are_found_and_counted(self, late_s: float) -> None:
        here = FeedStream()
        here.api.appear(10, 12, 14)
        here.api.appear(11, late_s=late_s)
        assert named(await here.run(here.source(), 400.0)) == [10, 12, 14, 11]
        assert here.anomalies() == [("late", 1)]

    @pytest.mark.parametrize("downtime_s", [0.0, 100.0, 1000.0, 100_000.0])
    async def test_are_found_after_a_restart_however_long_it_took(self, downtime_s: float) -> None:
        here = FeedStream()
        here.api.appear(10)
        here.api.appear(12, late_s=100.0)
        here.api.appear(11, late_s=130.0)
        first = here.source()
        assert named(await here.run(first, 125.0)) == [10, 12]
        here.clock.advance(downtime_s)
        assert 11 in named(await here.run(here.source(), 70.0))

    async def test_are_found_while_the_feed_fails(self) -> None:
        here = FeedStream()
        here.api.appear(10)
        here.api.appear(12, late_s=100.0)
        here.api.appear(11, late_s=130.0)
        running = asyncio.create_task(here.run(here.source(), 3000.0))
        await here.clock.sleep(125.0)
        here.api.trouble = SourceUnavailable("the API answered 500")
        await here.clock.sleep(2000.0)
        here.api.trouble = None
        assert named(await running) == [10, 12, 11]

    async def test_make_no_row_be_handed_out_twice_in_one_life(self) -> None:
        here = FeedStream()
        here.api.appear(*range(1, 30))
        for number in range(30, 200):
            here.api.appear(number, late_s=number * 7.0)
        batches = await here.run(here.source(), 5000.0)
        assert named(batches) == list(range(1, 200))
        assert here.anomalies() == []

    async def test_are_looked_for_no_more_once_the_feed_was_quiet_for_long(self) -> None:
        here = FeedStream()
        here.api.appear(*range(1, 30))
        here.api.appear(30, late_s=65.0)
        await here.run(here.source(), 1000.0)
        assert here.api.asked[-1][1] == 30

    async def test_that_the_store_knows_poke_nobody_twice(self) -> None:
        here = FeedStream()
        here.api.appear(1, 2)
        await here.run(here.source(), 100.0)
        assert named(await here.run(here.source(), 100.0)) == [1, 2]
        orders = await here.store.orders(limit=10)
        assert [order.pokes for order in orders] == [0, 0]


class TestTheMemory:
    async def test_is_bounded_while_much_is_read(self) -> None:
        here = FeedStream()
        here.api.rows = [Row(number, None) for number in range(1, 30_001)]
        source = here.source()
        await here.run(source, 5.0)
        assert len(source._known) == 20_000
        assert here.api.asked[-1][1] == 30_000

    async def test_of_marks_is_bounded(self) -> None:
        here = FeedStream()
        for second in range(1, 4000, 5):
            here.api.appear(second, late_s=float(second))
        await here.run(here.source(), 4000.0)
        state = await here.store.feed(STREAM)
        assert state is not None
        assert len(state.marks) <= 22


@pytest.mark.parametrize("error", [SourceUnavailable("the API answered 500"), RequestRejected("404")])
async def test_a_failure_changes_nothing_and_is_asked_again_as_it_was(error: TransientError) -> None:
    here = FeedStream()
    here.api.appear(*range(1, 1001))
    running = asyncio.create_task(here.run(here.source(), 20.0))
    await here.clock.sleep(0.015)
    here.api.trouble = error
    await here.clock.sleep(5.0)
    here.api.trouble = None
    assert named(await running) == list(range(1, 1001))
    assert set(here.failures) == {error}
