"""Events as computation only: from an API's item to the bytes of a message, and back. No I/O, no clock, no settings.

Consumers in Python use what is named here; it needs msgspec alone of what the bridge needs.
"""

from bridge.errors import InvalidEvent
from bridge.events.altinn import EmailRecipient, EmailStatusData, OrderClosedData
from bridge.events.models import (
    Apprec,
    DeliveryState,
    EmailStatus,
    Event,
    KnownEvent,
    NewMessage,
    OrderClosed,
    OtherNotification,
    Refused,
    SentState,
    UnknownEvent,
)
from bridge.events.nhn import NotificationData
from bridge.events.parse import parse

__all__ = [
    "Apprec",
    "DeliveryState",
    "EmailRecipient",
    "EmailStatus",
    "EmailStatusData",
    "Event",
    "InvalidEvent",
    "KnownEvent",
    "NewMessage",
    "NotificationData",
    "OrderClosed",
    "OrderClosedData",
    "OtherNotification",
    "Refused",
    "SentState",
    "UnknownEvent",
    "parse",
]
