"""What `bridge offsets list` shows: where each receiver stands, as a document and as a table. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from bridge.cli.columns import aligned
from bridge.store import ReceiverOffset

HEADINGS = ("TENANT", "HER-ID", "OFFSET", "STREAM", "STATE", "STORED (UTC)")

Place = tuple[str, int]
"""(tenant, HER-id): the order of the list."""


class OffsetList(msgspec.Struct, frozen=True, kw_only=True):
    """A page, by tenant and HER-id."""

    offsets: tuple[ReceiverOffset, ...]
    next_after: str | None
    """What `--after` has to be for the next page; null: this was the last."""


def page_of(receivers: Sequence[ReceiverOffset], *, after: Place | None, limit: int) -> OffsetList:
    """`receivers`: all that are to be listed, in their order."""
    rest = [each for each in receivers if after is None or (each.tenant, each.her_id) > after]
    shown = rest[:limit]
    return OffsetList(
        offsets=tuple(shown),
        next_after=f"{shown[-1].tenant}/{shown[-1].her_id}" if len(rest) > limit else None,
    )


def table(page: OffsetList) -> Iterator[str]:
    """Its lines."""
    if not page.offsets:
        yield "No HER-ids."
        return
    yield from aligned(HEADINGS, map(_row, page.offsets))


def _row(each: ReceiverOffset) -> Sequence[str]:
    stored = f"{each.updated_at:%F %T}"
    return each.tenant, str(each.her_id), str(each.offset), each.stream or "-", each.state, stored
