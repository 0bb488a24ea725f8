"""From a notification of NHN's feed to its message: event name, CloudEvent, AMQP properties (product.md §4)."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from bridge.events.cloudevent import CloudEvent, encode, rfc3339
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
SEQUENCE_DIGITS = 20
"""Of CloudEvents' `sequence`, which is compared as text: as many as 2^64 has."""
ADDRESSES_REMEMBERED = 16_384
"""Some 6 MB: all of 2,700 receivers, of whom each gets every type of event."""


class _Kind(msgspec.Struct, frozen=True, gc=False):
    """What all events of one name have in common."""

    name: str
    type: str
    dataschema: str


class _Address(msgspec.Struct, frozen=True, gc=False):
    """What all events of one type to one receiver have in common."""

    kind: _Kind
    source: str
    receiver: str
    routing_key: str


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


class NotificationData(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`data` of an NHN event. Every field is there; what the API does not give is null."""

    notification_id: Annotated[
        str | None, Meta(description="The API's own id of the notification. Null: `id` is receiver and offset then.")
    ]
    notification_type: Annotated[str, Meta(description="As the API wrote it.", examples=["NewMessage"])]
    message_id: Annotated[str | None, Meta(description="The related message: what to fetch from Meldingstjener.")]
    receiver_her_id: Annotated[int, Meta(description="Whom the notification is for.")]
    triggered_by_her_id: Annotated[int | None, Meta(description="Whose doing it tells of.")]
    description: Annotated[str | None, Meta(description="Text for people; not to be parsed.")]
    created_at: Annotated[
        str | None, Meta(description="As the API wrote it, also where it is no time that `time` could be.")
    ]
    offset: Annotated[
        int | None,
        Meta(description="The notification's place in the API's feed. Ascending in each receiver, with gaps."),
    ]


def event_name(notification_type: str) -> str:
    """The event's name: a closed set."""
    return EVENT_NAMES.get(notification_type, OTHER)


def id_of(notification: Notification) -> str | None:
    """The API's own id, else `<receiver>-<offset>`; None where it gives neither."""
    if own := notification.notification_id or notification.id:
        return own
    return None if notification.offset is None else f"{notification.receiver}-{notification.offset}"


def message_of(
    notification: Notification, *, event_id: str, moment: datetime | None, exchange: str, replay: str | None = None
) -> Message:
    """The message that carries a notification. `event_id`: from `id_of`; `moment`: from `created_at`; `replay`: the id
    of the replay that it is part of.
    """
    address = _address(notification.type, notification.receiver)
    kind = address.kind
    event = CloudEvent(
        specversion="1.0",
        id=event_id,
        source=address.source,
        type=kind.type,
        dataschema=kind.dataschema,
        partitionkey=address.receiver,
        data=NotificationData(
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
        time=rfc3339(notification.created_at, moment),
        sequence=None if notification.offset is None else str(notification.offset).zfill(SEQUENCE_DIGITS),
        replay=replay,
    )
    return Message(
        id=event_id,
        source="nhn",
        event=kind.name,
        type=kind.type,
        exchange=exchange,
        routing_key=address.routing_key,
        body=encode(event),
        correlation_id=notification.related_message_id,
        created_at=moment.astimezone(UTC) if moment else None,
    )


@lru_cache(maxsize=ADDRESSES_REMEMBERED)
def _address(notification_type: str, receiver: int) -> _Address:
    """By hand for each event it is a tenth of what its message costs."""
    kind = _KINDS.get(notification_type, _OTHER_KIND)
    return _Address(
        kind=kind,
        source=f"/nhn/her-id/{receiver}",
        receiver=str(receiver),
        routing_key=f"{kind.name}.{receiver}",
    )
