"""What `bridge orders list` shows of a page of orders, as a document and as a table. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from bridge.checkpoints import OrderState, WatchedOrder
from bridge.cli.columns import aligned
from bridge.ops.address import printable

HEADINGS = ("ORDER", "STATE", "DUE (UTC)", "LAST CHANGE (UTC)", "E-MAILS", "REFERENCE")
MAX_REFERENCE_CHARACTERS = 60
"""Of the table; the document has all of it."""
NOTHING = "-"


class ListedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order. Times are aware, in UTC."""

    order_id: str
    state: OrderState
    registered_at: datetime
    due_at: datetime | None
    """When it is polled next; null: closed."""
    changed_at: datetime | None
    """When it last showed a change."""
    closed_at: datetime | None
    missing_since: datetime | None
    """Since when Altinn has not known it."""
    requested_send_time: datetime | None
    senders_reference: str | None
    emails: Mapping[str, int]
    """Status, as the API wrote it → how many e-mails of the order have it."""


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """A page, in the order of the ids."""

    orders: tuple[ListedOrder, ...]
    next_after: str | None
    """What `--after` has to be for the next page; null: this was the last."""


def page_of(orders: Sequence[WatchedOrder], emails: Mapping[str, Mapping[str, int]], *, limit: int) -> OrderList:
    """`orders`: one more than `limit` where there is a next page."""
    shown = orders[:limit]
    return OrderList(
        orders=tuple(_listed(order, emails.get(order.order_id, {})) for order in shown),
        next_after=shown[-1].order_id if len(orders) > limit else None,
    )


def table(page: OrderList) -> Iterator[str]:
    """Its lines; what others wrote cannot steer a terminal."""
    if not page.orders:
        yield "No orders."
        return
    yield from aligned(HEADINGS, map(_row, page.orders))


def _listed(order: WatchedOrder, emails: Mapping[str, int]) -> ListedOrder:
    return ListedOrder(
        order_id=order.order_id,
        state=order.state,
        registered_at=datetime.fromtimestamp(order.registered_at, UTC),
        due_at=_moment(order.due_at),
        changed_at=_moment(order.changed_at),
        closed_at=_moment(order.closed_at),
        missing_since=_moment(order.missing_since),
        requested_send_time=_moment(order.requested_send_time),
        senders_reference=order.senders_reference,
        emails=dict(sorted(emails.items())),
    )


def _row(order: ListedOrder) -> Sequence[str]:
    reference = printable(order.senders_reference or NOTHING)
    if len(reference) > MAX_REFERENCE_CHARACTERS:
        reference = f"{reference[: MAX_REFERENCE_CHARACTERS - 1]}…"
    return (
        order.order_id,
        order.state,
        _shown(order.due_at),
        _shown(order.changed_at),
        printable(", ".join(f"{count} {status}" for status, count in order.emails.items()) or NOTHING),
        reference,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _shown(moment: datetime | None) -> str:
    return NOTHING if moment is None else f"{moment:%F %T}"
