"""From a notification of NHN's feed to its message: event name, CloudEvent, AMQP properties (product.md §4)."""

import re
from datetime import MAXYEAR, UTC, datetime

import msgspec

from bridge.events.message import Message

EVENT_NAMES = {
    "NewMessage": "new-message",
    "RefusedMessage": "refused",
    "MessageSentStateUpdated": "sent-state",
    "MessageApprecInfoUpdated": "apprec",
    "MessageDeliveryStateUpdated": "delivery-state",
}
"""The API's type → the event's name. Other types are published as `other`: NHN announces that more may come."""

OTHER = "other"


class _Kind(msgspec.Struct, frozen=True, gc=False):
    """What all events of one name have in common."""

    name: str
    type: str
    dataschema: str


def _kind(name: str) -> _Kind:
    return _Kind(name, f"no.nhn.notification.{name}.v1", f"urn:notification-bridge:{name}:v1")


_OTHER_KIND = _kind(OTHER)
_KINDS = {notification_type: _kind(name) for notification_type, name in EVENT_NAMES.items()}


class Notification(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One item as the API documents it (page "Get Notifications" of 28.04.2026, api-version 3).

    The page's field table has no id and its example has `id`; clients of the API see `notificationId`. `offset` is
    missing in the page's example. All but type and receiver may be absent or null. Unknown fields are ignored.
    """

    type: str
    receiver: int = msgspec.field(name="notificationReceiverHerId")
    notification_id: str | None = msgspec.field(name="notificationId", default=None)
    id: str | None = None
    related_message_id: str | None = msgspec.field(name="relatedMessageId", default=None)
    triggered_by: int | None = msgspec.field(name="notificationTriggeredByHerId", default=None)
    description: str | None = None
    created_at: str | None = msgspec.field(name="createdAt", default=None)
    offset: int | None = None


class _Data(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`data` of the event. Absent in the API: null here."""

    notification_id: str | None
    notification_type: str
    message_id: str | None
    receiver_her_id: int
    triggered_by_her_id: int | None
    description: str | None
    created_at: str | None
    offset: int | None


class _CloudEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """CloudEvents 1.0, JSON format, structured mode. An attribute without a value is absent."""

    specversion: str
    id: str
    source: str
    type: str
    dataschema: str
    partitionkey: str
    data: _Data
    subject: str | None = None
    time: str | None = None
    sequence: str | None = None


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_YEARS = range(1971, MAXYEAR)
"""Years that `createdAt` can mean. .NET writes year 1 for no value; AMQP's timestamp cannot hold what lies before 1970,
nor a datetime the UTC of either end of the calendar."""
_encode = msgspec.json.Encoder().encode


def event_name(notification_type: str) -> str:
    """The event's name: a closed set."""
    return EVENT_NAMES.get(notification_type, OTHER)


def id_of(notification: Notification) -> str | None:
    """The API's own id, else `<receiver>-<offset>`; None where it gives neither."""
    if own := notification.notification_id or notification.id:
        return own
    return None if notification.offset is None else f"{notification.receiver}-{notification.offset}"


def created_at(notification: Notification) -> datetime | None:
    """`createdAt` as an aware time; None where absent, without a time zone, or in a year that stands for no value.

    Raises ValueError if it is no date.
    """
    if notification.created_at is None:
        return None
    moment = datetime.fromisoformat(notification.created_at)
    return moment if moment.tzinfo and moment.year in _YEARS else None


def _rfc3339(text: str | None, moment: datetime | None) -> str | None:
    """The time as the API wrote it where CloudEvents allows that form (any number of fraction digits)."""
    if text is None or moment is None:
        return None
    return text if _RFC3339.match(text) else moment.astimezone(UTC).isoformat()


def message_of(notification: Notification, *, event_id: str, moment: datetime | None, exchange: str) -> Message:
    """The message that carries a notification. `event_id`: from `id_of`; `moment`: from `created_at`."""
    kind = _KINDS.get(notification.type, _OTHER_KIND)
    receiver = str(notification.receiver)
    event = _CloudEvent(
        specversion="1.0",
        id=event_id,
        source=f"/nhn/her-id/{receiver}",
        type=kind.type,
        dataschema=kind.dataschema,
        partitionkey=receiver,
        data=_Data(
            notification_id=notification.notification_id or notification.id,
            notification_type=notification.type,
            message_id=notification.related_message_id,
            receiver_her_id=notification.receiver,
            triggered_by_her_id=notification.triggered_by,
            description=notification.description,
            created_at=notification.created_at,
            offset=notification.offset,
        ),
        subject=notification.related_message_id,
        time=_rfc3339(notification.created_at, moment),
        sequence=None if notification.offset is None else f"{notification.offset:020d}",
    )
    return Message(
        id=event_id,
        source="nhn",
        event=kind.name,
        type=kind.type,
        exchange=exchange,
        routing_key=f"{kind.name}.{receiver}",
        body=_encode(event),
        correlation_id=notification.related_message_id,
        created_at=moment.astimezone(UTC) if moment else None,
    )
