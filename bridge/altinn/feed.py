"""The status feed as a Source: each order that it names is polled once more, or watched from now on.

    position -> a page of the feed -> rows not seen yet -> checkpoint

A number may become visible after a higher one: rows are written in transactions that take their time. So once the feed
is caught up, it is read again from where the cursor stood OVERLAP_S ago. The store knows each row that it has taken.
"""

import random
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
        self._known: dict[int, float] = {}
        """Sequence numbers handed out lately → when."""
        self._has_swept = False

    async def next(self) -> Batch[AltinnCheckpoint]:
        """See ports.Source."""
        while True:
            await self._clock.sleep(max(self._due_at - self._clock.monotonic(), 0.0))
            if self._state is None:
                self._state = await self._store.feed(self._stream)
                if self._state is None:
                    return await self._begin()
                self._position = self._reread_from(self._state)
            if (batch := await self._read(self._state)) is not None:
                return batch

    async def committed(self, batch: Batch[AltinnCheckpoint]) -> None:
        """Nothing waits for it: the feed has no acknowledgement."""

    async def close(self) -> None:
        """Nothing runs outside `next`."""

    async def _begin(self) -> Batch[AltinnCheckpoint]:
        """The very first batch: where the feed starts."""
        tail = 0 if self._start == "earliest" else await self._tail()
        return self._hand_out(None, FeedState(tail, (FeedMark(self._now(), tail),)), ())

    async def _tail(self) -> int:
        """The highest number there is now. An API that does not know `orderBy` is read to its end instead."""
        rows, _ = await self._api.feed(after=0, limit=1, newest_first=True)
        tail = max((row.sequence for row in rows), default=0)
        while rows:
            rows, _ = await self._api.feed(after=tail)
            tail = max((row.sequence for row in rows), default=tail)
        return tail

    async def _read(self, state: FeedState) -> Batch[AltinnCheckpoint] | None:
        """One page; None where it brought nothing new."""
        started = self._clock.monotonic()
        items, unreadable = await self._api.feed(after=self._position)
        is_full = len(items) + unreadable >= MAX_FEED_PAGE
        highest = max((item.sequence for item in items), default=self._position)
        if is_full and highest <= self._position:
            raise SourceUnavailable("the feed gave a full page with nothing after the number that was asked for")
        self._observer.polled(seconds=self._clock.monotonic() - started, items=len(items), full=is_full)
        rows = self._fresh(items, state.cursor, unreadable)
        after = FeedState(max(state.cursor, highest), self._marks(state, max(state.cursor, highest)))
        self._position = highest
        if not is_full:
            self._has_swept = True
            self._position = self._reread_from(after)
            jitter = self._dice.uniform(1 - INTERVAL_JITTER, 1 + INTERVAL_JITTER)
            self._due_at = self._clock.monotonic() + self._interval_s * jitter
        if not rows and after.cursor == state.cursor:
            return None
        return self._hand_out(state.cursor, after, rows, caught_up=not is_full)

    def _fresh(self, items: list[FeedItem], cursor: int, unreadable: int) -> tuple[FeedRow, ...]:
        """The rows that were not handed out before, as far as memory goes."""
        now = self._clock.monotonic()
        self._known = {number: at for number, at in self._known.items() if at > now - 2 * OVERLAP_S}
        new = {item.sequence: item for item in items if item.sequence not in self._known}
        self._known |= dict.fromkeys(new, now)
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
        if cursor != state.cursor and (not marks or now - marks[-1].at >= MARK_EVERY_S):
            marks.append(FeedMark(now, cursor))
        while len(marks) > 1 and marks[1].at <= now - OVERLAP_S:
            del marks[0]
        return tuple(marks)

    def _reread_from(self, state: FeedState) -> int:
        """Where the cursor stood OVERLAP_S ago, as far as the marks say."""
        before = [mark.cursor for mark in state.marks if mark.at <= self._now() - OVERLAP_S]
        return before[-1] if before else min((mark.cursor for mark in state.marks), default=state.cursor)

    def _hand_out(
        self, previous: int | None, after: FeedState, rows: tuple[FeedRow, ...], *, caught_up: bool = True
    ) -> Batch[AltinnCheckpoint]:
        self._state = after
        checkpoint = FeedRead(stream=self._stream, previous=previous, after=after, rows=rows, at=self._now())
        return Batch(messages=(), checkpoint=checkpoint, cursor=after.cursor, caught_up=caught_up)

    def _now(self) -> float:
        return self._clock.now().timestamp()
