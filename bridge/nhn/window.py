"""Which offsets lately done with are kept, so that rows that became visible late are found (product.md §6). Pure.

When caught up, the feed is read again from `start`: what is not in the window then is late. A page spans from where the
cursor stood before it to where it stood afterwards, both among its offsets: so pages lie end to end, and a row that
becomes visible just before the first item of a page lies within one too. They leave in order, the oldest first.
"""

import math
from bisect import bisect_left
from collections.abc import Container, Iterable, Sequence
from itertools import accumulate

from bridge.checkpoints import RecentPage

MAX_OFFSETS = 200_000
"""Bound on what is kept and read again: about 25 MB and 200 polls; at 2,000 notifications/s it is 100 s."""
CLOCK_MARGIN_S = 60.0
"""How far the API's clock (`createdAt`) and ours may differ."""


class Window:
    """The offsets of one stream that were done with in the last `overlap_s` seconds. 0 turns it off."""

    def __init__(self, overlap_s: float, pages: Iterable[RecentPage] = ()) -> None:
        self._overlap_s = overlap_s
        self._pages = sorted(pages, key=_age)
        self.offsets: set[int] = {offset for page in self._pages for offset in page.offsets}
        """Every offset in the window."""

    def start(self, cursor: int) -> int:
        """The `Offset` from which to read again: everything done with between it and `cursor` is in the window."""
        return self._pages[0].offsets[0] if self._pages else cursor

    def done_with(self, floor: int, cursor: int) -> Container[int]:
        """What up to its own cursor a straggler with this floor has done with. `cursor`: the stream's."""
        return _Done(max(floor, self.start(cursor)), self.offsets)

    def record(
        self, offsets: Sequence[int], *, previous: int, cursor: int, newest_created_at: float | None, now: float
    ) -> RecentPage | None:
        """Take in what a page brought while the cursor moved from `previous` to `cursor`; returns what the checkpoint
        keeps of it.

        `newest_created_at`, `now`: seconds since the epoch. A page so old that nothing below it can still become
        visible is not kept, and ends what was kept before it: catching up on a long history costs no memory.
        """
        if cursor == previous or self._overlap_s == 0:
            return None
        if newest_created_at is not None and newest_created_at < now - self._overlap_s - CLOCK_MARGIN_S:
            self._drop(math.inf)
            return None
        # A wall clock may be set back; pages have to leave in the order in which they lie.
        read_at = max(now, self._pages[-1].read_at) if self._pages else now
        page = RecentPage(read_at=read_at, offsets=tuple(sorted({previous, *offsets, cursor})))
        self._pages.append(page)
        self.offsets.update(page.offsets)
        return page

    def record_within(self, offsets: Sequence[int]) -> tuple[RecentPage, ...]:
        """Take in offsets up to the cursor: late rows, and what stragglers catch up on or have done with elsewhere.

        Each leaves together with the page in whose span it lies. What lies below the window needs no keeping.
        """
        unknown = sorted(set(offsets) - self.offsets)
        if not unknown:
            return ()
        ends = list(accumulate((page.offsets[-1] for page in self._pages), max))
        read_at: dict[float, list[int]] = {}
        for offset in unknown:
            index = bisect_left(ends, offset)
            if index < len(ends) and offset > self._pages[0].offsets[0]:
                read_at.setdefault(self._pages[index].read_at, []).append(offset)
        pages = tuple(RecentPage(read_at=moment, offsets=tuple(each)) for moment, each in read_at.items())
        self._pages = sorted([*self._pages, *pages], key=_age)
        self.offsets.update(offset for page in pages for offset in page.offsets)
        return pages

    def forget(self, now: float, *, was_reread: bool = True) -> float:
        """Let go of what is too much and, where all of the window was read again since, of what is too old. Returns the
        moment before which the checkpoint forgets pages.

        Only to be called when what is read next lies behind it: it would else be taken for late.
        """
        horizon = now - self._overlap_s if was_reread else -math.inf
        excess = len(self.offsets) - MAX_OFFSETS
        for page in self._pages:
            if excess <= 0:
                break
            excess -= len(page.offsets)
            horizon = max(horizon, _just_after(page))
        return self._drop(horizon)

    def forget_up_to(self, offset: int) -> float:
        """Let go of every page that begins before `offset`, to which the stream's cursor leaps. Returns the moment
        before which the checkpoint forgets pages.
        """
        return self._drop(max((_just_after(page) for page in self._pages if page.offsets[0] < offset), default=0.0))

    def _drop(self, horizon: float) -> float:
        """Drop what was read before `horizon`; pages of one moment leave together, as they do in the store."""
        kept_from = bisect_left(self._pages, horizon, key=lambda page: page.read_at)
        for page in self._pages[:kept_from]:
            self.offsets.difference_update(page.offsets)
        del self._pages[:kept_from]
        return self._pages[0].read_at if self._pages else math.inf


class _Done:
    """Everything up to an offset, and these."""

    def __init__(self, up_to: int, offsets: Container[int]) -> None:
        self._up_to = up_to
        self._offsets = offsets

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and (offset <= self._up_to or offset in self._offsets)


def _age(page: RecentPage) -> tuple[float, int]:
    return page.read_at, page.offsets[0]


def _just_after(page: RecentPage) -> float:
    return math.nextafter(page.read_at, math.inf)
