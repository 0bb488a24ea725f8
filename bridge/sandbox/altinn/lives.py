"""Which lives orders and e-mails can have, how often each comes, and how long it takes. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

import msgspec

from bridge.sandbox.altinn.statuses import (
    ACCEPTED,
    DELIVERED,
    FAILED,
    NEW,
    NOT_IDENTIFIED,
    PAUSED,
    RESERVED,
    SENDING,
    SMS_FAILURES,
    SOMETHING_NEW,
    SUCCEEDED,
    TRANSIENT_ERROR,
    TTL,
    OrderStatus,
)


class EmailLife(StrEnum):
    """What becomes of one e-mail."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    """From Sending back to New, then delivered."""
    FAILED = "failed"
    FAILED_WHILE_SENDING = "failed-while-sending"
    INVALID_FORMAT = "invalid-format"
    SUPPRESSED = "suppressed"
    BOUNCED = "bounced"
    FILTERED_SPAM = "filtered-spam"
    QUARANTINED = "quarantined"
    INVALID_SAS_URL = "invalid-sas-url"
    PAYLOAD_TOO_LARGE = "payload-too-large"
    RESERVED = "reserved"
    """The recipient; final from the start, without an address."""
    NOT_IDENTIFIED = "not-identified"
    """The same."""
    EXPIRED = "expired"
    """Succeeded until it is too old."""
    BOUNCED_LATER = "bounced-later"
    """Delivered, which is final, and long after it a failure all the same."""
    DELIVERED_LATER = "delivered-later"
    """Bounced, which is final, and long after it delivered."""
    STUCK_IN_NEW = "stuck-in-new"
    """For ever, so that its order never ends."""
    STUCK_IN_SENDING = "stuck-in-sending"
    SOMETHING_NEW = "something-new"
    """Ends in a failure that nobody knows."""
    PAUSED = "paused"
    """Passes through a status that nobody knows."""
    TRANSIENT_ERROR = "transient-error"
    """Passes through a status that Altinn should never show; never drawn."""


class OrderLife(StrEnum):
    """What becomes of one order."""

    ORDINARY = "ordinary"
    DATED_AHEAD = "dated-ahead"
    """Registered for long, then ordinary."""
    INTERRUPTED = "interrupted"
    """From Processing back to Registered, then ordinary."""
    SMS_TOO = "sms-too"
    """E-mails and SMS."""
    SMS_ONLY = "sms-only"
    UNREACHABLE = "unreachable"
    """No recipient is identified, or all are reserved: complete as soon as it is processed."""
    STUCK_IN_PROCESSING = "stuck-in-processing"
    """For ever, as happened to some at Altinn."""
    CANCELLED = "cancelled"
    CONDITION_NOT_MET = "condition-not-met"


_SENT = (NEW, SENDING, SUCCEEDED)
EMAIL_PATHS: Mapping[EmailLife, tuple[str, ...]] = MappingProxyType(
    {
        EmailLife.DELIVERED: (*_SENT, DELIVERED),
        EmailLife.RETRIED: (NEW, SENDING, *_SENT, DELIVERED),
        EmailLife.FAILED: (*_SENT, FAILED),
        EmailLife.FAILED_WHILE_SENDING: (NEW, SENDING, FAILED),
        EmailLife.INVALID_FORMAT: (NEW, SENDING, "Failed_InvalidEmailFormat"),
        EmailLife.SUPPRESSED: (*_SENT, "Failed_SupressedRecipient"),
        EmailLife.BOUNCED: (*_SENT, "Failed_Bounced"),
        EmailLife.FILTERED_SPAM: (*_SENT, "Failed_FilteredSpam"),
        EmailLife.QUARANTINED: (*_SENT, "Failed_Quarantined"),
        EmailLife.INVALID_SAS_URL: (NEW, SENDING, "Failed_InvalidSasUrl"),
        EmailLife.PAYLOAD_TOO_LARGE: (NEW, SENDING, "Failed_PayloadTooLarge"),
        EmailLife.RESERVED: (RESERVED,),
        EmailLife.NOT_IDENTIFIED: (NOT_IDENTIFIED,),
        EmailLife.EXPIRED: (*_SENT, TTL),
        EmailLife.BOUNCED_LATER: (*_SENT, DELIVERED, "Failed_Bounced"),
        EmailLife.DELIVERED_LATER: (*_SENT, "Failed_Bounced", DELIVERED),
        EmailLife.STUCK_IN_NEW: (NEW,),
        EmailLife.STUCK_IN_SENDING: (NEW, SENDING),
        EmailLife.SOMETHING_NEW: (*_SENT, SOMETHING_NEW),
        EmailLife.PAUSED: (NEW, SENDING, PAUSED, SENDING, SUCCEEDED, DELIVERED),
        EmailLife.TRANSIENT_ERROR: (NEW, SENDING, TRANSIENT_ERROR, *_SENT, DELIVERED),
    }
)
"""The statuses that each life passes through."""

_SMS_SENT = (NEW, SENDING, ACCEPTED)
SMS_PATHS: Sequence[tuple[str, ...]] = (
    *((*_SMS_SENT, DELIVERED),) * 12,
    *((*_SMS_SENT, failure) for failure in SMS_FAILURES),
    (*_SMS_SENT, FAILED),
    (NOT_IDENTIFIED,),
    (RESERVED,),
)
"""One of them, each as likely."""

_REGISTERED, _PROCESSING, _PROCESSED = OrderStatus.REGISTERED, OrderStatus.PROCESSING, OrderStatus.PROCESSED
_PROCESSED_AT_ONCE = (_REGISTERED, _PROCESSING, _PROCESSED)
ORDER_PATHS: Mapping[OrderLife, tuple[OrderStatus, ...]] = MappingProxyType(
    {
        **dict.fromkeys(OrderLife, _PROCESSED_AT_ONCE),
        OrderLife.INTERRUPTED: (_REGISTERED, _PROCESSING, *_PROCESSED_AT_ONCE),
        OrderLife.STUCK_IN_PROCESSING: (_REGISTERED, _PROCESSING),
        OrderLife.CANCELLED: (_REGISTERED, OrderStatus.CANCELLED),
        OrderLife.CONDITION_NOT_MET: (_REGISTERED, _PROCESSING, OrderStatus.CONDITION_NOT_MET),
    }
)
"""Without Completed: that comes when no notification is pending any more."""

DEFAULT_EMAIL_LIVES: Mapping[EmailLife, int] = MappingProxyType(
    {
        **{life: 1 for life in EmailLife if life is not EmailLife.TRANSIENT_ERROR},
        EmailLife.DELIVERED: 60,
        EmailLife.RETRIED: 8,
        EmailLife.BOUNCED: 6,
        EmailLife.NOT_IDENTIFIED: 5,
        EmailLife.RESERVED: 3,
    }
)
"""How often, relative to the others."""
DEFAULT_ORDER_LIVES: Mapping[OrderLife, int] = MappingProxyType(
    {
        OrderLife.ORDINARY: 70,
        OrderLife.DATED_AHEAD: 4,
        OrderLife.INTERRUPTED: 4,
        OrderLife.SMS_TOO: 10,
        OrderLife.SMS_ONLY: 4,
        OrderLife.UNREACHABLE: 3,
        OrderLife.STUCK_IN_PROCESSING: 1,
        OrderLife.CANCELLED: 3,
        OrderLife.CONDITION_NOT_MET: 2,
    }
)

ORDER_WAITS_S: Mapping[OrderStatus, tuple[float, float]] = MappingProxyType(
    {
        OrderStatus.REGISTERED: (5, 30),
        OrderStatus.PROCESSING: (1, 60),
        OrderStatus.PROCESSED: (1, 10),
        OrderStatus.CANCELLED: (5, 60),
        OrderStatus.CONDITION_NOT_MET: (1, 10),
    }
)
"""From the status before to this one, least and most."""
WAITS_S: Mapping[str, tuple[float, float]] = MappingProxyType(
    {NEW: (5, 30), SENDING: (1, 60), SUCCEEDED: (4, 16), ACCEPTED: (4, 16)}
)
OTHER_WAIT_S = (3, 60)
AFTER_FINAL_WAIT_S = (120, 600)
"""From a final status to another."""
TTL_WAIT_S = (300, 1200)
"""From the expiry to its being noticed: a grace, and a job that runs every 15 minutes."""
LEAST_WAIT_S = 0.0001


class Pace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How quickly lives pass. As it is, most take two minutes, a few two days, as Altinn's do."""

    factor: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """Of all waits but the next; at 0.15 most orders are done in 20 s."""
    expiry_s: Annotated[float, msgspec.Meta(gt=0)] = 172_800.0
    """From the requested time until an e-mail that is only Succeeded is given up; orders that are dated ahead are so
    by up to as much."""
