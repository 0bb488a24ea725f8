"""From the bytes of Altinn's answers to what they say. Pure. One bad item spoils nothing but itself (G5)."""

import hashlib
import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from bridge.events.altinn import MAX_STATUS_CHARS, EmailNotification, RecipientDetail, reduced_item
from bridge.events.cloudevent import moment_of
from bridge.surrogates import mended

MAX_SEQUENCE = 2**63 - 1


class Email(msgspec.Struct, frozen=True, gc=False):
    """An e-mail of an order as the API shows it now."""

    notification: EmailNotification
    moment: datetime | None
    """Of its `lastUpdate`; None where that stands for no time."""


class InvalidEmail(msgspec.Struct, frozen=True, gc=False):
    """An item that cannot be understood, without whatever might identify a person."""

    key: str
    """`sha256:` and the hash of its bytes: what is parked once is known by it."""
    remains: bytes
    problem: str
    """Why, without a word of its content."""

    def __repr__(self) -> str:
        """Not what remains: that may hold an address."""
        return f"InvalidEmail({self.key}, {self.problem})"


class EmailSummary(msgspec.Struct, frozen=True, kw_only=True):
    """All e-mails of one order."""

    order_id: str
    senders_reference: str | None
    generated: int
    succeeded: int
    emails: tuple[Email, ...]
    invalid: tuple[InvalidEmail, ...] = ()


class Shipment(msgspec.Struct, frozen=True):
    """Where the order itself stands."""

    status: str
    """`Order_Registered`, …"""
    last_update: str | None
    moment: datetime | None
    """Of `last_update`; None where that stands for no time."""


class FeedItem(msgspec.Struct, frozen=True):
    """A row of the status feed."""

    sequence: int
    order_id: str | None
    """None: it names no order."""
    senders_reference: str | None = None


class NotUnderstood(Exception):
    """The answer is not the documented JSON. Says nothing about what it stands for."""


_Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _Summary(msgspec.Struct, rename="camel"):
    order_id: str
    generated: _Count
    succeeded: _Count
    notifications: list[msgspec.Raw]
    senders_reference: str | None = None


class _Shipment(msgspec.Struct, rename="camel"):
    status: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_STATUS_CHARS)]
    last_update: str | None = None


class _FeedItem(msgspec.Struct, rename="camel"):
    sequence_number: int
    shipment_id: str
    senders_reference: str | None = None


class _Sequence(msgspec.Struct, rename="camel"):
    sequence_number: int


_decode_summary = msgspec.json.Decoder(_Summary).decode
_decode_email = msgspec.json.Decoder(EmailNotification).decode
_decode_shipment = msgspec.json.Decoder(_Shipment).decode
_decode_feed = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_feed_item = msgspec.json.Decoder(_FeedItem).decode
_decode_sequence = msgspec.json.Decoder(_Sequence).decode
_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_CODE = re.compile(r"[A-Z]{2,10}-\d{1,10}", re.ASCII)


def canonical_order_id(text: str) -> str | None:
    """A UUID in its canonical form, lower case, from its usual forms in any case; None where it is none."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return str(found) if text.lower() == str(found) else None


def read_summary(body: bytes, *, order_id: str, recipient: RecipientDetail) -> EmailSummary:
    """The e-mails of a 200 answer to a question for `order_id`. `recipient`: what may be kept of one in an item that
    cannot be understood. Raises NotUnderstood.
    """
    body = mended(body)
    try:
        summary = _decode_summary(body)
    except _ERRORS as error:
        raise NotUnderstood(f"not the documented JSON: {error}") from error
    if summary.order_id.lower() != order_id:
        raise NotUnderstood("about another order")
    emails: list[Email] = []
    invalid: list[InvalidEmail] = []
    for raw in summary.notifications:
        item = _read_email(raw, order_id, recipient)
        if isinstance(item, Email):
            emails.append(item)
        else:
            invalid.append(item)
    return EmailSummary(
        order_id=order_id,
        senders_reference=summary.senders_reference,
        generated=summary.generated,
        succeeded=summary.succeeded,
        emails=tuple(emails),
        invalid=tuple(invalid),
    )


def read_shipment(body: bytes) -> Shipment:
    """Where a 200 answer says that the order stands. A time that is none keeps nobody from its status.

    Raises NotUnderstood.
    """
    try:
        shipment = _decode_shipment(mended(body))
    except _ERRORS as error:
        raise NotUnderstood("not the documented JSON") from error
    try:
        return Shipment(shipment.status, shipment.last_update, moment_of(shipment.last_update))
    except ValueError:
        return Shipment(shipment.status, None, None)


def read_feed(body: bytes) -> tuple[list[FeedItem], int]:
    """The rows of a 200 answer, in its order, and how many have not even a sequence number. Raises NotUnderstood."""
    try:
        raws = _decode_feed(mended(body))
    except _ERRORS as error:
        raise NotUnderstood("not the documented JSON") from error
    found = [_read_feed_item(raw) for raw in raws]
    items = [item for item in found if item is not None]
    return items, len(found) - len(items)


def problem_code(body: bytes) -> str | None:
    """`code` of Altinn's problem details, e.g. `NOT-00003`; None where the body has none."""
    try:
        code = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get("code")
        text = "" if code is None else msgspec.json.decode(code, type=str)
    except _ERRORS:
        return None
    return text if _CODE.fullmatch(text) else None


def _read_email(raw: msgspec.Raw, order_id: str, recipient: RecipientDetail) -> Email | InvalidEmail:
    try:
        notification = _decode_email(raw)
        return Email(notification, moment_of(notification.send_status.last_update))
    except msgspec.MsgspecError as error:
        problem = str(error)
    except (ValueError, RecursionError):
        problem = "lastUpdate is no date, or it is not UTF-8 or nested too deeply"
    return _invalid(raw, problem, order_id, recipient)


def _invalid(raw: msgspec.Raw, problem: str, order_id: str, recipient: RecipientDetail) -> InvalidEmail:
    digest = hashlib.sha256(raw).hexdigest()
    remains = msgspec.json.encode({"orderId": order_id, "sha256": digest})
    try:
        if kept := reduced_item(msgspec.json.decode(raw), recipient):
            remains = msgspec.json.encode(kept)
    except _ERRORS:
        pass
    return InvalidEmail(f"sha256:{digest}", remains, problem)


def _read_feed_item(raw: msgspec.Raw) -> FeedItem | None:
    try:
        item = _decode_feed_item(raw)
    except _ERRORS:
        try:
            sequence = _decode_sequence(raw).sequence_number
        except _ERRORS:
            return None
        return FeedItem(sequence, None) if 0 <= sequence <= MAX_SEQUENCE else None
    if not 0 <= item.sequence_number <= MAX_SEQUENCE:
        return None
    return FeedItem(item.sequence_number, canonical_order_id(item.shipment_id), item.senders_reference)
