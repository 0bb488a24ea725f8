"""One class for each event, for consumers: what `parse` gives. Envelope and payloads are what the bridge encodes."""

from typing import Annotated, Literal

from msgspec import Meta

from bridge.events.altinn import EmailStatusData, OrderClosedData
from bridge.events.cloudevent import CloudEvent, Envelope
from bridge.events.nhn import NotificationData


class NewMessage(CloudEvent[NotificationData], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A message for the receiver is ready at Meldingstjener (`NewMessage`)."""

    type: Literal["no.nhn.notification.new-message.v1"]
    dataschema: Literal["urn:notification-bridge:new-message:v1"]


class Refused(CloudEvent[NotificationData], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A message was refused (`RefusedMessage`)."""

    type: Literal["no.nhn.notification.refused.v1"]
    dataschema: Literal["urn:notification-bridge:refused:v1"]


class SentState(CloudEvent[NotificationData], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The state of a message that was sent has changed (`MessageSentStateUpdated`)."""

    type: Literal["no.nhn.notification.sent-state.v1"]
    dataschema: Literal["urn:notification-bridge:sent-state:v1"]


class Apprec(CloudEvent[NotificationData], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The application receipt of a message has changed (`MessageApprecInfoUpdated`)."""

    type: Literal["no.nhn.notification.apprec.v1"]
    dataschema: Literal["urn:notification-bridge:apprec:v1"]


class DeliveryState(CloudEvent[NotificationData], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The state of a message's delivery has changed (`MessageDeliveryStateUpdated`)."""

    type: Literal["no.nhn.notification.delivery-state.v1"]
    dataschema: Literal["urn:notification-bridge:delivery-state:v1"]


class OtherNotification(CloudEvent[NotificationData], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A notification of a type that this version has no event for; `notificationType` says which."""

    type: Literal["no.nhn.notification.other.v1"]
    dataschema: Literal["urn:notification-bridge:other:v1"]


class EmailStatus(CloudEvent[EmailStatusData], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The send status of an e-mail has changed, or the time of its last change."""

    type: Literal["no.altinn.notification.email-status.v1"]
    dataschema: Literal["urn:notification-bridge:email-status:v1"]


class OrderClosed(CloudEvent[OrderClosedData], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The bridge watches a notification order no longer. Only with the setting ALTINN__ORDER_CLOSED_EVENTS."""

    type: Literal["no.altinn.notification.order-closed.v1"]
    dataschema: Literal["urn:notification-bridge:order-closed:v1"]


class UnknownEvent(Envelope[object], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A CloudEvent of a type that this version does not know: a later bridge's, or somebody else's. Acknowledge it."""

    data: Annotated[object, Meta(description="As plain JSON values.")] = None


KnownEvent = NewMessage | Refused | SentState | Apprec | DeliveryState | OtherNotification | EmailStatus | OrderClosed
Event = KnownEvent | UnknownEvent
