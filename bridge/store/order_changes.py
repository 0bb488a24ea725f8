"""What becomes of one order's row: pure, and the same again where a change is made a second time."""

from typing import TypeVar

import msgspec

from bridge.checkpoints import (
    CLOSED_STATES,
    REOPENABLE_STATES,
    FeedRow,
    OpenState,
    OrderPolled,
    Registration,
    WatchedOrder,
)
from bridge.errors import InvariantViolation

Known = TypeVar("Known", str, float)


class OrderRow(WatchedOrder, frozen=True, kw_only=True):
    """All of an order's row, but for its stream, which follows from the id."""

    feed_sequence: int | None = None
    """The highest number of the status feed's rows that named it."""


def newly_watched(registration: Registration, at: float) -> OrderRow:
    """An order that was not in the store; due when it is to be sent, where that lies ahead."""
    time = registration.requested_send_time
    return OrderRow(
        order_id=registration.order_id,
        state="registered",
        registered_at=at,
        due_at=at if time is None else max(at, time),
        senders_reference=registration.senders_reference,
        requested_send_time=registration.requested_send_time,
    )


def newly_named(row: FeedRow, at: float) -> OrderRow:
    """An order that only the status feed told of."""
    return OrderRow(
        order_id=row.order_id,
        state="registered",
        registered_at=at,
        due_at=at,
        senders_reference=row.senders_reference,
        feed_sequence=row.sequence,
    )


def registered_again(order: OrderRow, registration: Registration, *, at: float, reopens: bool) -> OrderRow:
    """As WatchOrders says of an order that is in the store already."""
    if reopens and order.state in REOPENABLE_STATES:
        order = _reopened(order, at)
    elif order.state in CLOSED_STATES:
        return order
    return msgspec.structs.replace(
        order,
        senders_reference=_known(order.senders_reference, registration.senders_reference),
        requested_send_time=_known(order.requested_send_time, registration.requested_send_time),
    )


def named_again(order: OrderRow, row: FeedRow, at: float) -> OrderRow:
    """As FeedRead says of an order that is in the store already.

    A number below the one that it bears changes nothing either: an order has one row in the feed today, but had several
    before 2026, and those would poke it at each re-reading.
    """
    if order.feed_sequence is not None and row.sequence <= order.feed_sequence:
        return order
    order = msgspec.structs.replace(order, feed_sequence=row.sequence)
    if order.state in REOPENABLE_STATES:
        order = _reopened(order, at)
    elif order.state in CLOSED_STATES:
        return order
    else:
        due_at = at if order.due_at is None else min(order.due_at, at)
        order = msgspec.structs.replace(order, due_at=due_at, pokes=order.pokes + 1)
    return msgspec.structs.replace(order, senders_reference=_known(order.senders_reference, row.senders_reference))


def polled(order: OrderRow, poll: OrderPolled, at: float) -> OrderRow:
    """As OrderPolled says. Raises InvariantViolation where an end has a time to poll, or an open state none."""
    if (poll.state in CLOSED_STATES) != (poll.due_at is None):
        raise InvariantViolation(f"An order that is {poll.state} would be due at {poll.due_at}")
    state, due_at = poll.state, poll.due_at
    if poll.pokes != order.pokes:
        due_at = at
        if state in CLOSED_STATES:
            state = _still_open(poll)
    return msgspec.structs.replace(
        order,
        state=state,
        due_at=due_at,
        senders_reference=_known(poll.senders_reference, order.senders_reference),
        left_registered_at=poll.left_registered_at,
        changed_at=poll.changed_at,
        missing_since=poll.missing_since,
        closed_at=at if due_at is None else None,
    )


def _reopened(order: OrderRow, at: float) -> OrderRow:
    """Watched again, from the beginning, so that it is not given up at once. A poke, too: a commit of the poll that
    ended it may still be repeated.
    """
    return msgspec.structs.replace(
        order,
        state="registered",
        due_at=at,
        pokes=order.pokes + 1,
        left_registered_at=None,
        missing_since=None,
        closed_at=None,
    )


def _still_open(poll: OrderPolled) -> OpenState:
    """The state of an order that the poll saw ended, but that is watched on."""
    if poll.missing_since is not None:
        return "missing"
    return "registered" if poll.left_registered_at is None else "sending"


def _known(first: Known | None, second: Known | None) -> Known | None:
    return second if first is None else first
