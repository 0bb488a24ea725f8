"""An example of each event, made as the bridge makes it: from items as the APIs' pages show them."""

from datetime import UTC, datetime

import msgspec

from bridge.events.altinn import EmailNotification, Recipient, SendStatus, email_status_message, order_closed_message
from bridge.events.message import Message
from bridge.events.nhn import Notification, message_of

_NOTIFICATION = Notification(
    notification_id="17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",
    type="NewMessage",
    related_message_id="733be787-0ad0-475a-98b7-00512caa9ccb",
    receiver=8142520,
    triggered_by=8142519,
    description="A new message is available for download.",
    created_at="2026-05-08T08:32:15.31+00:00",
    offset=45460,
)
_CREATED = datetime(2026, 5, 8, 8, 32, 15, 310_000, UTC)
_ORDER = "f1a1cc30-197f-4f34-8304-006ce4945fd1"
_REFERENCE = "case-17"
_EMAIL = EmailNotification(
    id="e0197ec7-3d82-4917-8329-8c9ecc4c569b",
    succeeded=True,
    send_status=SendStatus(
        status="Delivered",
        last_update="2026-07-01T10:02:30.1Z",
        description="The email was delivered to the recipient. No errors reported, making it likely it was received by "
        "the recipient.",
    ),
    recipient=Recipient(email_address="recipient@domain.com"),
)
_UPDATED = datetime(2026, 7, 1, 10, 2, 30, 100_000, UTC)


def examples() -> dict[str, object]:
    """Event name → a whole event, as plain JSON values."""
    return {message.event: msgspec.json.decode(message.body) for message in _messages()}


def _messages() -> list[Message]:
    return [
        _notified(),
        _notified(type="RefusedMessage", description="Receiver does not support the message type: 'DIALOG'."),
        _notified(type="MessageSentStateUpdated", description=None),
        _notified(type="MessageApprecInfoUpdated", description=None),
        _notified(type="MessageDeliveryStateUpdated", description=None),
        _notified(type="SomethingNew", description=None),
        email_status_message(
            _EMAIL,
            order_id=_ORDER,
            senders_reference=_REFERENCE,
            previous_status="Succeeded",
            moment=_UPDATED,
            recipient="address",
            exchange="",
        ),
        order_closed_message(
            order_id=_ORDER,
            senders_reference=_REFERENCE,
            reason="completed",
            generated=1,
            succeeded=1,
            last_update="2026-07-01T10:02:30.1Z",
            moment=_UPDATED,
            exchange="",
        ),
    ]


def _notified(**changes: str | None) -> Message:
    notification = msgspec.structs.replace(_NOTIFICATION, **changes)
    return message_of(notification, event_id=notification.notification_id or "", moment=_CREATED, exchange="")
