"""One stream of NHN's feed as a Source: who is polled next, one poll, and the batch that comes of it.

    cohort due -> fetch -> check -> messages + checkpoint; a refused request -> find who is refused -> detach them

All that `next` changes in memory, it hands out as a checkpoint in the same order; so a stream can be started again from
the store at any moment.
"""

import random
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import msgspec

from bridge.checkpoints import Advance, Detach, Join, NhnCheckpoint, RecentPage, StreamState
from bridge.errors import SourceUnavailable, TransientError
from bridge.nhn.answers import Problem, ReceiversRefused
from bridge.nhn.cohort import Cohort, cohorts_of, joinable, joining_limit, next_due
from bridge.nhn.feed import EveryReceiverRefused, Feed, Pages
from bridge.nhn.messages import MessageMaker
from bridge.nhn.page import Checked, check
from bridge.nhn.window import Window
from bridge.ports import Batch, Clock

REREAD_SHARE = 0.25
"""The window of late rows is read again at most so many times its overlap apart, where polls are that frequent."""
INTERVAL_JITTER = 0.1
"""Polls spread by ±10 %, so that many streams and replicas do not poll in step."""


class SourceObserver(Protocol):
    """What polling tells to whoever shows it: bridge.ops.telemetry."""

    def polled(self, *, seconds: float, items: int, full: bool) -> None: ...
    def anomaly(self, kind: str, count: int) -> None: ...
    def refused(self, her_id: int, problem: str) -> None: ...
    def accepted(self, her_id: int) -> None: ...


class PollSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the feed is polled: the settings of product.md §3, in seconds."""

    poll_interval_s: float = 60.0
    overlap_s: float = 60.0
    retry_refused_s: float = 300.0


class NhnSource:
    """The batches of one stream, from where the store says it stands."""

    def __init__(
        self,
        state: StreamState,
        feed: Feed,
        *,
        maker: MessageMaker,
        settings: PollSettings,
        clock: Clock,
        observer: SourceObserver,
        dice: random.Random | None = None,
    ) -> None:
        """`dice`: for the jitter."""
        self._dice = dice or random.SystemRandom()
        self._stream = state.name
        self._feed = feed
        self._maker = maker
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._window = Window(settings.overlap_s, state.recent)
        self._published = set(state.unnumbered)
        self._cohorts = cohorts_of(state, window_start=self._window.start(state.cursor))
        self._main = self._cohorts[0]
        self._is_rereading = True
        """Whether the main cohort's sweep under way began where the window does."""
        self._reread_at = clock.monotonic()
        """When the last such sweep began, or is to begin."""
        self._seen = 0
        """The highest offset that the feed has shown."""
        self._ready: deque[Batch[NhnCheckpoint]] = deque()

    async def next(self) -> Batch[NhnCheckpoint]:
        """See ports.Source."""
        while not self._ready:
            cohort = next_due(self._cohorts)
            await self._clock.sleep(max(cohort.due_at - self._clock.monotonic(), 0.0))
            try:
                await self._poll(cohort)
            except TransientError:
                cohort.due_at = self._clock.monotonic()  # behind the others that are due
                raise
        return self._ready.popleft()

    async def committed(self, batch: Batch[NhnCheckpoint]) -> None:
        """Nothing waits for it: the feed has no acknowledgement."""

    async def close(self) -> None:
        """Nothing runs outside `next`."""

    async def _poll(self, cohort: Cohort) -> None:
        started = self._clock.monotonic()
        start = self._window.start(self._main.cursor)
        if not cohort.is_main and start < cohort.floor and cohort.position >= cohort.cursor <= self._main.cursor:
            cohort.position = start  # to learn what of the window it has done with
        try:
            pages = await self._feed.poll(cohort.her_ids, cohort.position)
        except ReceiversRefused as error:
            await self._isolate(cohort, error.problem)
            return
        self._accept(cohort)
        if not cohort.is_main:
            self._make_way(cohort)
        self._seen = max(self._seen, _highest(pages))
        limit = joining_limit(cohort, self._cohorts, self._seen)
        checked = check(
            pages,
            position=cohort.position,
            cursor=cohort.cursor,
            recent=(
                self._window.offsets if cohort.is_main else self._window.done_with(cohort.floor, self._main.cursor)
            ),
            published=self._published,
            floor=0 if cohort.is_main else cohort.floor,
            limit=limit,
        )
        for kind, count in checked.anomalies.items():
            self._observer.anomaly(kind, count)
        if "no-progress" in checked.anomalies and not checked.items:
            raise SourceUnavailable("the API gave a full page with nothing after the offset that was asked for")
        items = sum(len(page) for page, _ in pages)
        self._observer.polled(seconds=self._clock.monotonic() - started, items=items, full=checked.is_full)
        self._hand_out(cohort, checked, limit if checked.reached_limit else None)
        self._join()

    def _hand_out(self, cohort: Cohort, checked: Checked, met_at: int | None) -> None:
        """Turn a checked page into a batch, and move on."""
        previous, reread_from = cohort.cursor, self._window.start(cohort.cursor)
        cohort.cursor = max(previous, checked.position) if met_at is None else met_at
        cohort.position = max(cohort.position, checked.position, met_at or 0)
        cohort.shown |= checked.shown
        is_swept = met_at is None and not checked.is_full
        added = checked.shown - self._published
        gone = self._gone(cohort) if is_swept and cohort.is_main and self._is_rereading else frozenset()
        self._published = (self._published | added) - gone
        recent = self._remember(cohort, checked, previous, is_swept=is_swept)
        has_passed = cohort.is_main and (is_swept or cohort.position >= previous)
        batch = Batch[NhnCheckpoint](
            messages=self._maker.messages(checked.items),
            checkpoint=Advance(
                stream=self._stream,
                stragglers=None if cohort.is_main else frozenset(cohort.her_ids),
                previous=previous,
                cursor=cohort.cursor,
                floor=None if cohort.is_main else cohort.floor,
                unnumbered_added=added,
                unnumbered_gone=gone,
                recent=recent,
                forget_recent_before=self._forget() if has_passed else 0.0,
            ),
            cursor=cohort.cursor if cohort.is_main else None,
            caught_up=not checked.is_full,
        )
        has_forgotten = self._window.start(previous) != reread_from
        if checked.items or recent or gone or cohort.cursor != previous or has_forgotten:
            self._ready.append(batch)
        self._rest(cohort, self._settings.poll_interval_s if is_swept else 0.0)
        if is_swept:
            cohort.position = self._next_sweep_from(cohort)
            cohort.shown = set()

    def _forget(self) -> float:
        """Let go of what need not be read again. Returns the moment before which the checkpoint forgets pages."""
        return self._window.forget(self._clock.now().timestamp(), was_reread=self._is_rereading)

    def _next_sweep_from(self, cohort: Cohort) -> int:
        """Where a cohort's next sweep begins: the main one's at the start of the window, but where polls follow each
        other quickly not each time. Reading all of it again for every few new rows would keep them waiting.
        """
        if not cohort.is_main:
            return cohort.cursor
        begins_at = self._clock.monotonic() + self._settings.poll_interval_s
        self._is_rereading = begins_at - self._reread_at >= self._settings.overlap_s * REREAD_SHARE
        if not self._is_rereading:
            return cohort.cursor
        self._reread_at = begins_at
        return self._window.start(cohort.cursor)

    def _remember(self, cohort: Cohort, checked: Checked, previous: int, *, is_swept: bool) -> tuple[RecentPage, ...]:
        """Note the offsets done with, so that reading again finds only what is late."""
        items = checked.items
        frontier = previous if cohort.is_main else self._main.cursor
        below = [item.offset for item in items if item.offset is not None and item.offset <= frontier]
        beyond = [item.offset for item in items if item.offset is not None and item.offset > frontier]
        within = self._window.record_within([*checked.known, *below])
        if not cohort.is_main:
            if previous <= frontier and (is_swept or cohort.position >= previous):
                cohort.floor = 0  # it has read again all that the window spans
            cohort.floor = max(cohort.floor, *beyond, 0)
            return within
        newest = max((item.created_at for item in items if item.created_at), default=None)
        page = self._window.record(
            beyond,
            previous=previous,
            cursor=cohort.cursor,
            newest_created_at=newest.timestamp() if newest else None,
            now=self._clock.now().timestamp(),
        )
        return (*within, page) if page else within

    def _gone(self, main: Cohort) -> frozenset[tuple[int, str]]:
        """Items without an offset that a whole sweep of their receivers has no longer shown: they need no memory.

        One that does not tell its receiver may be a straggler's.
        """
        receivers = {*main.her_ids, 0} if len(self._cohorts) == 1 else {*main.her_ids}
        return frozenset(name for name in self._published - main.shown if name[0] in receivers)

    def _make_way(self, accepted: Cohort) -> None:
        """A main cohort that is refused, or has nobody in it, leaves its place to a straggler that the API accepts.

        Only the main cohort is read again for late rows.
        """
        main = self._main
        if main.problem is not None:
            start = self._window.start(main.cursor)
            refused = Cohort(main.her_ids, main.cursor, is_main=False, floor=0, position=start, due_at=main.due_at)
            refused.problem, main.problem = main.problem, None
            self._cohorts.append(refused)
            self._detach(main.her_ids)
            main.her_ids = []
        if not main.her_ids and accepted.cursor > main.cursor:
            advance = Advance(
                stream=self._stream,
                previous=main.cursor,
                cursor=accepted.cursor,
                forget_recent_before=self._window.forget_up_to(accepted.cursor),
            )
            main.cursor = main.position = accepted.cursor
            self._ready.append(Batch(messages=(), checkpoint=advance, cursor=main.cursor))

    def _join(self) -> None:
        """Stragglers that stand where the main cohort stands share its cursor from now on.

        One of which the window does not tell what it has done with reads that again first: it would be taken for late.
        """
        main = self._main
        for straggler in joinable(self._cohorts):
            if straggler.floor > self._window.start(main.cursor):
                straggler.due_at = min(straggler.due_at, main.due_at)
                continue
            self._cohorts.remove(straggler)
            main.her_ids = sorted({*main.her_ids, *straggler.her_ids})
            main.due_at = min(main.due_at, straggler.due_at)
            # The rest of this sweep does not show what of theirs lies before.
            main.shown |= {name for name in self._published if name[0] in {0, *straggler.her_ids}}
            join = Join(stream=self._stream, her_ids=frozenset(straggler.her_ids), cursor=main.cursor)
            self._ready.append(Batch(messages=(), checkpoint=join, cursor=main.cursor))

    async def _isolate(self, cohort: Cohort, problem: Problem) -> None:
        """The API refuses a request: find the HER-ids it is about and let the others go on (G5)."""
        cohort.is_accepted = False
        refused = await self._find_refused(cohort, problem)
        for her_id, reason in refused.items():
            self._observer.refused(her_id, str(reason))
        if len(refused) == len(cohort.her_ids):
            cohort.problem = problem
            self._rest(cohort, self._settings.retry_refused_s)
            return
        cohort.her_ids = [her_id for her_id in cohort.her_ids if her_id not in refused]
        floor, position = cohort.floor, cohort.position
        if cohort.is_main:
            floor, position = 0, self._window.start(cohort.cursor)
        for her_id, reason in refused.items():
            alone = Cohort([her_id], cohort.cursor, is_main=False, floor=floor, position=position)
            alone.problem = reason
            self._rest(alone, self._settings.retry_refused_s)
            self._cohorts.append(alone)
        if cohort.is_main:
            self._detach(refused)

    async def _find_refused(self, cohort: Cohort, problem: Problem) -> dict[int, Problem]:
        """Why each refused receiver of a refused cohort is. All of them: only where the API accepts another cohort."""
        if len(cohort.her_ids) == 1:
            return {cohort.her_ids[0]: problem}
        try:
            return await self._feed.find_refused(cohort.her_ids, cohort.cursor)
        except EveryReceiverRefused:
            if not any(other.is_accepted for other in self._cohorts):
                raise
            return dict.fromkeys(cohort.her_ids, problem)

    def _detach(self, her_ids: Iterable[int]) -> None:
        detach = Detach(stream=self._stream, her_ids=frozenset(her_ids), cursor=self._main.cursor)
        self._ready.append(Batch(messages=(), checkpoint=detach, cursor=self._main.cursor))

    def _accept(self, cohort: Cohort) -> None:
        cohort.is_accepted = True
        if cohort.problem is not None:
            cohort.problem = None
            for her_id in cohort.her_ids:
                self._observer.accepted(her_id)

    def _rest(self, cohort: Cohort, seconds: float) -> None:
        jitter = self._dice.uniform(1 - INTERVAL_JITTER, 1 + INTERVAL_JITTER)
        cohort.due_at = self._clock.monotonic() + seconds * jitter


def _highest(pages: Pages) -> int:
    return max((item.offset for page, _ in pages for item in page if item.offset is not None), default=0)
