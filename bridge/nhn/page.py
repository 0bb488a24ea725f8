"""What of a page is published, and where the cursor stands then. Pure: a page is checked, not trusted (product.md §6).

The API says that offsets are exclusive and global. It does not say that a page is sorted, that no item comes twice, or
that a number cannot become visible after a higher one; so each of these is looked at, counted and shown.
"""

from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence

import msgspec

from bridge.nhn.decode import MAX_OFFSET, Item


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on what one poll brought."""

    items: tuple[Item, ...]
    """What is to be published or parked, in offset order; items without an offset stand where the API put them."""
    position: int
    """The highest offset seen, or where the poll began: the next poll of this sweep starts here."""
    is_full: bool
    """More may be there now."""
    reached_limit: bool
    """Nothing up to `limit` is left."""
    known: tuple[int, ...]
    """Offsets up to the cursor that the poll showed and that are done with."""
    shown: frozenset[tuple[int, str]]
    """(receiver or 0, key) of every item without an offset that the poll showed."""
    anomalies: Mapping[str, int]
    """Kind → how many: unsorted, repeated, already-seen, late, without-offset, no-progress, malformed."""


def check(
    pages: Sequence[tuple[Sequence[Item], bool]],
    *,
    position: int,
    cursor: int,
    recent: Container[int],
    published: Collection[tuple[int, str]],
    floor: int = 0,
    limit: int | None = None,
) -> Checked:
    """Check what one poll brought.

    `pages`: (items, is full) of each request of the poll; several where the API takes fewer HER-ids a request.
    `position`: the `Offset` that was sent. `cursor` ≥ position: what was visible up to it is done with; in an overlap
    re-read the two differ, and `recent` has every offset between them that is done with. `published`: items without
    an offset that are done with; so are those that stand before one whose offset is at most `floor`. `limit`: take
    nothing beyond this offset (joining).
    """
    if len(pages) == 1 and limit is None and _is_as_documented(pages[0][0], cursor):
        return _whole(*pages[0])
    anomalies: Counter[str] = Counter()
    seen = _arrange(pages, position, anomalies)
    known_up_to = _known_up_to(pages, position)
    reached_limit = limit is not None and (known_up_to is None or known_up_to >= limit)
    horizon = min((bound for bound in (known_up_to, limit) if bound is not None), default=MAX_OFFSET)
    seen = [entry for entry in seen if entry[0] <= horizon]

    offsets = [item.offset for _, item in seen if item.offset is not None]
    unnumbered = frozenset(_name(item) for _, item in seen if item.offset is None)
    passed = _passed(pages, floor)
    items = tuple(item for _, item in seen if _is_open(item, cursor, recent, published) and _name(item) not in passed)
    highest = max(offsets, default=position)
    is_full = any(full for _, full in pages)
    anomalies["late"] = sum(1 for item in items if item.offset is not None and item.offset <= cursor)
    anomalies["without-offset"] = sum(1 for item in items if item.offset is None)
    anomalies["malformed"] = sum(1 for item in items if item.problem)
    anomalies["no-progress"] = int(is_full and highest == position and not reached_limit)
    return Checked(
        items=items,
        position=highest,
        is_full=is_full,
        reached_limit=reached_limit,
        known=tuple(offset for offset in offsets if offset <= cursor and offset in recent),
        shown=unnumbered,
        anomalies={kind: count for kind, count in anomalies.items() if count},
    )


def _is_as_documented(items: Sequence[Item], cursor: int) -> bool:
    """Whether there is something, all of it new, in order and understood, as on nearly every page. Found in one pass:
    all that `check` looks at costs ten times as much.
    """
    at = cursor
    for item in items:
        if item.offset is None or item.offset <= at or item.problem is not None:
            return False
        at = item.offset
    return at > cursor


def _whole(items: Sequence[Item], is_full: bool) -> Checked:
    """The verdict on a page that is as documented."""
    return Checked(
        items=tuple(items),
        position=items[-1].offset or 0,
        is_full=is_full,
        reached_limit=False,
        known=(),
        shown=frozenset(),
        anomalies={},
    )


def _arrange(
    pages: Sequence[tuple[Sequence[Item], bool]], position: int, anomalies: Counter[str]
) -> list[tuple[int, Item]]:
    """All items with the offset they stand at, in offset order, each once, none that the API should have left out.

    One without an offset stands behind the one before it; in an unsorted page, where that says nothing, before all.
    """
    arranged: list[tuple[int, Item]] = []
    known: set[tuple[int | None, str]] = set()
    for items, _ in pages:
        at = position
        offsets = [item.offset for item in items if item.offset is not None]
        is_sorted = offsets == sorted(offsets)
        for item in items:
            if item.offset is not None and item.offset <= position:
                anomalies["already-seen"] += 1
                continue
            if (item.offset, item.key) in known:
                anomalies["repeated"] += 1
                continue
            known.add((item.offset, item.key))
            if item.offset is not None:
                anomalies["unsorted"] += int(item.offset < at)
                at = item.offset
            arranged.append((at if item.offset is not None or is_sorted else position, item))
    arranged.sort(key=lambda entry: entry[0])
    return arranged


def _known_up_to(pages: Sequence[tuple[Sequence[Item], bool]], position: int) -> int | None:
    """Up to which offset the pages together are complete: a full page tells nothing beyond its end. None: no bound."""
    ends = [max((item.offset or 0 for item in items), default=0) for items, is_full in pages if is_full]
    return max(min(ends), position) if ends else None


def _passed(pages: Sequence[tuple[Sequence[Item], bool]], floor: int) -> set[tuple[int, str]]:
    """Items without an offset before one whose offset is at most `floor`; an unsorted page tells nothing of that."""
    passed: set[tuple[int, str]] = set()
    for items, _ in pages if floor else ():
        offsets = [item.offset for item in items if item.offset is not None]
        if offsets == sorted(offsets):
            last = max((at for at, item in enumerate(items) if 0 < (item.offset or 0) <= floor), default=0)
            passed |= {_name(item) for item in items[:last] if item.offset is None}
    return passed


def _is_open(item: Item, cursor: int, recent: Container[int], published: Collection[tuple[int, str]]) -> bool:
    """Whether the item is still to be published."""
    if item.offset is None:
        return _name(item) not in published
    return item.offset > cursor or item.offset not in recent


def _name(item: Item) -> tuple[int, str]:
    return item.receiver or 0, item.key
