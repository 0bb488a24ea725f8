"""One stream of the feed as a Source: when it asks, from where, and what it hands out (product.md §6)."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.checkpoints import Advance, RecentPage
from bridge.errors import SourceUnavailable
from bridge.nhn import window
from bridge.nhn.source import PollSettings
from tests.support.fake_store import FakeStore
from tests.support.nhn import STREAM, Request, Row, Stream, notification, numbers

NEVER_AGAIN = PollSettings(overlap_s=0.0)
EPOCH_S = 1_776_146_400.0
"""When a test's clock starts: 2026-04-14T06:00:00Z."""


def stream(settings: PollSettings = NEVER_AGAIN, *, page_size: int = 1000, ignore: tuple[str, ...] = ()) -> Stream:
    return Stream(FakeStore(), settings=settings, page_size=page_size, ignore=ignore)


def asked(stream: Stream) -> list[tuple[int, ...]]:
    """(offset, *her_ids) of each request."""
    return [(request.offset, *request.her_ids) for request in stream.api.requests]


class TestPolling:
    async def test_full_pages_follow_each_other_without_waiting(self) -> None:
        here = stream(page_size=2)
        await here.enrol(h7=0)
        here.api.publish(1, 3, 4, 6, 9, her_id=7)
        batches = await here.run(await here.source())
        assert [[len(batch.messages), batch.cursor, batch.caught_up] for batch in batches] == [
            [2, 3, False],
            [2, 6, False],
            [1, 9, True],
        ]
        assert [request.offset for request in here.api.requests] == [0, 3, 6]
        assert here.api.requests[-1].at < 0.1

    async def test_when_caught_up_the_interval_is_waited_give_or_take_a_tenth(self) -> None:
        here = stream(PollSettings(poll_interval_s=60.0, overlap_s=0.0))
        await here.enrol(h7=0)
        await here.run(await here.source(), seconds=6000.0)
        at = [request.at for request in here.api.requests]
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert len(gaps) > 80
        assert all(54.0 <= gap <= 66.1 for gap in gaps)
        assert max(gaps) - min(gaps) > 3.0

    async def test_polls_that_bring_nothing_make_no_batch(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        assert await here.run(await here.source(), seconds=600.0) == []

    async def test_what_appears_is_found_by_the_next_poll(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        source = await here.source()
        await here.run(source, seconds=100.0)
        here.api.publish(5, her_id=7)
        assert numbers(await here.run(source, seconds=66.0)) == [5]

    async def test_it_begins_where_the_store_says_that_it_stands(self) -> None:
        here = stream()
        await here.enrol(h7=40)
        here.api.publish(40, 41, her_id=7)
        assert numbers(await here.run(await here.source())) == [41]
        assert asked(here) == [(40, 7)]

    async def test_a_page_and_what_to_remember_of_it(self) -> None:
        here = stream(PollSettings(overlap_s=60.0))
        await here.enrol(h7=40)
        here.api.rows = [
            Row(45, 7, notification(45, 7)),
            Row(46, 7, notification(46, 7, offset=...)),
            Row(47, 7, notification(47, 7)),
        ]
        (batch,) = await here.run(await here.source())
        assert numbers([batch]) == [45, 46, 47]
        assert batch.checkpoint == Advance(
            stream=STREAM,
            stragglers=None,
            previous=40,
            cursor=47,
            unnumbered_added=frozenset({(7, "n-46")}),
            unnumbered_gone=frozenset(),
            recent=(RecentPage(read_at=EPOCH_S + 0.01, offsets=(40, 45, 47)),),
            forget_recent_before=EPOCH_S + 0.01,
        )

    async def test_events_that_are_not_wanted_are_passed(self) -> None:
        here = stream(ignore=("new-message",))
        await here.enrol(h7=0)
        here.api.publish(1, 2, her_id=7)
        (batch,) = await here.run(await here.source())
        assert (batch.messages, batch.cursor) == ((), 2)

    async def test_what_it_read_is_told(self) -> None:
        here = stream(page_size=2)
        await here.enrol(h7=0)
        here.api.publish(1, 2, 3, her_id=7)
        await here.run(await here.source())
        polled = [arguments for name, _, arguments in here.observer.told if name == "polled"]
        assert [(told["items"], told["full"]) for told in polled] == [(2, True), (1, False)]
        assert [round(told["seconds"], 3) for told in polled] == [0.01, 0.01]


class TestAFailedPoll:
    async def test_changes_nothing_and_is_made_again_as_it_was(self) -> None:
        here = stream(page_size=2)
        await here.enrol(h7=0)
        here.api.publish(1, 2, 3, her_id=7)
        failing = {1, 2, 4}

        def trouble(_request: Request) -> None:
            if len(here.api.requests) in failing:
                raise SourceUnavailable("a fault")

        here.api.trouble = trouble
        assert numbers(await here.run(await here.source(), seconds=5.0)) == [1, 2, 3]
        assert [request.offset for request in here.api.requests] == [0, 0, 0, 2, 2]

    async def test_is_never_taken_for_an_empty_one(self) -> None:
        here = stream()
        await here.enrol(h7=0)

        def trouble(_request: Request) -> None:
            raise SourceUnavailable("a fault", retry_after_s=17.0)

        here.api.trouble = trouble
        with pytest.raises(SourceUnavailable) as raised:
            await (await here.source()).next()
        assert raised.value.retry_after_s == 17.0
        assert here.observer.names() == []

    async def test_of_a_straggler_does_not_starve_the_others(self) -> None:
        here = stream(PollSettings(poll_interval_s=10.0, overlap_s=0.0))
        await here.enrol(h7=0)
        await here.enrol(h8=5)

        def trouble(request: Request) -> None:
            if 8 in request.her_ids:
                raise SourceUnavailable("a fault")

        here.api.trouble = trouble
        source = await here.source()
        await here.run(source, seconds=100.0)
        assert 8 <= [request.her_ids for request in here.api.requests].count((7,)) <= 14

    async def test_of_the_main_cohort_does_not_starve_a_straggler(self) -> None:
        here = stream(PollSettings(poll_interval_s=10.0, overlap_s=0.0))
        await here.enrol(h7=0)
        await here.enrol(h8=5)
        here.api.publish(6, her_id=8)

        def trouble(request: Request) -> None:
            if 7 in request.her_ids:
                raise SourceUnavailable("a fault")

        here.api.trouble = trouble
        assert numbers(await here.run(await here.source(), seconds=10.0)) == [6]

    async def test_a_wait_may_be_cancelled(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        here.api.closes_at = 1e9
        waiting = asyncio.create_task((await here.source()).next())
        for _ in range(20):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


class TestLateRows:
    async def test_are_found_when_the_window_is_read_again_and_are_counted(self) -> None:
        here = stream(PollSettings(overlap_s=60.0))
        await here.enrol(h7=0)
        source = await here.source()
        here.api.publish(1, 2, 4, her_id=7)
        here.api.publish(3, her_id=7, late_s=30.0)
        batches = await here.run(source, seconds=90.0)
        assert [numbers([batch]) for batch in batches] == [[1, 2, 4], [3]]
        assert batches[1].cursor == 4
        assert [args for name, args, _ in here.observer.told if name == "anomaly"] == [("late", 1)]

    async def test_are_found_below_the_first_row_that_a_quiet_feed_shows_again(self) -> None:
        here = stream(PollSettings(poll_interval_s=10.0, overlap_s=60.0))
        await here.enrol(h7=100)
        source = await here.source()
        await here.run(source, seconds=1000.0)
        here.api.publish(160, her_id=7)
        here.api.publish(150, her_id=7, late_s=55.0)
        assert numbers(await here.run(source, seconds=70.0)) == [160, 150]

    async def test_are_found_after_a_restart(self) -> None:
        here = stream(PollSettings(overlap_s=60.0))
        await here.enrol(h7=0)
        here.api.publish(1, 2, 4, her_id=7)
        await here.run(await here.source())
        here.api.publish(3, her_id=7)
        here.clock.advance(10_000.0)
        assert numbers(await here.run(await here.source())) == [3]

    async def test_are_looked_for_again_and_again_within_the_overlap_and_then_no_more(self) -> None:
        here = stream(PollSettings(poll_interval_s=20.0, overlap_s=60.0))
        await here.enrol(h7=0)
        here.api.publish(1, 2, 4, her_id=7)
        source = await here.source()
        await here.run(source, seconds=200.0)
        offsets = [request.offset for request in here.api.requests]
        assert offsets == sorted(offsets)
        assert 3 <= offsets.count(0) <= 6
        assert set(offsets) == {0, 4}

    async def test_are_not_looked_for_at_each_of_many_polls_which_would_keep_what_is_new_waiting(self) -> None:
        here = stream(PollSettings(poll_interval_s=1.0, overlap_s=60.0))
        await here.enrol(h7=0)
        here.api.publish(1, 2, 4, her_id=7)
        source = await here.source()
        await here.run(source, seconds=200.0)
        offsets = [request.offset for request in here.api.requests]
        assert 4 <= offsets.count(0) <= 7
        assert offsets.count(4) > 150

    @given(late_s=st.floats(0.5, 59.5), interval_s=st.floats(1.0, 30.0))
    async def test_are_found_whenever_they_come_and_however_often_is_polled(
        self, late_s: float, interval_s: float
    ) -> None:
        here = stream(PollSettings(poll_interval_s=interval_s, overlap_s=60.0))
        await here.enrol(h7=0)
        source = await here.source()
        here.api.publish(1, 2, 4, her_id=7)
        here.api.publish(3, her_id=7, late_s=late_s)
        assert numbers(await here.run(source, seconds=150.0)) == [1, 2, 4, 3]

    async def test_beyond_the_bound_of_the_window_the_oldest_leave_between_two_looks_too(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(window, "MAX_OFFSETS", 10)
        here = stream(PollSettings(poll_interval_s=1.0, overlap_s=60.0))
        await here.enrol(h7=0)
        source = await here.source()
        for first in range(1, 100, 5):
            here.api.publish(*range(first, first + 5), her_id=7)
            await here.run(source, seconds=1.0)
        assert len(source._window.offsets) <= 10 + 5 + 1
        assert numbers(await here.run(source, seconds=90.0)) == []

    async def test_are_not_looked_for_where_the_overlap_is_turned_off(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        here.api.publish(1, 2, 4, her_id=7)
        source = await here.source()
        await here.run(source, seconds=200.0)
        assert {request.offset for request in here.api.requests[1:]} == {4}

    async def test_reading_again_over_several_pages_takes_nothing_for_late(self) -> None:
        here = stream(PollSettings(overlap_s=60.0), page_size=2)
        await here.enrol(h7=0)
        here.api.publish(*range(1, 12), her_id=7)
        assert numbers(await here.run(await here.source(), seconds=400.0)) == list(range(1, 12))

    async def test_what_a_straggler_does_meanwhile_makes_nothing_late(self) -> None:
        here = stream(PollSettings(poll_interval_s=10.0, overlap_s=60.0), page_size=2)
        await here.enrol(h7=100)
        source = await here.source()
        for number in range(101, 120, 2):
            here.api.publish(number, her_id=7)
            await here.run(source, seconds=12.0)
        await here.enrol(h8=0)
        here.api.publish(*range(2, 120, 2), her_id=8)
        here.api.trouble = lambda request: here.clock.advance(3.0 if 8 in request.her_ids else 0.0)
        assert sorted(numbers(await here.run(await here.source(), seconds=300.0))) == list(range(2, 120, 2))

    async def test_that_nothing_is_read_again_any_more_is_stored_even_where_nothing_comes(self) -> None:
        here = stream(PollSettings(overlap_s=60.0))
        await here.enrol(h7=0)
        here.api.publish(1, 2, her_id=7)
        await here.run(await here.source(), seconds=300.0)
        assert (await here.state()).recent == ()


class TestItemsWithoutAnOffset:
    async def test_are_published_once_for_as_long_as_polls_show_them(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        here.api.publish(5, her_id=7)
        here.api.rows.append(Row(6, 7, notification(6, 7, offset=...)))
        source = await here.source()
        assert numbers(await here.run(source, seconds=600.0)) == [5, 6]
        assert (await here.state()).unnumbered == {(7, "n-6")}
        assert numbers(await here.run(await here.source(), seconds=600.0)) == []

    async def test_are_forgotten_when_polls_no_longer_show_them(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        here.api.rows.append(Row(6, 7, notification(6, 7, offset=...)))
        source = await here.source()
        await here.run(source)
        here.api.publish(9, her_id=7)
        assert numbers(await here.run(source, seconds=200.0)) == [9]
        assert (await here.state()).unnumbered == frozenset()
        assert await here.run(source, seconds=600.0) == []

    async def test_are_remembered_once(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        here.api.rows.append(Row(6, 7, notification(6, 7, offset=...)))
        source = await here.source()
        await here.run(source)
        here.api.publish(5, her_id=7)
        (batch,) = await here.run(source, seconds=66.0)
        assert isinstance(batch.checkpoint, Advance)
        assert batch.checkpoint.unnumbered_added == frozenset()

    async def test_are_not_forgotten_when_only_the_end_of_a_sweep_does_not_show_them(self) -> None:
        here = stream(PollSettings(overlap_s=60.0), page_size=2)
        await here.enrol(h7=0)
        here.api.publish(1, 3, 4, 5, her_id=7)
        here.api.rows.append(Row(2, 7, notification(2, 7, offset=...)))
        assert numbers(await here.run(await here.source(), seconds=300.0)) == [1, 2, 3, 4, 5]

    async def test_that_fill_a_page_are_published_before_it_is_called_a_failure(self) -> None:
        here = stream(page_size=2)
        await here.enrol(h7=0)
        here.api.rows = [Row(number, 7, notification(number, 7, offset=...)) for number in (1, 2)]
        source = await here.source()
        assert numbers([await source.next()]) == [1, 2]
        with pytest.raises(SourceUnavailable, match="full page with nothing after the offset"):
            await source.next()
