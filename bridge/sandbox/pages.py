"""A page's rows and bytes: in order, or wrong in the way a fault says. Pure."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

from bridge.sandbox.faults import FaultKind
from bridge.sandbox.feed import Feed, Row
from bridge.sandbox.misbehaviour import Body, filler
from bridge.sandbox.poll import Poll

_START, _COMMA, _END = b'{"notifications":[', b",", b"]}"
_GOING_BACK_ITEMS = 3


def rows_for(feed: Feed, poll: Poll, kind: FaultKind | None = None) -> list[Row]:
    """What a poll shows. Where a fault needs what came before `Offset` and nothing did, the right page."""
    rows = feed.after(poll.her_ids, poll.offset, poll.limit)
    match kind:
        case FaultKind.UNSORTED_PAGE:
            return rows[::-1]
        case FaultKind.DUPLICATE_ITEMS:
            return [row for row in rows for _ in range(2)][: poll.limit]
        case FaultKind.REPEATED_PAGE:
            return feed.up_to(poll.her_ids, poll.offset, poll.limit) or rows
        case FaultKind.NO_PROGRESS:
            old = feed.up_to(poll.her_ids, poll.offset, poll.limit)
            return list(islice(cycle(old), poll.limit)) or rows
        case FaultKind.OFFSETS_GOING_BACK:
            old = feed.up_to(poll.her_ids, poll.offset, min(_GOING_BACK_ITEMS, poll.limit))
            return rows[: poll.limit - len(old)] + old
        case _:
            return rows


def is_padded(rows: Sequence[Row]) -> bool:
    """Whether the page has an oversized item, so that it is not to be put together in memory."""
    return any(row.padding_bytes for row in rows)


def encode(rows: Sequence[Row]) -> bytes:
    """The body of a page without padding, joined from what was encoded when the rows were created."""
    return b"".join((_START, _COMMA.join([row.encoded for row in rows]), _END))


def size_bytes(rows: Sequence[Row]) -> int:
    """Length of the body."""
    items_bytes = sum(len(row.encoded) + row.padding_bytes for row in rows)
    return len(_START) + items_bytes + max(0, len(rows) - 1) + len(_END)


def as_body(rows: Sequence[Row]) -> Body:
    """The body, padding included, for answers that do not arrive as they should."""
    return Body(size_bytes=size_bytes(rows), pieces=lambda: chunks(rows), empty=encode([]))


def chunks(rows: Sequence[Row]) -> Iterator[bytes]:
    """The body in pieces of at most 64 KiB or one item, padding included."""
    yield _START
    for index, row in enumerate(rows):
        yield (_COMMA if index else b"") + row.encoded[: row.pad_at]
        yield from filler(row.padding_bytes, b"x")
        yield row.encoded[row.pad_at :]
    yield _END
