"""Moving receivers to other offsets, as an operator asks: what it comes to in one stream. Pure.

Whoever moves becomes a straggler that begins at its new cursor and joins the others again; they are not disturbed (G4).
Where nobody who shares the stream's cursor stays behind, the stream itself moves.
"""

from collections.abc import Mapping

import msgspec


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream's rows have to become."""

    cursor: int
    """The stream's own."""
    receivers: Mapping[int, int | None]
    """Of those that move alone: HER-id → its own cursor, or None where it shares the stream's."""
    keeps_window: bool
    """Whether the stream's recent pages still tell late rows from others: not where the stream itself moves."""
    repeated: frozenset[int]
    """HER-ids that go back: their items without an offset are to come again, too, so they are not known any more."""


def seek(cursor: int, receivers: Mapping[int, int | None], to: Mapping[int, int]) -> Sought:
    """Move receivers of one stream, which has this cursor and these receivers. `to`: HER-id → its new cursor; each is
    one of the receivers, at least one. Doing it twice is the same as once.

    A straggler does not share at once where it comes to stand at the stream's cursor: it has to read the window first,
    or what it skipped would be found there as late.
    """
    staying = {her_id for her_id, own in receivers.items() if own is None and to.get(her_id, cursor) == cursor}
    repeated = frozenset(her_id for her_id, at in to.items() if at < _place(receivers[her_id], cursor))
    if staying:
        own = {her_id: None if her_id in staying else at for her_id, at in to.items()}
        return Sought(cursor=cursor, receivers=own, keeps_window=True, repeated=repeated)
    lowest = min(to.values())
    own = {her_id: None if at == lowest else at for her_id, at in to.items()}
    return Sought(cursor=lowest, receivers=own, keeps_window=False, repeated=repeated)


def _place(own: int | None, shared: int) -> int:
    return shared if own is None else own
