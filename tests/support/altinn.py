"""Altinn's answers as JSON, and orders as the store has them, for tests."""

import json
from typing import Any

from bridge.altinn.decode import EmailSummary, read_summary
from bridge.checkpoints import EmailSeen, WatchedOrder
from bridge.events.altinn import RecipientDetail

ORDER = "f1a1cc30-197f-4f34-8304-006ce4945fd1"
EMAIL = "e0197ec7-3d82-4917-8329-8c9ecc4c569b"
NEW_AT = "2023-11-14T16:06:02.877361Z"


def without_gaps(fields: dict[str, Any]) -> dict[str, Any]:
    """A field changed to `...` is left out."""
    return {name: value for name, value in fields.items() if value is not ...}


def email(notification_id: str = EMAIL, status: str = "New", at: str = NEW_AT, **changes: Any) -> dict[str, Any]:
    """An item of `notifications`, as the API's page shows it."""
    return without_gaps(
        {
            "id": notification_id,
            "succeeded": False,
            "recipient": {"emailAddress": "recipient@domain.com"},
            "sendStatus": {"status": status, "description": "What it means.", "lastUpdate": at},
        }
        | changes
    )


def summary_body(*items: object, **changes: Any) -> bytes:
    """An answer on the e-mails of `ORDER`."""
    fields = {"orderId": ORDER, "generated": len(items), "succeeded": 0, "notifications": list(items)} | changes
    return json.dumps(without_gaps(fields)).encode()


def summary(*items: object, recipient: RecipientDetail = "address", **changes: Any) -> EmailSummary:
    """What that answer says."""
    return read_summary(summary_body(*items, **changes), order_id=ORDER, recipient=recipient)


def seen(notification_id: str = EMAIL, status: str = "New", at: str = NEW_AT) -> dict[str, EmailSeen]:
    """What was published of one e-mail."""
    return {notification_id: EmailSeen(notification_id, status, at)}


def watched(**changes: Any) -> WatchedOrder:
    """`ORDER`, registered and due at second 1000."""
    fields: dict[str, Any] = {"order_id": ORDER, "state": "registered", "registered_at": 1000.0, "due_at": 1000.0}
    return WatchedOrder(**(fields | changes))
