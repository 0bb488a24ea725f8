"""Which order ended when, and the status feed: a row for each order that ended, under a number of its own. Pure.

Numbers belong to all organisations together, so those of one have gaps. A row's number is given away when its order
ends; it becomes visible later, so that a lower number may appear after a higher one.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from bridge.sandbox.altinn.queries import FeedQuery
from bridge.sandbox.draws import draw

_STEPS = (1, 3, 1, 7, 2, 1, 19, 1, 4, 1, 1, 60, 2, 5, 1, 11)
_number = attrgetter("sequence_number")


class Row(NamedTuple):
    """One order that ended."""

    sequence_number: int
    order: int
    """Number of the order."""
    ended_at: int
    """What was true then is what the row shows."""
    visible_at: int
    organisation: str


class Ends:
    """The orders that will end, and the rows of those that did. Times are ticks."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._due: list[tuple[int, int]] = []
        """A heap of (when, order); what was foreseen and is not true any more is left in it."""
        self._foreseen: dict[int, int] = {}
        self._rows: list[Row] = []
        self._by_order: dict[int, Row] = {}
        self._given = 0
        self.last_number = 0
        """The highest given away, 0 before the first."""

    def foresee(self, order: int, ends_at: int | None) -> None:
        """The order will end then, whatever was foreseen before; None: never, as far as can be seen."""
        if ends_at is None:
            self._foreseen.pop(order, None)
        else:
            self._foreseen[order] = ends_at
            heapq.heappush(self._due, (ends_at, order))

    def take(self, now: int) -> Iterator[tuple[int, int]]:
        """The orders that have ended by now and when, in the order of their ends, each once."""
        while self._due and self._due[0][0] <= now:
            ended_at, order = heapq.heappop(self._due)
            if self._foreseen.get(order) == ended_at:
                del self._foreseen[order]
                yield ended_at, order

    def add_row(self, order: int, *, ended_at: int, visible_at: int, organisation: str) -> None:
        """Give the next number away."""
        self.last_number += _STEPS[draw(self._seed, "sequence", self._given)[0] % len(_STEPS)]
        self._given += 1
        row = Row(self.last_number, order, ended_at, visible_at, organisation)
        self._rows.append(row)
        self._by_order[order] = row

    def row_of(self, order: int) -> Row | None:
        """The order's row, visible or not."""
        return self._by_order.get(order)

    def read(self, query: FeedQuery, organisation: str, now: int) -> list[Row]:
        """The rows that the feed shows to an organisation."""
        rows = self._rows
        if query.is_descending:
            end = bisect_left(rows, query.seq, key=_number) if query.seq else len(rows)
            found = (rows[index] for index in range(end - 1, -1, -1))
        else:
            found = (rows[index] for index in range(bisect_right(rows, query.seq, key=_number), len(rows)))
        shown = (row for row in found if row.visible_at <= now and row.organisation == organisation)
        return list(islice(shown, query.page_size))

    def forget(self, order: int) -> None:
        """The order is there no more, nor is its row."""
        self._foreseen.pop(order, None)
        self._by_order.pop(order, None)

    def sweep(self) -> None:
        """Drop the rows of what was forgotten."""
        self._rows = [row for row in self._rows if row.order in self._by_order]
