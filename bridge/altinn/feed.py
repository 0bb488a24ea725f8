"""The status feed as a Source: each order that it names is polled once more, or watched from now on.

    position -> a page of the feed -> rows not seen yet -> checkpoint

A number may become visible after a higher one: rows are written in transactions that take their time. So once the feed
is read to its end, it is read again from where the cursor stood OVERLAP_S ago. The store knows each row that it has
taken.
"""

import random
from itertools import islice
from typing import Literal, Protocol

from bridge.altinn.api import MAX_FEED_PAGE, AltinnApi
from bridge.altinn.decode import FeedItem
from bridge.checkpoints import AltinnCheckpoint, FeedMark, FeedRead, FeedRow, FeedState
from bridge.errors import SourceUnavailable, TransientError
from bridge.ports import Batch, Clock

OVERLAP_S = 300.0
"""The longest that a transaction at Altinn is expected to take: its TTL job ends up to 100 notifications in one."""
MARK_EVERY_S = 15.0
"""So far apart marks are at least: it bounds how many there are."""
MAX_KNOWN = 20_000
"""Rows that are remembered, so that re-reading hands out only late ones: it bounds the memory, and how far back is read
again after a long catching up."""
SHORT_PAGE = 50
"""A page of fewer rows is taken for the feed's end. Not any page that is not full: the platform may give fewer rows
than are asked for (StatusFeedMaxPageSize)."""
INTERVAL_JITTER = 0.1
FeedStart = Literal["latest", "earliest"]


class FeedStore(Protocol):
    """What of the store the feed reads."""

    async def feed(self, stream: str) -> FeedState | None:
        """Where it stands; None: it has not been read. Raises StoreUnavailable."""
        ...


class FeedObserver(Protocol):
    """What reading tells to whoever shows it: bridge.ops."""

    def polled(self, *, seconds: float, items: int, full: bool) -> None: ...
    def poll_failed(self, error: TransientError, *, attempt: int) -> None: ...
    def anomaly(self, kind: str, count: int) -> None: ...


class FeedSource:
    """The batches of the feed. They have no messages: the orders' own streams publish."""

    def __init__(
        self,
        stream: str,
        *,
        api: AltinnApi,
        store: FeedStore,
        start: FeedStart,
        interval_s: float,
        clock: Clock,
        observer: FeedObserver,
        dice: random.Random | None = None,
    ) -> None:
        """`interval_s`: between polls when caught up; after a full page the next is asked for at once."""
        self._stream = stream
        self._api = api
        self._store = store
        self._start = start
        self._interval_s = interval_s
        self._clock = clock
        self._observer = observer
        self._dice = dice or random.SystemRandom()
        self._state: FeedState | None = None
        self._position = 0
        self._due_at = float("-inf")
        self._known: dict[int, None] = {}
        """Sequence numbers handed out lately, in that order: all that are over `_forgotten`."""
        self._forgotten = 0
        self._has_swept = False

    async def next(self) -> Batch[AltinnCheckpoint]:
        """See ports.Source."""
        while True:
            await self._clock.sleep(max(self._due_at - self._clock.monotonic(), 0.0))
            if self._state is None:
                self._state = await self._store.feed(self._stream)
                if self._state is None:
                    return await self._begin()
                # not from now: a row that was late when we ended is found however long that is ago
                self._position = self._reread_from(self._state, max((m.at for m in self._state.marks), default=0.0))
            if (batch := await self._read(self._state)) is not None:
                return batch

    async def committed(self, batch: Batch[AltinnCheckpoint]) -> None:
        """Nothing waits for it: the feed has no acknowledgement."""

    async def close(self) -> None:
        """Nothing runs outside `next`."""

    async def _begin(self) -> Batch[AltinnCheckpoint]:
        """The very first batch: where the feed starts."""
        tail = 0 if self._start == "earliest" else await self._tail()
        self._state = FeedState(tail, (FeedMark(self._now(), tail),))
        self._position = tail
        return self._batch(None, self._state, ())

    async def _tail(self) -> int:
        """The highest number there is now. An API that does not know `orderBy` is read to its end instead."""
        rows, _ = await self._api.feed(after=0, limit=1, newest_first=True)
        tail, highest = 0, max((row.sequence for row in rows), default=0)
        while highest > tail:
            tail = highest
            rows, _ = await self._api.feed(after=tail)
            highest = max((row.sequence for row in rows), default=tail)
        return tail

    async def _read(self, state: FeedState) -> Batch[AltinnCheckpoint] | None:
        """One page; None where it brought nothing new."""
        started = self._clock.monotonic()
        items, unreadable = await self._api.feed(after=self._position)
        count = len(items) + unreadable
        highest = max((item.sequence for item in items), default=self._position)
        if count >= MAX_FEED_PAGE and highest <= self._position:
            raise SourceUnavailable("the feed gave a full page with nothing after the number that was asked for")
        goes_on = highest > self._position and (count >= SHORT_PAGE or highest < state.cursor)
        self._observer.polled(seconds=self._clock.monotonic() - started, items=len(items), full=goes_on)
        rows = self._fresh(items, state.cursor, unreadable)
        cursor = max(state.cursor, highest)
        self._state = FeedState(cursor, self._marks(state, cursor))
        self._position = highest
        if not goes_on:
            self._has_swept = True
            self._position = self._reread_from(self._state, self._now())
            jitter = self._dice.uniform(1 - INTERVAL_JITTER, 1 + INTERVAL_JITTER)
            self._due_at = self._clock.monotonic() + self._interval_s * jitter
        if not rows and cursor == state.cursor:
            return None
        return self._batch(state.cursor, self._state, rows, caught_up=not goes_on)

    def _fresh(self, items: list[FeedItem], cursor: int, unreadable: int) -> tuple[FeedRow, ...]:
        """The rows that were not handed out before, as far as memory goes."""
        new = {item.sequence: item for item in items if item.sequence not in self._known}
        self._known |= dict.fromkeys(new)
        for number in list(islice(self._known, max(len(self._known) - MAX_KNOWN, 0))):
            del self._known[number]
            self._forgotten = max(self._forgotten, number)
        malformed = unreadable + sum(item.order_id is None for item in new.values())
        late = sum(number <= cursor for number in new) if self._has_swept else 0
        for kind, count in (("malformed", malformed), ("late", late)):
            if count:
                self._observer.anomaly(kind, count)
        return tuple(
            FeedRow(order_id=item.order_id, sequence=number, senders_reference=item.senders_reference)
            for number, item in sorted(new.items())
            if item.order_id is not None
        )

    def _marks(self, state: FeedState, cursor: int) -> tuple[FeedMark, ...]:
        """The marks to go back to: one from before the overlap, and those within it."""
        now, marks = self._now(), list(state.marks)
        if not marks or (marks[-1].cursor != cursor and now - marks[-1].at >= MARK_EVERY_S):
            marks.append(FeedMark(now, cursor))
        while len(marks) > 1 and marks[1].at <= now - OVERLAP_S:
            del marks[0]
        return tuple(marks)

    def _reread_from(self, state: FeedState, at: float) -> int:
        """Where the cursor stood OVERLAP_S before that moment, as far as the marks and our memory say."""
        before = [mark.cursor for mark in state.marks if mark.at <= at - OVERLAP_S]
        marked = before[-1] if before else min((mark.cursor for mark in state.marks), default=state.cursor)
        return max(marked, self._forgotten)

    def _batch(
        self, previous: int | None, after: FeedState, rows: tuple[FeedRow, ...], *, caught_up: bool = True
    ) -> Batch[AltinnCheckpoint]:
        checkpoint = FeedRead(stream=self._stream, previous=previous, after=after, rows=rows, at=self._now())
        return Batch(messages=(), checkpoint=checkpoint, cursor=after.cursor, caught_up=caught_up)

    def _now(self) -> float:
        return self._clock.now().timestamp()
