"""Checkpoints of Altinn's streams, and what the store remembers of orders. All the words are of product.md §7.

An *order* is watched from its registration until it is *closed*. It belongs to one of the streams `altinn/orders/<n>`,
which polls it. Others may want it polled at once (the status feed, a registration): they *poke* it, which counts in its
row, so that a poll that was under way then neither closes the order nor puts it off.

Times are seconds since the epoch.
"""

from typing import Final, Literal, get_args
from zlib import crc32

import msgspec

OpenState = Literal["registered", "sending", "missing"]
"""Of a watched order: `registered` until it leaves Order_Registered, then `sending`; `missing` while the API does not
know it."""
ClosedState = Literal["completed", "cancelled", "condition-not-met", "given-up", "not-found"]
"""How an order ended; also the routing key of its order-closed event."""
OrderState = OpenState | ClosedState
ORDER_STATES: Final[tuple[OrderState, ...]] = (*get_args(OpenState), *get_args(ClosedState))
CLOSED_STATES: Final[frozenset[OrderState]] = frozenset(get_args(ClosedState))
REOPENABLE_STATES: Final[frozenset[OrderState]] = frozenset({"given-up", "not-found"})
"""Ends that the bridge concluded by itself; the others the API said, and are final."""

ORDER_STREAMS: Final = 4
"""Among so many streams the orders are shared out. Each order's row names its stream, so another number needs a
migration."""


def order_stream(order_id: str) -> str:
    """The stream that polls an order: `altinn/orders/<n>`, 0 ≤ n < ORDER_STREAMS, always the same for the same id.

    By checksum, because not every version of UUID has bits that are shared out evenly. `order_id`: in its canonical
    form.
    """
    return f"altinn/orders/{crc32(order_id.encode()) % ORDER_STREAMS}"


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """An order that somebody wants watched."""

    order_id: str
    """A UUID in its canonical form, lower case."""
    senders_reference: str | None = None
    requested_send_time: float | None = None
    """When it is to be sent; None: not told."""


class WatchOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Orders are watched from now on. One that is watched already is left as it is, but for what it did not know."""

    stream: str
    orders: tuple[Registration, ...]
    at: float
    reopens: bool = False
    """Whether orders that ended as `given-up` or `not-found` are watched again; other ends are final."""


class EmailSeen(msgspec.Struct, frozen=True, gc=False):
    """The state of one e-mail that was published last."""

    notification_id: str
    """The API's; of an item that could not be understood, a name of ours (`sha256:…`)."""
    status: str
    last_update: str
    """As the API wrote them."""


class WatchedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the store remembers of one order, but for its e-mails."""

    order_id: str
    state: OrderState
    registered_at: float
    due_at: float | None
    """When it is to be polled; None: closed."""
    pokes: int = 0
    senders_reference: str | None = None
    requested_send_time: float | None = None
    left_registered_at: float | None = None
    """When it was first seen to have left Order_Registered: give-up counts from here."""
    changed_at: float | None = None
    """When it last left Order_Registered or showed a change: the back-off counts from here."""
    missing_since: float | None = None
    """Since when the API has not known it; None: it does."""
    closed_at: float | None = None


class OrderPolled(msgspec.Struct, frozen=True, kw_only=True):
    """One order after a poll. The values replace those in the store."""

    order_id: str
    pokes: int
    """As the poll found it in the store. Where the store has another number now, somebody poked it meanwhile: then it
    stays open, due at once; the rest is stored all the same."""
    state: OrderState
    due_at: float | None
    """None exactly where `state` is a closed one."""
    senders_reference: str | None = None
    """None: leave what is there."""
    left_registered_at: float | None = None
    changed_at: float | None = None
    missing_since: float | None = None
    emails: tuple[EmailSeen, ...] = ()
    """Those whose state is not what the store has."""


class OrdersPolled(msgspec.Struct, frozen=True, kw_only=True):
    """Polls are done with: every change that they showed is published. Orders removed meanwhile are passed over."""

    stream: str
    orders: tuple[OrderPolled, ...]
    at: float


class FeedMark(msgspec.Struct, frozen=True):
    """Where the status feed's cursor stood at a moment: what the overlap re-read goes back to."""

    at: float
    cursor: int


class FeedState(msgspec.Struct, frozen=True):
    """What the store remembers of the status feed."""

    cursor: int
    """Sequence number of the last row that is done with, ≥ 0; exclusive, as the API's `seq`."""
    marks: tuple[FeedMark, ...] = ()
    """Oldest first."""


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the feed that names an order: it has become final and is polled once more."""

    order_id: str
    sequence: int
    senders_reference: str | None = None


class FeedRead(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the feed is done with. A row whose sequence number its order bears already changes nothing; else the
    order is watched from now on, or poked; one that ended as `given-up` or `not-found` is watched again, other ended
    ones only note the number.
    """

    stream: str
    previous: int | None
    """The cursor as it has to be in the store; None: the feed has not been read before."""
    after: FeedState
    """`after.cursor` ≥ `previous`."""
    rows: tuple[FeedRow, ...]
    at: float


AltinnCheckpoint = WatchOrders | FeedRead | OrdersPolled
