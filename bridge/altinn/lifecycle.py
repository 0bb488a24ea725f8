"""What a poll means for its order: what to publish and to remember, whether it has ended, when it is next due. Pure.

registered --left Order_Registered--> sending --every e-mail final, and the order--> completed
|                                    |----- not ended for too long ------------> given-up
|--cancelled, condition-not-met      |----- not known to the API (missing) ----> not-found
"""

from collections.abc import Mapping

import msgspec

from bridge.altinn.changes import Changes, changes, latest
from bridge.altinn.decode import EmailSummary, Shipment
from bridge.altinn.schedule import Dice, PollSchedule, next_poll_at
from bridge.checkpoints import ClosedState, EmailSeen, OpenState, OrderPolled, WatchedOrder
from bridge.errors import TransientError
from bridge.events.altinn import is_final, is_known

MISSING_GRACE_S = 900.0
"""How long an order that the API does not know is asked for again: it may be new, or its transaction not done yet."""
REGISTERED = "Order_Registered"
PROCESSING = frozenset({"Order_Processing", "Order_Processed"})
ENDS: Mapping[str, ClosedState] = {
    "Order_Completed": "completed",
    "Order_Cancelled": "cancelled",
    "Order_SendConditionNotMet": "condition-not-met",
}
"""ProcessingLifecycleExt of Altinn/altinn-notifications: these three are final, the others temporary."""


class Seen(msgspec.Struct, frozen=True):
    """What a poll of one order has shown."""

    summary: EmailSummary
    shipment: Shipment | None = None
    """None: not asked, because the e-mails alone say that the order goes on, or not answered."""
    trouble: TransientError | None = None
    """Why it was not answered: that keeps no e-mail's change from being published."""


class Missing(msgspec.Struct, frozen=True):
    """The API says that it knows no such order of ours."""


Observation = Seen | Missing


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a poll."""

    order: WatchedOrder
    """As it was."""
    changes: Changes
    after: OrderPolled
    closed: ClosedState | None
    summary: EmailSummary | None = None
    shipment: Shipment | None = None
    unknown_statuses: tuple[str, ...] = ()
    """Statuses among the changes, or of the order, that nobody knows."""


NOTHING = Changes(changed=(), parked=(), repeated=0)


def all_final(summary: EmailSummary) -> bool:
    """Whether every e-mail that was made, if any, is shown and final: then only the order itself tells whether it goes
    on. What could not be understood is parked, and keeps no order open.
    """
    shown = latest(summary.emails)
    is_whole = len(shown) + len(summary.invalid) >= summary.generated
    return is_whole and all(is_final(email.notification.send_status.status) for email in shown.values())


def has_ended(shipment: Shipment | None) -> bool:
    """Whether the order itself is final."""
    return shipment is not None and shipment.status in ENDS


def conclude(
    order: WatchedOrder,
    seen: Mapping[str, EmailSeen],
    observation: Observation,
    *,
    now: float,
    schedule: PollSchedule,
    dice: Dice,
) -> Verdict:
    """The verdict on one poll. `seen`: notification id → what was published last; `now`: when it was made, in seconds
    since the epoch; what has changed since then is for the next poll.
    """
    if isinstance(observation, Missing):
        return _missing(order, now=now, schedule=schedule, dice=dice)
    summary, shipment = observation.summary, observation.shipment
    found = changes(summary, seen)
    left_at = order.left_registered_at
    if left_at is None and _has_left(summary, shipment):
        left_at = now
    is_news = bool(found.changed) or left_at != order.left_registered_at
    changed_at = now if is_news else order.changed_at
    closed = _end(summary, shipment, left_at, now, schedule)
    state: OpenState = "registered" if left_at is None else "sending"
    due_at = next_poll_at(
        now,
        quiet_since=order.registered_at if changed_at is None else changed_at,
        not_before=order.requested_send_time if left_at is None else None,
        schedule=schedule,
        dice=dice,
    )
    after = OrderPolled(
        order_id=order.order_id,
        pokes=order.pokes,
        state=closed or state,
        due_at=None if closed else due_at,
        senders_reference=summary.senders_reference,
        left_registered_at=left_at,
        changed_at=changed_at,
        emails=tuple(found.seen()),
    )
    return Verdict(
        order=order,
        changes=found,
        after=after,
        closed=closed,
        summary=summary,
        shipment=shipment,
        unknown_statuses=_unknown(found, shipment),
    )


def _missing(order: WatchedOrder, *, now: float, schedule: PollSchedule, dice: Dice) -> Verdict:
    since = now if order.missing_since is None else order.missing_since
    closed: ClosedState | None = "not-found" if now - since >= MISSING_GRACE_S else None
    after = OrderPolled(
        order_id=order.order_id,
        pokes=order.pokes,
        state=closed or "missing",
        due_at=None if closed else next_poll_at(now, quiet_since=since, not_before=None, schedule=schedule, dice=dice),
        left_registered_at=order.left_registered_at,
        changed_at=order.changed_at,
        missing_since=since,
    )
    return Verdict(order=order, changes=NOTHING, after=after, closed=closed)


def _has_left(summary: EmailSummary, shipment: Shipment | None) -> bool:
    """Whether the order is not only registered any more. A status that nobody knows is none of being registered."""
    return summary.generated > 0 or bool(summary.emails) or (shipment is not None and shipment.status != REGISTERED)


def _end(
    summary: EmailSummary, shipment: Shipment | None, left_at: float | None, now: float, schedule: PollSchedule
) -> ClosedState | None:
    if shipment is not None and shipment.status in ENDS and all_final(summary):
        return ENDS[shipment.status]
    if left_at is not None and now - left_at >= schedule.give_up_after_s:
        return "given-up"
    return None


def _unknown(found: Changes, shipment: Shipment | None) -> tuple[str, ...]:
    statuses = [change.email.notification.send_status.status for change in found.changed]
    unknown = [status for status in statuses if not is_known(status)]
    if shipment is not None and shipment.status not in {REGISTERED, *PROCESSING, *ENDS}:
        unknown.append(shipment.status)
    return tuple(unknown)
