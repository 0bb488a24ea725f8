"""Events as the bridge sends them, of nobody: invented, the same for the same seed. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from bridge.events.altinn import (
    EmailNotification,
    Recipient,
    RecipientDetail,
    SendStatus,
    email_status_message,
    order_closed_message,
)
from bridge.events.cloudevent import encode
from bridge.events.message import Message
from bridge.events.nhn import EVENT_NAMES, Notification, id_of, message_of

NHN_TYPES = (*EVENT_NAMES, "MessageArchived")
"""The last one is unknown to the bridge, which publishes it as `other`."""
FIRST_OFFSET = 45_000
MAX_GAP = 40
"""Between two offsets: they have gaps by nature."""
START = datetime(2026, 5, 8, 8, 30, tzinfo=UTC)
STEP = timedelta(milliseconds=310)
"""Between the times of two events."""
EXCHANGE = ""
"""Of all of them: they are sent to one queue alone, by the default exchange."""


class Email(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail of an order, whose statuses are told."""

    id: str
    order_id: str
    reference: str | None
    address: str | None
    detail: RecipientDetail


class Maker:
    """Makes events, one after another: offsets and times go up, ids differ."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - nothing is secret here
        self._offset = FIRST_OFFSET
        self._moment = START
        self._statuses: dict[str, str] = {}

    def uuid(self) -> str:
        """As the APIs have ids."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def notification(self, receiver: int, notification_type: str | None = None, **fields: Any) -> Message:
        """An event of NHN's feed, of some type unless one is given. `fields` of Notification replace the usual ones."""
        moment = self._next_moment()
        self._offset += self.random.randint(1, MAX_GAP)
        usual = {
            "type": notification_type or self.random.choice(NHN_TYPES),
            "receiver": receiver,
            "notification_id": self.uuid(),
            "related_message_id": self.uuid(),
            "triggered_by": 8142519,
            "description": "A new message is available for download.",
            "created_at": moment.isoformat(),
            "offset": self._offset,
        }
        notification = Notification(**{**usual, **fields})
        event_id = id_of(notification)
        if event_id is None:
            raise ValueError("a notification needs an id or an offset")
        made_at = None if notification.created_at is None else moment
        return message_of(notification, event_id=event_id, moment=made_at, exchange=EXCHANGE)

    def email(
        self,
        *,
        order_id: str | None = None,
        address: str | None = "kari@example.no",
        detail: RecipientDetail = "address",
    ) -> Email:
        """A new e-mail, of a new order where none is given."""
        reference = self.random.choice(("case-17", "sak 2026/118 æøå", None))
        order = order_id or self.uuid()
        return Email(id=self.uuid(), order_id=order, reference=reference, address=address, detail=detail)

    def status(self, email: Email, status: str, description: str | None = "As Altinn describes it.") -> Message:
        """Its next status."""
        moment = self._next_moment()
        written = SendStatus(status, f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 100_000}Z", description)
        whom = Recipient(email.address, "123456789", None)
        previous = self._statuses.get(email.id)
        self._statuses[email.id] = status
        return email_status_message(
            EmailNotification(id=email.id, succeeded=status == "Delivered", send_status=written, recipient=whom),
            order_id=email.order_id,
            senders_reference=email.reference,
            previous_status=previous,
            moment=moment,
            recipient=email.detail,
            exchange=EXCHANGE,
        )

    def statuses(self, email: Email, *statuses: str) -> Iterator[Message]:
        """One after another."""
        return (self.status(email, status) for status in statuses)

    def closed(self, email: Email, reason: str) -> Message:
        """The end of its order; one without a time tells no counts either."""
        moment = self._next_moment() if reason == "completed" else None
        return order_closed_message(
            order_id=email.order_id,
            senders_reference=email.reference,
            reason=reason,
            generated=1 if moment else None,
            succeeded=1 if moment else None,
            last_update=moment.isoformat() if moment else None,
            moment=moment,
            exchange=EXCHANGE,
        )

    def _next_moment(self) -> datetime:
        self._moment += STEP
        return self._moment


def altered(
    message: Message, *, attributes: Mapping[str, object] | None = None, data: Mapping[str, object] | None = None
) -> Message:
    """The same event with further attributes, or further fields of `data`, as a replay or a newer bridge sends it."""
    event = msgspec.json.decode(message.body, type=dict[str, Any])
    event |= attributes or {}
    event["data"] |= data or {}
    return msgspec.structs.replace(message, id=event["id"], type=event["type"], body=encode(event))
