"""Every message that the bridge makes: of each type, with all that an API may leave out, and each recipient detail."""

from datetime import UTC, datetime
from itertools import product

from bridge.events.altinn import (
    EmailNotification,
    Recipient,
    RecipientDetail,
    SendStatus,
    email_status_message,
    order_closed_message,
)
from bridge.events.message import Message
from bridge.events.nhn import Notification, id_of, message_of

TYPES = (
    "NewMessage",
    "RefusedMessage",
    "MessageSentStateUpdated",
    "MessageApprecInfoUpdated",
    "MessageDeliveryStateUpdated",
    "SomethingNew",
)
MOMENT = datetime(2026, 5, 8, 8, 32, 15, 310_000, UTC)
ORDER = "f1a1cc30-197f-4f34-8304-006ce4945fd1"
EMAIL = "e0197ec7-3d82-4917-8329-8c9ecc4c569b"
DETAILS: tuple[RecipientDetail, ...] = ("none", "address", "full")
WHOM = Recipient(
    email_address="kari@example.no", organization_number="991825827", national_identity_number="01017012345"
)


def full(type_name: str = "NewMessage", replay: str | None = None) -> Message:
    """Of a notification that has everything."""
    notification = Notification(
        type=type_name,
        receiver=8142520,
        notification_id="17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",
        related_message_id="733be787-0ad0-475a-98b7-00512caa9ccb",
        triggered_by=8142519,
        description="Ny melding på vei.",
        created_at="2026-05-08T08:32:15.31+00:00",
        offset=45460,
    )
    return _notified(notification, MOMENT, replay)


def bare(type_name: str = "NewMessage") -> Message:
    """Of a notification that has what it must have alone."""
    return _notified(Notification(type=type_name, receiver=6789, offset=7), None)


def without_offset(type_name: str = "NewMessage") -> Message:
    return _notified(Notification(type=type_name, receiver=6789, id="843eed10-6b56-496b-8664-ce71167c6b5c"), None)


def email_status(
    detail: RecipientDetail = "address", whom: Recipient | None = WHOM, *, is_bare: bool = False
) -> Message:
    """Of an e-mail's change; `is_bare`: with nothing that may be left out, and a time that is none."""
    last_update = "0001-01-01T00:00:00" if is_bare else "2026-07-01T10:02:30.1Z"
    description = None if is_bare else "It bounced."
    return email_status_message(
        EmailNotification(
            id=EMAIL,
            succeeded=False,
            send_status=SendStatus("Failed_Bounced", last_update, description),
            recipient=whom,
        ),
        order_id=ORDER,
        senders_reference=None if is_bare else "case-17",
        previous_status=None if is_bare else "Succeeded",
        moment=None if is_bare else datetime(2026, 7, 1, 10, 2, 30, 100_000, UTC),
        recipient=detail,
        exchange="altinn.notifications",
    )


def order_closed(reason: str = "completed", *, is_bare: bool = False) -> Message:
    """Of an order's end; `is_bare`: of one that the API does not know (any more)."""
    return order_closed_message(
        order_id=ORDER,
        senders_reference=None if is_bare else "case-17",
        reason=reason,
        generated=None if is_bare else 2,
        succeeded=None if is_bare else 1,
        last_update=None if is_bare else "2026-07-01T10:02:30.1Z",
        moment=None if is_bare else datetime(2026, 7, 1, 10, 2, 30, 100_000, UTC),
        exchange="altinn.notifications",
    )


def every_message() -> dict[str, Message]:
    """Name of the case → the message."""
    made: dict[str, Message] = {}
    for name in TYPES:
        made |= {f"{name}, full": full(name), f"{name}, bare": bare(name)}
        made |= {f"{name}, replayed": full(name, "replay-1"), f"{name}, without offset": without_offset(name)}
    for detail, whom in product(DETAILS, (WHOM, Recipient(email_address=""), None)):
        made[f"email-status, {detail}, {whom and whom.email_address!r}"] = email_status(detail, whom)
    made["email-status, bare"] = email_status(whom=None, is_bare=True)
    for reason in ("completed", "cancelled", "condition-not-met", "given-up", "not-found"):
        made[f"order-closed, {reason}"] = order_closed(reason)
    return made | {"order-closed, bare": order_closed("not-found", is_bare=True)}


def _notified(notification: Notification, moment: datetime | None, replay: str | None = None) -> Message:
    return message_of(
        notification, event_id=id_of(notification) or "", moment=moment, exchange="nhn.notifications", replay=replay
    )
