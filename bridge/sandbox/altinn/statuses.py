"""The statuses of orders, e-mails and SMS, each with the two APIs' words for it. Pure.

Inside the simulation a status has the name of the older API (v1), but for the time-out, which that API does not name.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Channel(StrEnum):
    """How a notification reaches its recipient; the newer API's `type` of a recipient."""

    EMAIL = "Email"
    SMS = "SMS"


class OrderStatus(StrEnum):
    """Of an order; the last three are final."""

    REGISTERED = "Registered"
    PROCESSING = "Processing"
    PROCESSED = "Processed"
    """Its notifications are there, not all of them final."""
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"
    CONDITION_NOT_MET = "SendConditionNotMet"


NEW = "New"
SENDING = "Sending"
SUCCEEDED = "Succeeded"
"""Not final: the third party has taken it."""
ACCEPTED = "Accepted"
"""The same of an SMS."""
DELIVERED = "Delivered"
FAILED = "Failed"
RESERVED = "Failed_RecipientReserved"
NOT_IDENTIFIED = "Failed_RecipientNotIdentified"
TRANSIENT_ERROR = "Failed_TransientError"
"""Altinn writes New instead, so that nobody should ever see it."""
TTL = "Failed_TTL"
"""Too long Succeeded; `Failed` in v1."""
SOMETHING_NEW = "Failed_SomethingNew"
PAUSED = "Paused"
"""These two are made up: the list of statuses has grown before."""

EMAIL_DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        NEW: "The email has been created, but has not been picked up for processing yet.",
        SENDING: "The email is being processed and will be attempted sent shortly.",
        SUCCEEDED: "The email has been accepted by the third party email service and will be sent shortly.",
        DELIVERED: "The email was delivered to the recipient. No errors reported, "
        "making it likely it was received by the recipient.",
        FAILED: "The email was not sent due to an unspecified failure.",
        RESERVED: "The email was not sent because the recipient has reserved themselves from electronic communication.",
        NOT_IDENTIFIED: "The email was not sent because the recipient's email address was not found.",
        "Failed_InvalidEmailFormat": "The email was not sent because the recipient\u2019s email address "
        "is in an invalid format.",
        "Failed_SupressedRecipient": "The email was not sent because the recipient\u2019s email address "
        "is suppressed by the third party email service.",
        TRANSIENT_ERROR: "The email was not sent due to a transient error. We will retry sending the email.",
        "Failed_Bounced": "The email hard bounced, which may have happened because the email address "
        "does not exist or the domain is invalid.",
        "Failed_FilteredSpam": "The email was identified as spam, and was rejected or blocked (not quarantined).",
        "Failed_Quarantined": "The email was quarantined (as spam, bulk mail, or phising).",
        TTL: "The email was in indefinite state Succeeded for too long (TTL), and was subsequently set to failed.",
        "Failed_InvalidSasUrl": "The email was not sent because one or more attachment SAS URLs are invalid, expired, "
        "or inaccessible.",
        "Failed_PayloadTooLarge": "The email was not sent because the total size of the attachments "
        "exceeds the allowed limit.",
    }
)
"""All 16, in Altinn's spelling, its mistakes included (EmailNotificationSummaryService)."""

SMS_FAILURES = (
    "Failed_InvalidRecipient",
    "Failed_BarredReceiver",
    "Failed_Deleted",
    "Failed_Expired",
    "Failed_Undelivered",
    "Failed_Rejected",
)

_PENDING = frozenset({NEW, SENDING, SUCCEEDED, ACCEPTED, TRANSIENT_ERROR, PAUSED})
_SUCCESSES = frozenset({SUCCEEDED, DELIVERED})
_NEWER_NAMES = MappingProxyType(
    {
        "Failed_InvalidEmailFormat": "Failed_InvalidFormat",
        "Failed_SupressedRecipient": "Failed_SuppressedRecipient",
    }
)
_MADE_UP = "The status of the email is described by nobody yet."


def is_pending(status: str) -> bool:
    """Whether its order waits for it; a status that the server does not know as pending is final to it."""
    return status in _PENDING


def is_success(status: str) -> bool:
    """Whether v1 counts an e-mail as a success now; it may still become a failure."""
    return status in _SUCCESSES


def shown_in_v1(status: str) -> str:
    """The older API's word."""
    return FAILED if status == TTL else status


def description(status: str) -> str:
    """The older API's sentence about an e-mail."""
    return EMAIL_DESCRIPTIONS.get(status, _MADE_UP)


def shown_in_v2(channel: Channel, status: str) -> str:
    """The newer API's word, for the shipment and the feed."""
    name = _NEWER_NAMES.get(status, status) if channel is Channel.EMAIL else status
    return f"{channel.value}_{name}"


def order_in_v2(status: OrderStatus) -> str:
    """The newer API's word for an order."""
    return f"Order_{status.value}"
