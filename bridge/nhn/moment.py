"""Finding the offset at which a time lies. Pure: a generator asks for a look into the feed, the caller looks.

    search = offset_at(moment, near); offset = next(search); offset = search.send(Glance(…)) …; StopIteration.value

The API can be asked by offset alone. It numbers notifications in about the order of their creation, so that a time is
found by halving: in about 2·log2(offset) looks.
"""

from collections.abc import Generator, Sequence
from datetime import datetime

import msgspec

from bridge.errors import SourceUnavailable
from bridge.nhn.decode import MAX_OFFSET, Item


class Glance(msgspec.Struct, frozen=True):
    """The first notification after an offset that has both an offset and a time."""

    offset: int
    created_at: datetime


Search = Generator[int, Glance | None, int]
"""Yields an offset to look behind; is sent what is there, or None where nothing is."""


def offset_at(moment: datetime, near: int) -> Search:
    """The offset of the last notification created before `moment` (aware); 0 where there is none.

    What comes after it was created at `moment` or later, as far as times grow with offsets. `near`: an offset to begin
    with, ≥ 0.
    """
    before, after = 0, max(near, 1)
    """The wanted offset lies in [before, after]."""
    while True:
        seen = yield after
        if seen is None or seen.created_at >= moment:
            break
        before, after = seen.offset, min(max(after * 2, seen.offset), MAX_OFFSET)
    while before < after:
        middle = (before + after) // 2
        seen = yield middle
        if seen is None or seen.created_at >= moment:
            after = middle
        else:
            before = seen.offset
    return before


def glance(items: Sequence[Item]) -> Glance | None:
    """The first of these that tells both; None where there are no items. Raises SourceUnavailable where none tells."""
    known = [Glance(item.offset, item.created_at) for item in items if item.offset is not None and item.created_at]
    if items and not known:
        raise SourceUnavailable("the API does not tell when its notifications were created")
    return min(known, key=lambda each: each.offset, default=None)
