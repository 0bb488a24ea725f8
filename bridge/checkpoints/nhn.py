"""Checkpoints of NHN's streams. All the words are of product.md §6:

A *stream* is up to 1500 HER-ids of one tenant that are polled together. Its receivers share the stream's cursor, except
*stragglers*: receivers with a cursor of their own, because they are new, came back, or were refused by the API.
Stragglers with the same cursor are polled together; at the stream's cursor they join it. A straggler's *floor* says
from where on the stream's window tells what of it is done with; up to there all of it is.
"""

from collections.abc import Mapping

import msgspec


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """All that the store remembers of one NHN stream."""

    name: str
    """`nhn/<tenant>/<n>`; stable."""
    tenant: str
    cursor: int
    """Offset of the last notification that is done with, ≥ 0; exclusive, as the API's `Offset`."""
    receivers: Mapping[int, int | None]
    """HER-id → its own cursor, or None where it shares the stream's."""
    floors: Mapping[int, int] = {}
    """HER-id → its floor, of stragglers whose floor is not their cursor."""
    unnumbered: frozenset[tuple[int, str]] = frozenset()
    """(HER-id, event id) of items without an offset that are published and that polls may show again."""
    recent: tuple["RecentPage", ...] = ()
    """Offsets done with lately, oldest page first: what the overlap re-read (late rows) compares with."""

    @property
    def reread_from(self) -> int:
        """The offset after which `recent` has everything that is done with up to the cursor."""
        oldest = min(self.recent, key=lambda page: (page.read_at, page.offsets[0]), default=None)
        return self.cursor if oldest is None else oldest.offsets[0]


class RecentPage(msgspec.Struct, frozen=True):
    """Offsets of one page, kept for `NHN__OVERLAP_S` seconds."""

    read_at: float
    """When the page was read, seconds since the epoch."""
    offsets: tuple[int, ...]
    """Ascending; at least one: what the page brought, and where the cursor stood before and after it."""


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """A page is done with: the cursor of the receivers that share it moves."""

    stream: str
    stragglers: frozenset[int] | None = None
    """None: the stream's own cursor moves. Else the own cursors of exactly these receivers (a receiver that happens to
    stand at the same offset is not moved: it may be one that the API refuses)."""
    previous: int
    """Where the cursor has to stand now; if it does not, somebody else moved it: InvariantViolation."""
    cursor: int
    """Where it stands afterwards, ≥ previous."""
    floor: int | None = None
    """Of stragglers: their floor afterwards; None: their cursor."""
    unnumbered_added: frozenset[tuple[int, str]] = frozenset()
    unnumbered_gone: frozenset[tuple[int, str]] = frozenset()
    recent: tuple[RecentPage, ...] = ()
    """Added to what the stream keeps; a page may have the `read_at` of one that is kept already."""
    forget_recent_before: float = 0.0
    """Recent pages read before this moment (seconds since the epoch) are dropped."""


class Enrol(msgspec.Struct, frozen=True, kw_only=True):
    """Receivers become part of a stream. A stream that is not there yet is made, with this cursor as its own.

    What of theirs another stream remembers as published without an offset (`unnumbered`) moves with them.
    """

    stream: str
    tenant: str
    cursors: Mapping[int, int]
    """HER-id → the cursor it starts from. One that equals the stream's cursor is shared at once, unless the stream has
    recent pages: what of those is done with for the receiver is not known yet."""


class Detach(msgspec.Struct, frozen=True, kw_only=True):
    """Receivers get a cursor of their own, at the stream's: they stay behind while the others go on.

    Their floor is 0: the stream's window tells what of them is done with.
    """

    stream: str
    her_ids: frozenset[int]
    cursor: int
    """The stream's cursor at this moment; if it differs in the store: InvariantViolation."""


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """Stragglers that stand at the stream's cursor share it from now on."""

    stream: str
    her_ids: frozenset[int]
    cursor: int
    """Cursor of both at this moment; if either differs in the store: InvariantViolation."""


NhnCheckpoint = Advance | Enrol | Detach | Join
