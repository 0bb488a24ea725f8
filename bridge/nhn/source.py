"""One stream of NHN's feed as a Source: who is polled next, one poll, and the batch that comes of it.

    cohort due -> fetch -> check -> messages + checkpoint; a refused request -> find who is refused -> detach them

All that `next` changes in memory, it hands out as a checkpoint in the same order; so a stream can be started again from
the store at any moment.
"""

import random
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import msgspec

from bridge.checkpoints import Advance, Detach, Join, RecentPage, StreamState
from bridge.errors import SourceUnavailable, TransientError
from bridge.nhn.answers import Problem, ReceiversRefused
from bridge.nhn.cohort import Cohort, joinable, joining_limit, next_due
from bridge.nhn.decode import MAX_OFFSET, Item
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.page import Checked, check
from bridge.nhn.window import Window
from bridge.ports import Batch, Clock

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
    ) -> None:
        self._stream = state.name
        self._feed = feed
        self._maker = maker
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._window = Window(settings.overlap_s, state.recent)
        self._published = set(state.unnumbered)
        self._cohorts = _cohorts(state, self._window)
        self._main = self._cohorts[0]
        self._ready: deque[Batch] = deque()

    async def next(self) -> Batch:
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

    async def _poll(self, cohort: Cohort) -> None:
        started = self._clock.monotonic()
        try:
            pages = await self._feed.poll(cohort.her_ids, cohort.position)
        except ReceiversRefused as error:
            await self._isolate(cohort, error.problem)
            return
        self._accept(cohort)
        limit = joining_limit(cohort, self._cohorts)
        checked = check(
            pages,
            position=cohort.position,
            cursor=cohort.cursor,
            recent=self._window.offsets,
            published=self._published,
            limit=limit,
        )
        items = sum(len(page) for page, _ in pages)
        self._observer.polled(seconds=self._clock.monotonic() - started, items=items, full=checked.is_full)
        for kind, count in checked.anomalies.items():
            self._observer.anomaly(kind, count)
        if "no-progress" in checked.anomalies:
            raise SourceUnavailable("the API gave a full page with nothing after the offset that was asked for")
        self._hand_out(cohort, checked, limit if checked.reached_limit else None)
        self._join()

    def _hand_out(self, cohort: Cohort, checked: Checked, met_at: int | None) -> None:
        """Turn a checked page into a batch, and move on."""
        previous = cohort.cursor
        cohort.cursor = max(previous, checked.position) if met_at is None else met_at
        cohort.is_witnessed = cohort.is_witnessed or checked.position > previous or met_at is not None
        cohort.position = max(cohort.position, checked.position, met_at or 0)
        cohort.shown |= checked.shown
        is_swept = met_at is None and not checked.is_full
        added = checked.shown - self._published
        gone = self._gone(cohort) if is_swept and cohort.is_main else frozenset()
        self._published = (self._published | added) - gone
        batch = Batch(
            messages=self._maker.messages(checked.items),
            checkpoint=Advance(
                stream=self._stream,
                stragglers=None if cohort.is_main else frozenset(cohort.her_ids),
                previous=previous,
                cursor=cohort.cursor,
                unnumbered_added=added,
                unnumbered_gone=gone,
                recent=self._remember(cohort, checked.items, previous),
                forget_recent_before=self._window.forget(self._clock.now().timestamp()),
            ),
            cursor=cohort.cursor if cohort.is_main else None,
            caught_up=not checked.is_full,
        )
        if checked.items or gone or cohort.cursor != previous:
            self._ready.append(batch)
        self._rest(cohort, self._settings.poll_interval_s if is_swept else 0.0)
        if is_swept:
            cohort.position = self._window.start(cohort.cursor) if cohort.is_main else cohort.cursor
            cohort.shown = set()

    def _remember(self, cohort: Cohort, items: Sequence[Item], previous: int) -> tuple[RecentPage, ...]:
        """Note the offsets done with, so that reading again finds only what is late."""
        frontier = previous if cohort.is_main else MAX_OFFSET
        below = [item.offset for item in items if item.offset is not None and item.offset <= frontier]
        beyond = [item.offset for item in items if item.offset is not None and item.offset > frontier]
        newest = max((item.created_at.timestamp() for item in items if item.created_at), default=None)
        page = self._window.record(beyond, newest_created_at=newest, now=self._clock.now().timestamp())
        return (*self._window.record_within(below), *([page] if page else []))

    def _gone(self, main: Cohort) -> frozenset[tuple[int, str]]:
        """Items without an offset that a whole sweep of their receivers has no longer shown: they need no memory."""
        receivers = {*main.her_ids, 0}
        return frozenset(name for name in self._published if name[0] in receivers and name not in main.shown)

    def _join(self) -> None:
        """Stragglers that stand where the main cohort stands share its cursor from now on."""
        for straggler in joinable(self._cohorts):
            self._cohorts.remove(straggler)
            self._main.her_ids = sorted({*self._main.her_ids, *straggler.her_ids})
            join = Join(stream=self._stream, her_ids=frozenset(straggler.her_ids), cursor=self._main.cursor)
            self._ready.append(Batch(messages=(), checkpoint=join, cursor=self._main.cursor))

    async def _isolate(self, cohort: Cohort, problem: Problem) -> None:
        """The API refuses a request: find the HER-ids it is about and let the others go on (G5)."""
        refused = {cohort.her_ids[0]: problem}
        if len(cohort.her_ids) > 1:
            refused = await self._feed.find_refused(cohort.her_ids, cohort.cursor)
        for her_id, reason in refused.items():
            self._observer.refused(her_id, str(reason))
        if len(refused) == len(cohort.her_ids):
            cohort.problem = problem
            self._rest(cohort, self._settings.retry_refused_s)
            return
        cohort.her_ids = [her_id for her_id in cohort.her_ids if her_id not in refused]
        for her_id, reason in refused.items():
            alone = Cohort([her_id], cohort.cursor, is_main=False)
            alone.problem = reason
            self._rest(alone, self._settings.retry_refused_s)
            self._cohorts.append(alone)
        if cohort.is_main:
            detach = Detach(stream=self._stream, her_ids=frozenset(refused), cursor=cohort.cursor)
            self._ready.append(Batch(messages=(), checkpoint=detach, cursor=cohort.cursor))

    def _accept(self, cohort: Cohort) -> None:
        if cohort.problem is not None:
            cohort.problem = None
            for her_id in cohort.her_ids:
                self._observer.accepted(her_id)

    def _rest(self, cohort: Cohort, seconds: float) -> None:
        jitter = random.SystemRandom().uniform(1 - INTERVAL_JITTER, 1 + INTERVAL_JITTER)
        cohort.due_at = self._clock.monotonic() + seconds * jitter


def _cohorts(state: StreamState, window: Window) -> list[Cohort]:
    """The main cohort first, then the stragglers of each offset together."""
    main = [her_id for her_id, own in state.receivers.items() if own is None]
    stragglers: dict[int, list[int]] = {}
    for her_id, own in state.receivers.items():
        if own is not None:
            stragglers.setdefault(own, []).append(her_id)
    return [
        Cohort(main, state.cursor, is_main=True, position=window.start(state.cursor)),
        *(Cohort(her_ids, cursor, is_main=False) for cursor, her_ids in sorted(stragglers.items())),
    ]
