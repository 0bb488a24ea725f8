"""The source's guarantees where there are several streams, and two of them become one again and again (G1, G2, G4).

The worlds of test_source_model, with streams of any size: how many receivers one may have changes from life to life, so
that there are more of them, then fewer. They run in turns; what merges are planned is what `enrol` plans.
"""

from collections import deque
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bridge.checkpoints import NhnCheckpoint
from bridge.nhn import streams
from bridge.nhn.enrolment import enrol
from bridge.ports import Batch
from tests.support.fake_store import FakeStore
from tests.support.nhn import Stream
from tests.support.nhn_worlds import HER_IDS, Life, World, all_lives, worlds
from tests.unit.nhn.test_source_model import QUIET_S, Play

TURNS = 3
pytestmark = pytest.mark.timeout(300)


class SeveralStreams(Play):
    """One world, whose receivers are spread over streams that come and go."""

    is_settled = False
    """Whether one stream is to serve all from now on."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.without_offset = [row for row in self.rows if row.number not in self.numbered]

    async def to_the_end(self) -> None:
        await super().to_the_end()
        self.is_settled = True
        everybody = Life(frozenset(HER_IDS), 1_000_000, 0, 0, 0.0)
        for number, her_id in enumerate(HER_IDS, start=1001):
            await self._live(everybody, seconds=QUIET_S)
            self.stream.api.publish(number, her_id=her_id)
        for _ in range(2):
            await self._live(everybody, seconds=QUIET_S)

    async def _live(self, life: Life, seconds: float = 400.0) -> None:
        await self._enrol(life.wanted)
        # Nor can anybody where it returns to a stream that has yet to read what its own one had passed.
        self.repeatable |= {row.number for row in self.without_offset if row.her_id not in life.wanted}
        served = [state for state in await self.store.streams("default") if state.receivers]
        lanes = [(await self.stream.source(state), deque[Batch[NhnCheckpoint]]()) for state in served]
        in_this_life: set[int] = set()
        count = 0
        for source, in_flight in lanes * TURNS:
            async for batch in self.stream.uncommitted(source, seconds / TURNS / len(lanes)):
                in_flight.append(batch)
                if len(in_flight) > life.in_flight:
                    await self._settle(in_flight.popleft(), in_this_life)
                count += 1
                if count >= life.batches:
                    for _, lost in lanes:
                        self._die(life, lost, in_this_life)
                    return
        for _, in_flight in lanes:
            for batch in in_flight:
                await self._settle(batch, in_this_life)

    async def _enrol(self, wanted: frozenset[int]) -> None:
        capacity = 4 if self.is_settled else self.world.dice.choice([1, 2, 2, 4])
        with patch.object(streams, "MAX_RECEIVERS", capacity), patch.object(streams, "MERGED_AT_MOST", capacity):
            for _ in range(self.world.dice.choice([1, 1, 3])):
                before = await self._count()
                await super()._enrol(wanted)
                if await self._count() < before:
                    # The window reaches as far back as the longer of both did: what the other one had passed is in it.
                    self.repeatable |= {row.number for row in self.without_offset}

    async def _count(self) -> int:
        """How many streams serve anybody."""
        return sum(1 for state in await self.store.streams("default") if state.receivers)

    async def _remember_from_before(self) -> None:
        """They come with the first life."""


def always(*her_ids: int) -> st.SearchStrategy[frozenset[int]]:
    others = st.sets(st.sampled_from([her_id for her_id in HER_IDS if her_id not in her_ids]))
    return others.map(lambda some: frozenset({*her_ids, *some}))


@settings(max_examples=150, deadline=None, phases=[Phase.generate, Phase.reuse])
@given(worlds(lives=all_lives(always(1, 2))))
async def test_streams_become_one_and_nobody_loses_or_repeats_anything_however_late_a_row_is(world: World) -> None:
    play = SeveralStreams(world)
    await play.to_the_end()
    assert play.missing() == set()
    late_of_those_that_stayed = {row.number for row in play.rows if row.her_id in {1, 2}} & play.late
    assert late_of_those_that_stayed <= set(play.delivered)


@settings(max_examples=150, deadline=None, phases=[Phase.generate, Phase.reuse])
@given(
    worlds(
        lives=all_lives(st.sets(st.sampled_from(HER_IDS), min_size=1).map(frozenset)),
        refusals=st.lists(
            st.tuples(
                st.sampled_from(HER_IDS), st.sampled_from([0.0, 20.0, 100.0]), st.sampled_from([30.0, 200.0, 600.0])
            ),
            max_size=4,
        ).map(tuple),
        overlap_s=st.sampled_from([0.0, 60.0]),
    )
)
async def test_the_same_where_receivers_come_and_go_and_are_refused(world: World) -> None:
    play = SeveralStreams(world)
    await play.to_the_end()
    assert play.missing() == set()
    states = [state for state in await play.store.streams("default") if state.receivers]
    assert {her_id: own for state in states for her_id, own in state.receivers.items()} == dict.fromkeys(HER_IDS)


async def test_the_model_does_merge() -> None:
    """Four streams of one receiver each become one, three times two at a time."""
    store = FakeStore()
    for capacity, expected in ((1, [1, 1, 1, 1]), (4, [1, 1, 2]), (4, [2, 2]), (4, [4])):
        with patch.object(streams, "MAX_RECEIVERS", capacity), patch.object(streams, "MERGED_AT_MOST", capacity):
            states = await enrol("default", HER_IDS, start="earliest", feed=Stream(store).feed(), store=store)
        assert sorted(len(state.receivers) for state in states) == expected
