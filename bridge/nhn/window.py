"""Which offsets lately done with are kept, so that rows that became visible late are found (product.md §6). Pure.

When caught up, the feed is read again from `start`: what is not in the window then is late. Pages stand in offset order
and in order of reading, and they leave together in that order; so all that was visible above `start` is in the window.
"""

from collections.abc import Iterable, Sequence

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
        """The `Offset` from which to read again: everything visible between it and `cursor` is in the window."""
        return self._pages[0].offsets[0] - 1 if self._pages else cursor

    def record(self, offsets: Sequence[int], *, newest_created_at: float | None, now: float) -> RecentPage | None:
        """Take in what a page brought (ascending, new ones only); returns what the checkpoint keeps of it.

        `newest_created_at`, `now`: seconds since the epoch. A page so old that nothing below it can still become
        visible is not kept, and ends what was kept before it: catching up on a long history costs no memory.
        """
        if not offsets or self._overlap_s == 0:
            return None
        if newest_created_at is not None and newest_created_at < now - self._overlap_s - CLOCK_MARGIN_S:
            self._pages, self.offsets = [], set()
            return None
        page = RecentPage(read_at=now, offsets=tuple(offsets))
        self._pages.append(page)
        self.offsets.update(offsets)
        return page

    def record_within(self, offsets: Sequence[int]) -> tuple[RecentPage, ...]:
        """Take in offsets that lie below the cursor: late rows, and what stragglers catch up on.

        Each leaves together with the page in whose range it lies. What lies below the window needs no keeping.
        """
        start = self.start(-1)
        read_at: dict[float, list[int]] = {}
        for offset in sorted(offset for offset in offsets if self._pages and offset > start):
            covering = next((page for page in self._pages if page.offsets[-1] >= offset), self._pages[-1])
            read_at.setdefault(covering.read_at, []).append(offset)
        pages = tuple(RecentPage(read_at=moment, offsets=tuple(each)) for moment, each in read_at.items())
        self._pages = sorted([*self._pages, *pages], key=_age)
        self.offsets.update(offset for page in pages for offset in page.offsets)
        return pages

    def forget(self, now: float) -> float:
        """Let go of what is too old or too much. Returns the moment before which the checkpoint forgets pages."""
        horizon = now - self._overlap_s
        excess = len(self.offsets) - MAX_OFFSETS
        while self._pages and (self._pages[0].read_at < horizon or excess > 0):
            page = self._pages.pop(0)
            excess -= len(page.offsets)
            self.offsets.difference_update(page.offsets)
            horizon = max(horizon, page.read_at)
        return self._pages[0].read_at if self._pages else now


def _age(page: RecentPage) -> tuple[float, int]:
    return page.read_at, page.offsets[0]
