"""The log of notifications and how a poll reads it. Pure.

Every notification has a *position*: the number that the API orders by. Normally the item shows it as `offset`; the
example on NHN's page shows none, and a malformed item shows something else, yet each is read by its position.
Positions are global and ascending, with gaps, so they are not consecutive for any receiver (nhn-notifications §1.4).
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from operator import attrgetter

import msgspec

from bridge.sandbox.draws import draw

DEFAULT_MAX_ROWS = 200_000
"""About 160 MB. Beyond it the oldest tenth is purged, as an API with a retention does."""

_STEPS = (1, 1, 1, 2, 1, 1, 3, 1, 1, 1, 8, 1, 2, 1, 1, 40)
_MANY = 8
"""Receivers are many where they are at least an eighth of all."""
_SCAN_STEPS = 8
"""A scan for a page reads at most so many blocks of twice the page."""
_position = attrgetter("position")


class Row(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One notification, its JSON encoded once."""

    position: int
    her_id: int
    """The receiver whose polls show it, whatever the item says."""
    id: str | None
    """The id that identifies its event: `notificationId` or `id`, else `<receiver>-<position>`; None: not an object."""
    offset: int | None
    """As the item shows it; None where it shows none, or no integer."""
    fault: str | None
    """Name of the fault that shaped the item."""
    encoded: bytes
    pad_at: int = 0
    """Where in `encoded` the padding belongs."""
    padding_bytes: int = 0
    """So many `x` are sent at `pad_at`; they are never held in memory."""


class _Shelf:
    """Rows in order of position."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        if not self.positions or row.position > self.positions[-1]:
            self.positions.append(row.position)
            self.rows.append(row)
        else:
            index = self.index_after(row.position)
            self.positions.insert(index, row.position)
            self.rows.insert(index, row)

    def index_after(self, position: int) -> int:
        return bisect_right(self.positions, position)

    def after(self, position: int, limit: int) -> list[Row]:
        start = self.index_after(position)
        return self.rows[start : start + limit]

    def up_to(self, position: int, limit: int) -> list[Row]:
        """The last `limit` rows at or before `position`."""
        end = self.index_after(position)
        return self.rows[max(0, end - limit) : end]

    def drop_up_to(self, position: int) -> None:
        count = self.index_after(position)
        del self.positions[:count], self.rows[:count]


class _Held(msgspec.Struct):
    """A row with a number that is not visible yet."""

    row: Row
    visible_at_s: float | None
    polls_left: int | None


class Feed:
    """All rows up to `max_rows`; whatever is read comes in order of position."""

    def __init__(self, *, seed: int, max_rows: int = DEFAULT_MAX_ROWS) -> None:
        self._seed = seed
        self._next = 1
        self._max_rows = max_rows
        self._created = _Shelf()
        self._visible = _Shelf()
        self._by_receiver: dict[int, _Shelf] = {}
        self._sticky: dict[int, list[Row]] = {}
        self._held: list[_Held] = []
        self.created_total = 0
        self.purged_total = 0
        self.last_position = 0
        """Highest number given away, 0 before the first."""

    def allocate(self, position: int | None = None) -> int:
        """The next position, or the given one; raises ValueError where that is not behind all others."""
        if position is not None and position < self._next:
            raise ValueError(f"position {position} is taken: the next free one is {self._next}")
        self.last_position = position = position or self._next
        self._next = position + _STEPS[draw(self._seed, "gap", self.created_total)[0] % len(_STEPS)]
        return position

    def append(self, row: Row) -> None:
        """Make a row, whose position was just allocated, visible at once."""
        self._remember(row)
        self._show(row)

    def hold(self, row: Row, *, visible_at_s: float | None = None, visible_after_polls: int | None = None) -> None:
        """A late row: visible from a moment on, or once so many polls for its receiver were answered."""
        self._remember(row)
        self._held.append(_Held(row, visible_at_s, visible_after_polls))

    def stick(self, row: Row) -> None:
        """A row that every poll for its receiver shows, whatever `Offset` it asks for."""
        self._remember(row)
        self._sticky.setdefault(row.her_id, []).append(row)

    def release(self, now_s: float) -> None:
        """Show the late rows whose time or poll has come."""
        if not self._held:
            return
        due = [held for held in self._held if _is_due(held, now_s)]
        self._held = [held for held in self._held if not _is_due(held, now_s)]
        for held in due:
            self._show(held.row)

    def count_poll(self, her_ids: frozenset[int]) -> None:
        """A poll for these receivers was answered: late rows that wait for polls are one nearer."""
        for held in self._held:
            if held.polls_left is not None and held.row.her_id in her_ids:
                held.polls_left -= 1

    def after(self, her_ids: frozenset[int], offset: int, limit: int) -> list[Row]:
        """The page for a poll: rows of these receivers behind `offset`, at most `limit`.

        Sticky rows come first and take at most half of the page, so that the others are never locked out.
        """
        sticky = self._sticky_rows(her_ids)[: limit // 2] if self._sticky else []
        limit -= len(sticky)
        start = self._visible.index_after(offset)
        if start == len(self._visible.rows):
            return sticky
        rows = self._scan(her_ids, start, limit) if len(her_ids) * _MANY >= len(self._by_receiver) else None
        if rows is None:
            shelves = self._shelves(her_ids)
            rows = sorted(chain.from_iterable(shelf.after(offset, limit) for shelf in shelves), key=_position)[:limit]
        return sticky + rows if sticky else rows

    def up_to(self, her_ids: frozenset[int], offset: int, limit: int) -> list[Row]:
        """The last `limit` rows of these receivers at or before `offset`: what a client at `offset` has seen last."""
        shelves = self._shelves(her_ids)
        rows = sorted(chain.from_iterable(shelf.up_to(offset, limit) for shelf in shelves), key=_position)
        return rows[max(0, len(rows) - limit) :]

    def created(self, after: int, limit: int) -> list[Row]:
        """Everything that was created, seen or not, behind position `after`."""
        return self._created.after(after, limit)

    def hidden_positions(self) -> set[int]:
        """Positions of the late rows that are not visible yet."""
        return {held.row.position for held in self._held}

    def _remember(self, row: Row) -> None:
        self.created_total += 1
        self._created.add(row)
        if len(self._created.rows) > self._max_rows:
            self._purge(self._created.positions[self._max_rows // 10])

    def _show(self, row: Row) -> None:
        self._visible.add(row)
        shelf = self._by_receiver.get(row.her_id)
        if shelf is None:
            shelf = self._by_receiver[row.her_id] = _Shelf()
        shelf.add(row)

    def _purge(self, position: int) -> None:
        before = len(self._created.rows)
        for shelf in (self._created, self._visible, *self._by_receiver.values()):
            shelf.drop_up_to(position)
        self._by_receiver = {her_id: shelf for her_id, shelf in self._by_receiver.items() if shelf.rows}
        kept = {her_id: [row for row in rows if row.position > position] for her_id, rows in self._sticky.items()}
        self._sticky = {her_id: rows for her_id, rows in kept.items() if rows}
        self._held = [held for held in self._held if held.row.position > position]
        self.purged_total += before - len(self._created.rows)

    def _shelves(self, her_ids: frozenset[int]) -> list[_Shelf]:
        by_receiver = self._by_receiver
        return [by_receiver[her_id] for her_id in her_ids if her_id in by_receiver]

    def _sticky_rows(self, her_ids: frozenset[int]) -> list[Row]:
        rows: Iterator[Row] = chain.from_iterable(self._sticky[her_id] for her_id in self._sticky if her_id in her_ids)
        return sorted(rows, key=_position)

    def _scan(self, her_ids: frozenset[int], start: int, limit: int) -> list[Row] | None:
        """Read the log itself, which is fastest where the receivers own much of it; None where they do not."""
        rows, step = self._visible.rows, max(2 * limit, 1024)
        end = min(len(rows), start + _SCAN_STEPS * step)
        found: list[Row] = []
        for block in range(start, end, step):
            found += [row for row in rows[block : block + step] if row.her_id in her_ids]
            if len(found) >= limit:
                return found[:limit]
        return found if end == len(rows) else None


def _is_due(held: _Held, now_s: float) -> bool:
    by_time = held.visible_at_s is not None and held.visible_at_s <= now_s
    return by_time or (held.polls_left is not None and held.polls_left <= 0)
