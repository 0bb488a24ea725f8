"""From a change of an e-mail's status, or the end of an order, to its message (product.md §4, §7)."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bridge.events.cloudevent import CloudEvent, encode, rfc3339
from bridge.events.message import Message

EMAIL_STATUS = "email-status"
ORDER_CLOSED = "order-closed"
_TYPE = "no.altinn.notification.{}.v1"
_SCHEMA = "urn:notification-bridge:{}:v1"

PENDING = frozenset({"New", "Sending", "Succeeded", "Failed_TransientError"})
"""Statuses that become others. `Succeeded` awaits the delivery report; a transient error is tried again."""
FINAL = frozenset(
    {
        "Delivered",
        "Failed",
        "Failed_RecipientReserved",
        "Failed_RecipientNotIdentified",
        "Failed_InvalidEmailFormat",
        "Failed_SupressedRecipient",
        "Failed_Bounced",
        "Failed_FilteredSpam",
        "Failed_Quarantined",
        "Failed_TTL",
        "Failed_InvalidSasUrl",
        "Failed_PayloadTooLarge",
    }
)
"""Statuses that stay, as a rule (EmailNotificationResultType of Altinn/altinn-notifications; both together are all)."""

RecipientDetail = Literal["none", "address", "full"]
"""What of a recipient leaves: `ALTINN__RECIPIENT`."""
MAX_KEBAB_CHARS = 200
MAX_ID_CHARS = 100
MAX_STATUS_CHARS = 200
MAX_TIME_CHARS = 50
"""Beyond these it is no id, status or time: they are UUIDs, words of an enum, and 28 characters."""


class Recipient(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Whom an e-mail is for, as the API documents it. `national_identity_number` is a person's."""

    email_address: str | None = None
    """Empty where the recipient has reserved themselves or was not found."""
    organization_number: str | None = None
    national_identity_number: str | None = None

    def __repr__(self) -> str:
        """Nothing of whom it is."""
        return "Recipient(…)"


class SendStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """How far the sending has come."""

    status: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_STATUS_CHARS)]
    last_update: Annotated[str, msgspec.Meta(max_length=MAX_TIME_CHARS)]
    description: str | None = None


class EmailNotification(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One item of the API's `notifications` (page "Get email notifications"). Unknown fields are ignored."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARS)]
    succeeded: bool
    send_status: SendStatus
    recipient: Recipient | None = None


class EmailRecipient(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Whom an e-mail is for, as far as the setting ALTINN__RECIPIENT lets it leave. Null: the API does not give it."""

    email_address: Annotated[
        str | None, Meta(description="Empty where the recipient has reserved themselves or was not found.")
    ]
    organization_number: str | None
    national_identity_number: Annotated[
        str | UnsetType | None, Meta(description="A person's. Absent unless ALTINN__RECIPIENT is `full`.")
    ] = UNSET

    def __repr__(self) -> str:
        """Nothing of whom it is."""
        return "EmailRecipient(…)"


class EmailStatusData(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """`data` of email-status. Every field is there; what the API does not give is null."""

    order_id: Annotated[str, Meta(description="The notification order that the e-mail belongs to.")]
    senders_reference: Annotated[str | None, Meta(description="What the order's sender calls it.")]
    notification_id: Annotated[str, Meta(description="Of this e-mail: the same in all changes of its status.")]
    status: Annotated[
        str,
        Meta(description="As the API wrote it. More may come: go by `final` and `succeeded`.", examples=["Delivered"]),
    ]
    previous_status: Annotated[
        str | None, Meta(description="The status that the bridge saw before. Null: it saw none of this e-mail.")
    ]
    succeeded: Annotated[bool, Meta(description="As the API says it; true from `Succeeded` on, which is not final.")]
    final: Annotated[
        bool, Meta(description="Whether this status stays, as a rule. While its order is open it may change once more.")
    ]
    description: Annotated[str | None, Meta(description="Text for people; not to be parsed.")]
    last_update: Annotated[str, Meta(description="When the status changed, as the API wrote it.")]
    recipient: Annotated[
        EmailRecipient | None, Meta(description="By the setting ALTINN__RECIPIENT; null where it is `none`.")
    ]


class OrderClosedData(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """`data` of order-closed. Every field is there; what the API does not give is null.

    Only what is the same whenever it is told, so that a repeat is the same event.
    """

    order_id: str
    senders_reference: Annotated[str | None, Meta(description="What the order's sender calls it.")]
    reason: Annotated[
        str,
        Meta(
            description="`completed`, `cancelled`, `condition-not-met`, `given-up` (it took too long) or `not-found`; "
            "more may come.",
            examples=["completed"],
        ),
    ]
    generated: Annotated[int | None, Meta(description="How many e-mails the order made.")]
    succeeded: Annotated[int | None, Meta(description="How many of them succeeded, by the API's count.")]
    last_update: Annotated[str | None, Meta(description="Of the order itself, as the API wrote it.")]


def is_known(status: str) -> bool:
    """Whether it is one of the 16 statuses that Altinn documents or has in its source."""
    return status in PENDING or status in FINAL


def is_final(status: str) -> bool:
    """By our own table: an unknown failure is final, any other unknown status is not."""
    return status in FINAL or (status.startswith("Failed") and status not in PENDING)


def kebab_case(status: str) -> str:
    """`failed-invalid-sas-url` of `Failed_InvalidSasUrl`: the routing key's part, at most 200 characters."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", status).lower()
    return re.sub(r"[^a-z0-9-]", "-", parted)[:MAX_KEBAB_CHARS]


def email_status_message(
    email: EmailNotification,
    *,
    order_id: str,
    senders_reference: str | None,
    previous_status: str | None,
    moment: datetime | None,
    recipient: RecipientDetail,
    exchange: str,
) -> Message:
    """The message that carries a change. `moment`: of `lastUpdate`, from `cloudevent.moment_of`."""
    status = email.send_status
    event_id = f"{email.id}-{status.status}-{status.last_update}"
    data = EmailStatusData(
        order_id=order_id,
        senders_reference=senders_reference,
        notification_id=email.id,
        status=status.status,
        previous_status=previous_status,
        succeeded=email.succeeded,
        final=is_final(status.status),
        description=status.description,
        last_update=status.last_update,
        recipient=_reduced(email.recipient, recipient),
    )
    return _message(
        EMAIL_STATUS,
        event_id,
        key=kebab_case(status.status),
        order_id=order_id,
        subject=email.id,
        time=status.last_update,
        moment=moment,
        data=data,
        exchange=exchange,
    )


def order_closed_message(
    *,
    order_id: str,
    senders_reference: str | None,
    reason: str,
    generated: int | None,
    succeeded: int | None,
    last_update: str | None,
    moment: datetime | None,
    exchange: str,
) -> Message:
    """The message that an order has ended. `last_update`, `moment`: of its own last change, where the API told it."""
    data = OrderClosedData(
        order_id=order_id,
        senders_reference=senders_reference,
        reason=reason,
        generated=generated,
        succeeded=succeeded,
        last_update=last_update,
    )
    return _message(
        ORDER_CLOSED,
        f"{order_id}-{ORDER_CLOSED}-{reason}",
        key=reason,
        order_id=order_id,
        subject=None,
        time=last_update,
        moment=moment,
        data=data,
        exchange=exchange,
    )


def reduced_item(item: object, recipient: RecipientDetail) -> dict[str, object] | None:
    """What may be kept of an item that could not be understood: the documented fields that are plain values, the
    recipient as events carry it. None where it is no JSON object: then nothing of it may be.
    """
    if not isinstance(item, dict):
        return None
    kept = _plain(item, ("id", "succeeded"))
    if isinstance(status := item.get("sendStatus"), dict):
        kept["sendStatus"] = _plain(status, ("status", "description", "lastUpdate"))
    if isinstance(whom := item.get("recipient"), dict) and recipient != "none":
        names = ("emailAddress", "organizationNumber", "nationalIdentityNumber")
        kept["recipient"] = _plain(whom, names if recipient == "full" else names[:2])
    return kept


def _plain(item: dict[object, object], names: tuple[str, ...]) -> dict[str, object]:
    return {name: item[name] for name in names if isinstance(item.get(name), str | int | float | bool)}


def _reduced(recipient: Recipient | None, detail: RecipientDetail) -> EmailRecipient | None:
    whom = recipient or Recipient()
    match detail:
        case "none":
            return None
        case "address":
            return EmailRecipient(whom.email_address, whom.organization_number)
        case "full":
            return EmailRecipient(whom.email_address, whom.organization_number, whom.national_identity_number)


def _message(
    event: str,
    event_id: str,
    *,
    key: str,
    order_id: str,
    subject: str | None,
    time: str | None,
    moment: datetime | None,
    data: object,
    exchange: str,
) -> Message:
    event_type = _TYPE.format(event)
    envelope = CloudEvent(
        specversion="1.0",
        id=event_id,
        source=f"/altinn/orders/{order_id}",
        type=event_type,
        dataschema=_SCHEMA.format(event),
        partitionkey=order_id,
        data=data,
        subject=subject,
        time=rfc3339(time, moment),
    )
    return Message(
        id=event_id,
        source="altinn",
        event=event,
        type=event_type,
        exchange=exchange,
        routing_key=f"{event}.{key}",
        body=encode(envelope),
        correlation_id=order_id,
        created_at=moment.astimezone(UTC) if moment else None,
    )
