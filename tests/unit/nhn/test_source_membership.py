"""Receivers that come, go and are refused while the others go on (G4, G5)."""

from itertools import pairwise

import pytest

from bridge.checkpoints import Detach, Join
from bridge.errors import RequestRejected, SourceUnavailable
from bridge.nhn.answers import Problem
from bridge.nhn.enrolment import enrol
from bridge.nhn.source import PollSettings
from tests.support.fake_store import FakeStore
from tests.support.nhn import STREAM, UNCONFIGURED, Request, Stream, numbers

LOCKED = Problem(status=423, error_code=1210)


def stream(*, page_size: int = 1000, overlap_s: float = 0.0, poll_interval_s: float = 60.0) -> Stream:
    settings = PollSettings(poll_interval_s=poll_interval_s, overlap_s=overlap_s, retry_refused_s=300.0)
    return Stream(FakeStore(), settings=settings, page_size=page_size)


def asked(stream: Stream, count: int | None = None) -> list[tuple[tuple[int, ...], int]]:
    """(her_ids, offset) of the last requests."""
    requests = stream.api.requests if count is None else stream.api.requests[-count:]
    return [(request.her_ids, request.offset) for request in requests]


class TestANewcomer:
    async def test_catches_up_alone_and_joins_at_exactly_the_offset_of_the_others(self) -> None:
        here = stream(page_size=2)
        await here.enrol(h7=0)
        here.api.publish(1, 4, 6, her_id=7)
        await here.run(await here.source())
        await here.enrol(h8=0)
        here.api.publish(2, 3, 5, 9, her_id=8)
        here.api.publish(8, her_id=7)
        batches = await here.run(await here.source())
        assert numbers(batches) == [8, 2, 3, 5, 9]
        assert Join(stream=STREAM, her_ids=frozenset({8}), cursor=8) in [batch.checkpoint for batch in batches]
        assert asked(here, 4) == [((7,), 6), ((8,), 0), ((8,), 3), ((7, 8), 8)]
        state = await here.state()
        assert (state.cursor, dict(state.receivers)) == (9, {7: None, 8: None})

    async def test_takes_turns_with_the_others_so_that_its_catching_up_takes_no_more_than_its_share(self) -> None:
        here = stream(page_size=1)
        await here.enrol(h7=100)
        await here.enrol(h8=0, h9=1)
        here.api.publish(*range(101, 120), her_id=7)
        here.api.publish(*range(2, 100, 2), her_id=8)
        here.api.publish(*range(3, 100, 2), her_id=9)
        await here.run(await here.source(), seconds=0.09)
        assert [her_ids for her_ids, _ in asked(here)] == [(7,), (8,), (9,)] * 3

    async def test_publishes_nothing_beyond_the_others(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        here.api.publish(5, her_id=7)
        await here.run(await here.source())
        await here.enrol(h8=0)
        here.api.publish(4, 6, her_id=8)
        source = await here.source()
        batches = [await source.next(), await source.next()]
        assert numbers(batches) == [4]
        assert batches[0].cursor is None
        assert [type(batch.checkpoint).__name__ for batch in batches] == ["Advance", "Join"]

    async def test_is_not_brought_to_an_offset_that_the_feed_has_not_come_to(self) -> None:
        here = stream()
        await here.enrol(h7=5000)
        await here.enrol(h8=0)
        here.api.publish(1, her_id=8)
        source = await here.source()
        assert numbers(await here.run(source, seconds=200.0)) == [1]
        assert dict((await here.state()).receivers) == {7: None, 8: 1}
        here.api.publish(2, 5001, her_id=8)
        assert numbers(await here.run(source, seconds=200.0)) == [2, 5001]
        assert dict((await here.state()).receivers) == {7: None, 8: None}

    async def test_that_stands_ahead_is_met_by_the_others_where_it_stands(self) -> None:
        here = stream(page_size=2)
        await here.enrol(h7=0, h8=50)
        here.api.publish(40, 60, her_id=8)
        here.api.publish(10, 20, 30, 59, 61, her_id=7)
        batches = await here.run(await here.source())
        assert numbers(batches) == [10, 20, 60, 30, 59, 61]
        assert Join(stream=STREAM, her_ids=frozenset({8}), cursor=60) in [batch.checkpoint for batch in batches]
        assert (await here.state()).cursor == 61

    async def test_that_stood_ahead_gets_nothing_again_when_the_window_is_read(self) -> None:
        here = stream(overlap_s=60.0)
        await here.enrol(h7=0, h8=50)
        here.api.publish(40, 60, 70, her_id=8)
        here.api.publish(10, 55, 61, her_id=7)
        assert sorted(numbers(await here.run(await here.source(), seconds=300.0))) == [10, 55, 60, 61, 70]

    async def test_that_stood_ahead_gets_nothing_again_after_a_crash_just_before_it_joins(self) -> None:
        here = stream(overlap_s=60.0)
        await here.enrol(h7=0, h8=50)
        here.api.publish(40, her_id=8)
        here.api.publish(60, her_id=7)
        await here.store.commit((await (await here.source()).next()).checkpoint)
        assert (await here.state()).cursor == 50
        assert numbers(await here.run(await here.source(), seconds=300.0)) == [60]

    async def test_gets_nothing_of_before_its_start_when_the_window_is_read(self) -> None:
        here = stream(overlap_s=60.0)
        await here.enrol(h7=0)
        here.api.publish(1, 5, 9, her_id=7)
        await here.run(await here.source())
        await here.enrol(h8=6)
        here.api.publish(4, 6, 8, her_id=8)
        assert numbers(await here.run(await here.source(), seconds=300.0)) == [8]
        assert dict((await here.state()).receivers) == {7: None, 8: None}

    async def test_whose_start_is_where_the_others_stand_gets_nothing_of_before_it(self) -> None:
        here = stream(overlap_s=60.0)
        await here.enrol(h7=0)
        here.api.publish(1, 9, her_id=7)
        await here.run(await here.source())
        await here.enrol(h8=9)
        here.api.publish(4, 10, her_id=8)
        assert numbers(await here.run(await here.source(), seconds=300.0)) == [10]
        assert dict((await here.state()).receivers) == {7: None, 8: None}

    async def test_takes_the_place_of_receivers_that_are_all_gone(self) -> None:
        here = stream()
        await here.enrol(h7=100)
        await here.store.retire("default", frozenset({7}))
        await here.enrol(h8=0)
        here.api.publish(1, 101, her_id=8)
        assert numbers(await here.run(await here.source())) == [1, 101]
        state = await here.state()
        assert (state.cursor, dict(state.receivers)) == (101, {8: None})

    async def test_with_a_place_beyond_receivers_that_are_all_gone_takes_theirs_with_it(self) -> None:
        here = stream()
        await here.enrol(h7=100)
        await here.store.retire("default", frozenset({7}))
        await here.enrol(h8=200)
        here.api.publish(150, 201, her_id=8)
        assert numbers(await here.run(await here.source())) == [201]
        state = await here.state()
        assert (state.cursor, dict(state.receivers)) == (201, {8: None})

    async def test_brings_its_items_without_an_offset_and_none_is_published_again(self) -> None:
        here = stream(overlap_s=60.0)
        await here.enrol(h7=0)
        here.api.publish(5, 10, her_id=7)
        await here.run(await here.source())
        await here.enrol(h8=0)
        here.api.publish(6, her_id=8)
        (row,) = [row for row in here.api.rows if row.her_id == 8]
        here.api.rows.append(type(row)(7, 8, row.raw.replace(b'"offset": 6', b'"x": 6').replace(b"n-6", b"n-7")))
        assert numbers(await here.run(await here.source(), seconds=400.0)) == [6, 7]


class TestLateRows:
    """Of receivers with a cursor of their own: found like those of the others, by what the stream's window knows."""

    async def test_of_the_others_are_found_where_one_that_stood_ahead_joins(self) -> None:
        here = stream(overlap_s=60.0, poll_interval_s=10.0)
        await here.enrol(h7=0)
        here.api.publish(10, 20, her_id=7)
        await here.run(await here.source())
        await here.enrol(h8=50)
        here.api.publish(15, her_id=7, late_s=5.0)
        here.api.publish(60, her_id=7)
        assert sorted(numbers(await here.run(await here.source(), seconds=40.0))) == [15, 60]
        assert dict((await here.state()).receivers) == {7: None, 8: None}

    async def test_of_one_that_is_refused_for_less_than_the_window_are_found_when_it_is_accepted(self) -> None:
        here = stream(overlap_s=400.0, poll_interval_s=10.0)
        await here.enrol(h7=0, h8=0)
        here.api.publish(10, her_id=7)
        here.api.publish(20, her_id=8)
        await here.run(await here.source())
        here.api.refused = {8: LOCKED}
        here.api.publish(15, her_id=8, late_s=100.0)
        here.api.publish(30, her_id=7)
        source = await here.source()
        assert numbers(await here.run(source, seconds=200.0)) == [30]
        here.api.refused = {}
        assert numbers(await here.run(source, seconds=200.0)) == [15]
        assert dict((await here.state()).receivers) == {7: None, 8: None}

    async def test_of_one_that_catches_up_are_found_after_a_crash(self) -> None:
        here = stream(overlap_s=100.0, page_size=2)
        await here.enrol(h7=0)
        here.api.publish(5, 50, her_id=7)
        await here.run(await here.source())
        await here.enrol(h8=0)
        here.api.publish(10, 20, 30, her_id=8)
        here.api.publish(15, her_id=8, late_s=2.0)
        source = await here.source()
        while not numbers([batch := await source.next()]):
            await here.store.commit(batch.checkpoint)
        await here.store.commit(batch.checkpoint)
        assert (await here.state()).receivers[8] == 20
        here.clock.advance(5.0)
        assert numbers(await here.run(await here.source(), seconds=10.0)) == [15, 30]


class TestOneThatStandsAhead:
    async def test_is_not_kept_waiting_by_the_others_when_they_have_come_to_it(self) -> None:
        here = stream(overlap_s=60.0)
        await here.enrol(h7=40, h8=50)
        here.api.publish(60, her_id=7)
        here.api.publish(61, her_id=8)
        assert numbers(await here.run(await here.source(), seconds=0.1)) == [60, 61]
        assert asked(here) == [((7,), 40), ((8,), 40), ((7, 8), 50)]

    async def test_gets_nothing_again_where_it_is_refused_while_the_others_pass_it(self) -> None:
        here = stream(overlap_s=6000.0)
        await here.enrol(h7=40, h8=50)
        here.api.publish(45, 60, her_id=8)
        here.api.publish(42, her_id=7)
        assert sorted(numbers(await here.run(await here.source(), seconds=0.015))) == [42, 60]
        assert (await here.state()).receivers[8] == 60
        here.api.refused = {8: LOCKED}
        here.api.publish(70, her_id=7)
        source = await here.source()
        assert numbers(await here.run(source, seconds=100.0)) == [70]
        here.api.refused = {}
        assert numbers(await here.run(source, seconds=1000.0)) == []
        assert dict((await here.state()).receivers) == {7: None, 8: None}


class TestARetiredReceiver:
    async def test_goes_on_where_it_stood_when_it_returns(self) -> None:
        here = stream()

        async def wanted(*her_ids: int) -> None:
            await enrol("default", her_ids, start="earliest", feed=here.feed(), store=here.store)

        await wanted(7, 8)
        here.api.publish(1, 3, her_id=7)
        here.api.publish(2, her_id=8)
        assert numbers(await here.run(await here.source())) == [1, 2, 3]
        await wanted(7)
        here.api.publish(4, 6, her_id=7)
        here.api.publish(5, her_id=8)
        assert numbers(await here.run(await here.source())) == [4, 6]
        await wanted(7, 8)
        here.api.publish(7, her_id=7)
        assert numbers(await here.run(await here.source())) == [7, 5]
        assert dict((await here.state()).receivers) == {7: None, 8: None}


class TestARefusedReceiver:
    async def test_is_isolated_with_its_own_cursor_and_the_others_go_on(self) -> None:
        here = stream()
        await here.enrol(h7=0, h8=0, h9=0)
        here.api.publish(1, 4, her_id=7)
        here.api.publish(2, her_id=8)
        here.api.publish(3, her_id=9)
        here.api.refused = {8: UNCONFIGURED}
        batches = await here.run(await here.source())
        assert batches[0].checkpoint == Detach(stream=STREAM, her_ids=frozenset({8}), cursor=0)
        assert numbers(batches) == [1, 3, 4]
        state = await here.state()
        assert (state.cursor, dict(state.receivers)) == (4, {7: None, 8: 0, 9: None})
        assert ("refused", (8, "403, error 1202: Forbidden"), {}) in here.observer.told

    async def test_is_tried_again_now_and_then_alone(self) -> None:
        here = stream()
        await here.enrol(h7=0, h8=0)
        here.api.refused = {8: UNCONFIGURED}
        await here.run(await here.source(), seconds=1500.0)
        tried = [request.at for request in here.api.requests if request.her_ids == (8,)]
        gaps = [later - earlier for earlier, later in pairwise(tried)]
        assert len(gaps) >= 4
        assert all(270.0 <= gap <= 331.0 for gap in gaps)

    async def test_gets_all_it_missed_when_it_is_accepted_and_joins(self) -> None:
        here = stream(page_size=2)
        await here.enrol(h7=0, h8=0)
        here.api.refused = {8: LOCKED}
        here.api.publish(1, 4, 6, her_id=7)
        here.api.publish(2, 3, 5, 7, her_id=8)
        source = await here.source()
        assert numbers(await here.run(source, seconds=200.0)) == [1, 4, 6]
        here.api.refused = {}
        assert numbers(await here.run(source, seconds=300.0)) == [2, 3, 5, 7]
        assert dict((await here.state()).receivers) == {7: None, 8: None}
        assert ("accepted", (8,), {}) in here.observer.told

    async def test_is_found_again_after_a_restart(self) -> None:
        here = stream()
        await here.enrol(h7=0, h8=0, h9=0)
        here.api.refused = {8: UNCONFIGURED, 9: LOCKED}
        await here.run(await here.source())
        here.api.publish(5, her_id=7)
        assert numbers(await here.run(await here.source(), seconds=10.0)) == [5]
        assert dict((await here.state()).receivers) == {7: None, 8: 0, 9: 0}

    async def test_that_is_the_only_one_is_no_failure_and_waits(self) -> None:
        here = stream()
        await here.enrol(h7=0)
        here.api.refused = {7: UNCONFIGURED}
        source = await here.source()
        assert await here.run(source, seconds=100.0) == []
        assert here.observer.names() == ["refused"]
        here.api.refused = {}
        here.api.publish(1, her_id=7)
        assert numbers(await here.run(source, seconds=300.0)) == [1]

    async def test_makes_way_for_a_straggler_that_is_accepted(self) -> None:
        here = stream()
        await here.enrol(h7=10)
        await here.enrol(h8=0)
        here.api.refused = {7: UNCONFIGURED}
        here.api.publish(5, 15, her_id=8)
        assert numbers(await here.run(await here.source(), seconds=100.0)) == [5, 15]
        state = await here.state()
        assert (state.cursor, dict(state.receivers)) == (15, {7: 10, 8: None})


class TestThatEverybodyIsRefused:
    async def test_is_a_rejected_request_with_a_long_pause_and_detaches_nobody(self) -> None:
        here = stream()
        await here.enrol(**{f"h{her_id}": 0 for her_id in range(1, 1501)})
        here.api.refused = dict.fromkeys(range(1, 1501), UNCONFIGURED)
        source = await here.source()
        with pytest.raises(RequestRejected, match="the API refuses every HER-id") as raised:
            await source.next()
        assert raised.value.retry_after_s == 300.0
        assert len(here.api.requests) <= 79
        here.api.refused = {}
        here.api.publish(1, her_id=1500)
        assert numbers([await source.next()]) == [1]
        assert set((await here.state()).receivers.values()) == {None}

    async def test_is_not_concluded_for_ever_where_a_few_of_many_are_accepted(self) -> None:
        here = stream(poll_interval_s=10.0)
        await here.enrol(**{f"h{her_id}": 0 for her_id in range(1, 1501)})
        here.api.refused = dict.fromkeys(set(range(1, 1501)) - {999, 1000}, UNCONFIGURED)
        here.api.publish(1, her_id=999)
        here.api.publish(2, her_id=1000)
        assert numbers(await here.run(await here.source(), seconds=24 * 320.0)) == [1, 2]
        receivers = (await here.state()).receivers
        assert {her_id for her_id, own in receivers.items() if own is None} == {999, 1000}

    async def test_does_not_hold_up_those_that_the_api_accepts(self) -> None:
        """Two newcomers that are both not configured say nothing about the request."""
        here = stream(poll_interval_s=10.0)
        await here.enrol(h7=10)
        await here.enrol(h8=0, h9=0)
        here.api.refused = {8: UNCONFIGURED, 9: UNCONFIGURED}
        source = await here.source()
        await here.run(source, seconds=200.0)
        assert "failed" not in here.observer.names()
        assert 17 <= [her_ids for her_ids, _ in asked(here)].count((7,)) <= 24
        here.api.refused = {}
        here.api.publish(5, her_id=9)
        assert numbers(await here.run(source, seconds=200.0)) == [5]

    async def test_is_not_concluded_from_a_refusal_that_is_over_when_it_is_looked_into(self) -> None:
        here = stream()
        await here.enrol(h7=0, h8=0)
        here.api.refused = {8: UNCONFIGURED}

        def trouble(_request: Request) -> None:
            if len(here.api.requests) > 1:
                here.api.refused = {}

        here.api.trouble = trouble
        with pytest.raises(SourceUnavailable, match="takes each part of it"):
            await (await here.source()).next()
