"""The source's guarantees over all that can come together: G1, G2, G4 and G5 of product.md, against a naive model.

A global log of notifications, receivers that come and go or are moved to other offsets, refusals, late rows, items
without an offset, malformed and oversized ones, faults in any request; the process dies at any moment with batches in
flight, some of them published, and starts again from what was committed. A world is played to its end, where everything
is well again.
"""

from collections import deque
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.checkpoints import NhnCheckpoint
from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable, StoreUnavailable
from bridge.nhn.enrolment import enrol
from bridge.nhn.source import PollSettings
from bridge.ports import Batch
from tests.support.fake_store import FakeStore
from tests.support.nhn import UNCONFIGURED, Request, Stream, number_of
from tests.support.nhn_worlds import HER_IDS, LATE_S, SEEKS, Life, World, all_lives, logs, worlds

QUIET_S = 300.0
"""Long enough for every refusal to be tried again and every late row to be looked for."""


class Play:
    """One world, from its first process to the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = FakeStore()
        poll = PollSettings(poll_interval_s=world.poll_interval_s, overlap_s=world.overlap_s, retry_refused_s=50.0)
        self.stream = Stream(self.store, page_size=world.page_size, settings=poll, dice=world.dice)
        self.stream.api.rows = self.rows = world.rows()
        self.stream.api.max_her_ids = world.max_her_ids
        self.stream.api.trouble = self._trouble
        self.fault_rate = world.fault_rate
        self.delivered: list[int] = []
        self.repeatable: set[int] = set()
        """Published by a process that died before it committed them."""
        at = [row.visible_at for row in self.rows]
        self.late = {row.number for index, row in enumerate(self.rows) if row.visible_at > min(at[index:])}
        planned = list(zip(self.rows, world.log, strict=True))
        self.numbered = {row.number: row.her_id for row, plan in planned if plan.kind not in {"unnumbered", "nameless"}}
        self.unnumbered = {row.number: row.her_id for row, plan in planned if plan.kind == "unnumbered"}
        self.nameless = {row.number: row.her_id for row, plan in planned if plan.kind == "nameless"}
        self.starts = dict(world.cursors)
        """HER-id → the offset after which everything has to come, and nothing before it."""

    async def to_the_end(self) -> None:
        await self._remember_from_before()
        for life in self.world.lives:
            await self._live(life)
            self.stream.clock.advance(life.downtime_s)
        everybody = Life(frozenset(HER_IDS), 1_000_000, 0, 0, 0.0)
        ends = [row.visible_at for row in self.rows] + [until for _, _, until in self.world.refusals]
        await self._live(everybody, seconds=max([0.0, *ends]) - self.stream.clock.monotonic())
        self.fault_rate = 0.0
        await self._live(everybody, seconds=QUIET_S)
        self.stream.api.publish(last := 1000, her_id=HER_IDS[0])
        await self._live(everybody, seconds=QUIET_S)
        assert last in self.delivered

    async def _remember_from_before(self) -> None:
        """Receivers that stood somewhere else, as after `bridge offsets set` or a move from another stream."""
        for her_id, cursor in self.world.cursors.items():
            await self.stream.enrol(**{f"h{her_id}": cursor})

    async def _live(self, life: Life, seconds: float = 400.0) -> None:
        """One process. It dies after so many batches; or it is stopped after so long, with everything committed."""
        if life.seeks:
            await self._seek(life.seeks)
        await self._enrol(life.wanted)
        # Nobody can tell that such an item is not gone while its receiver is away.
        self.repeatable |= {number for number, her_id in self.nameless.items() if her_id not in life.wanted}
        source = await self.stream.source()
        in_flight: deque[Batch[NhnCheckpoint]] = deque()
        in_this_life: set[int] = set()
        count = 0
        async for batch in self.stream.uncommitted(source, seconds):
            in_flight.append(batch)
            if len(in_flight) > life.in_flight:
                await self._settle(in_flight.popleft(), in_this_life)
            count += 1
            if count >= life.batches:
                self._die(life, in_flight, in_this_life)
                return
        for batch in in_flight:
            await self._settle(batch, in_this_life)

    async def _seek(self, to: Mapping[int, int]) -> None:
        """What lies after an offset that a receiver is moved to is to come, as if it had never come. Items without an
        offset are to come again where it goes back; else nobody can tell them from those that lie before.
        """
        before = await self.store.retired("default")
        for state in await self.store.streams("default"):
            before |= {her_id: state.cursor if own is None else own for her_id, own in state.receivers.items()}
        back = {her_id for her_id, at in to.items() if at < before.get(her_id, 0)}
        await self.store.seek({"default": to})
        self.starts |= to
        placed = self.numbered | {number: her_id for number, her_id in self.unnumbered.items() if her_id in back}
        anew = {number for number, her_id in placed.items() if her_id in to and number > to[her_id]}
        self.delivered = [number for number in self.delivered if number not in anew]
        self.repeatable |= {number for number, her_id in (self.unnumbered | self.nameless).items() if her_id in to}

    async def _enrol(self, wanted: frozenset[int]) -> None:
        for _ in range(100):
            try:
                await enrol("default", wanted, start="earliest", feed=self.stream.feed(), store=self.store)
            except StoreUnavailable:
                continue
            return

    async def _settle(self, batch: Batch[NhnCheckpoint], in_this_life: set[int]) -> None:
        """Publish and commit."""
        for message in batch.messages:
            self._deliver(number_of(message), in_this_life)
            self.repeatable.discard(number_of(message))
        await self.store.commit(batch.checkpoint)

    def _die(self, life: Life, in_flight: deque[Batch[NhnCheckpoint]], in_this_life: set[int]) -> None:
        published = [number_of(message) for batch in in_flight for message in batch.messages][: life.published]
        for number in published:
            self._deliver(number, in_this_life)
        self.repeatable.update(published)

    def _deliver(self, number: int, in_this_life: set[int]) -> None:
        assert number not in in_this_life, f"{number} twice in one life"
        assert number not in self.delivered or number in self.repeatable, f"{number} again, though it was committed"
        if number in self.numbered and number not in self.late:
            her_id = self.numbered[number]
            start = self.starts.get(her_id, 0)
            assert number > start, f"{number} lies before the start of its receiver"
            before = {n for n, owner in self.numbered.items() if owner == her_id and start < n < number} - self.late
            assert before <= set(self.delivered), f"{number} leaves a gap"
            later = {n for n in in_this_life if self.numbered.get(n) == her_id and n > number}
            assert not later, f"{number} out of order"
        in_this_life.add(number)
        self.delivered.append(number)

    def _trouble(self, request: Request) -> None:
        her_ids = {her_id for her_id, since, until in self.world.refusals if since <= request.at < until}
        self.stream.api.refused = dict.fromkeys(her_ids, UNCONFIGURED)
        if self.world.dice.random() < self.fault_rate:
            trouble = self.world.dice.choice([SourceUnavailable, AuthenticationError, RequestRejected])
            raise trouble("a fault", retry_after_s=self.world.dice.choice([None, 1.0, 120.0]))

    def missing(self) -> set[int]:
        """What should have been delivered and was not, late rows apart."""
        wanted = {row.number for row in self.rows if row.number > self.starts.get(row.her_id, 0)}
        return wanted - self.late - set(self.delivered)


@settings(max_examples=120)
@given(worlds(lives=all_lives(st.sets(st.sampled_from(HER_IDS[1:])).map(lambda some: frozenset({1, *some})))))
async def test_nothing_is_lost_or_repeated_whatever_crashes_and_however_late_a_row_is(world: World) -> None:
    play = Play(world)
    await play.to_the_end()
    assert play.missing() == set()
    late_of_the_first = {row.number for row in play.rows if row.her_id == HER_IDS[0]} & play.late
    assert late_of_the_first <= set(play.delivered)


@settings(max_examples=150)
@given(
    worlds(
        lives=all_lives(st.sets(st.sampled_from(HER_IDS), min_size=1).map(frozenset)),
        cursors=st.dictionaries(st.sampled_from(HER_IDS), st.sampled_from([0, 5, 12])),
        refusals=st.lists(
            st.tuples(
                st.sampled_from(HER_IDS), st.sampled_from([0.0, 20.0, 100.0]), st.sampled_from([30.0, 200.0, 600.0])
            ),
            max_size=4,
        ).map(tuple),
        overlap_s=st.sampled_from([0.0, 60.0]),
    )
)
async def test_receivers_come_and_go_and_are_refused_and_nobody_loses_or_repeats_anything(world: World) -> None:
    play = Play(world)
    await play.to_the_end()
    assert play.missing() == set()
    state = await play.stream.state()
    assert dict(state.receivers) == dict.fromkeys(HER_IDS), "they have not joined"


@settings(max_examples=120)
@given(
    worlds(
        log=logs("undated", "malformed", "large", "large", late_s=LATE_S),
        page_size=st.sampled_from([1, 2, 3, 10]),
        lives=all_lives(st.sets(st.sampled_from(HER_IDS), min_size=1).map(frozenset)),
    )
)
async def test_pages_of_any_size_and_items_too_large_for_any_stop_nobody(world: World) -> None:
    play = Play(world)
    await play.to_the_end()
    assert play.missing() == set()


@settings(max_examples=200, deadline=None)
@given(
    worlds(
        lives=all_lives(st.sets(st.sampled_from(HER_IDS), min_size=1).map(frozenset), SEEKS),
        cursors=st.dictionaries(st.sampled_from(HER_IDS), st.sampled_from([0, 5, 12])),
        refusals=st.lists(
            st.tuples(st.sampled_from(HER_IDS), st.sampled_from([0.0, 20.0]), st.sampled_from([30.0, 200.0])),
            max_size=2,
        ).map(tuple),
        overlap_s=st.sampled_from([0.0, 60.0]),
    )
)
async def test_after_a_seek_exactly_what_lies_after_the_new_offset_comes_and_for_that_receiver_alone(
    world: World,
) -> None:
    play = Play(world)
    await play.to_the_end()
    assert play.missing() == set()
    state = await play.stream.state()
    assert dict(state.receivers) == dict.fromkeys(HER_IDS), "they have not joined"
