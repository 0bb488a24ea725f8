"""What cannot be delivered, as a message for the parked exchange (product.md §5)."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from bridge.events.message import Message, SourceName

Reason = Literal["unroutable", "invalid", "poison", "oversized", "registration-invalid"]

MAX_SHORT_STRING_BYTES = 255
"""AMQP 0-9-1 short string: exchange, routing key and the properties that name things."""
_SURELY_SHORT_CHARACTERS = MAX_SHORT_STRING_BYTES // 4
"""UTF-8 has at most four bytes a character."""
MAX_BODY_BYTES = 1_048_576
"""What this project asks of a broker (product.md §8); RabbitMQ's own limit is higher (16 MiB in 4.x)."""

ONLY_ITS_HASH = "only its hash is kept"
"""What the detail says of a message whose body could not be kept."""
HASHED = "sha256:"
"""What stands before the hash of a property that was too long."""


def is_poison(message: Message) -> bool:
    """Whether no broker can take the message as it is: a property too long, or a body over 1 MiB."""
    return (
        len(message.body) > MAX_BODY_BYTES
        or _is_too_long(message.id)
        or _is_too_long(message.routing_key)
        or _is_too_long(message.correlation_id or "")
        or _is_too_long(message.type)
        or _is_too_long(message.exchange)
    )


def _is_too_long(text: str) -> bool:
    return len(text) > _SURELY_SHORT_CHARACTERS and len(text.encode()) > MAX_SHORT_STRING_BYTES


def park(message: Message, *, exchange: str, reason: Reason, detail: str, at: datetime) -> Message:
    """The parked form of a message: whole and unchanged, with the reason in its headers.

    What AMQP itself cannot carry is kept where it can be: a property that is too long is replaced by its hash, and the
    body still holds it.
    """
    return Message(
        id=_short(message.id),
        source=message.source,
        event=message.event,
        type=_short(message.type),
        exchange=exchange,
        routing_key=_short(message.routing_key),
        body=message.body,
        content_type=message.content_type,
        correlation_id=None if message.correlation_id is None else _short(message.correlation_id),
        created_at=message.created_at,
        headers=_headers(reason, detail, at, message.exchange, message.routing_key),
        parked_reason=reason,
    )


def park_remains(parked: Message, *, at: datetime) -> Message:
    """What can be kept of a parked message that the broker does not take whole: its size and hash, and its headers."""
    return msgspec.structs.replace(
        parked,
        body=remains_of(parked.body, id=parked.id),
        content_type="application/json",
        headers={**parked.headers, "x-parked-at": at.isoformat(), "x-parked-detail": ONLY_ITS_HASH},
    )


def remains_of(body: bytes, **known: str) -> bytes:
    """What is kept of a body that is too large to be kept whole, as JSON: its hash, its size and what is `known`."""
    return msgspec.json.encode({"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body), **known})


def park_item(
    raw: bytes,
    *,
    source: SourceName,
    exchange: str,
    reason: Reason,
    detail: str,
    at: datetime,
    content_type: str = "application/json",
    original_exchange: str = "",
    original_routing_key: str = "",
) -> Message:
    """An item that did not become an event, as the raw bytes received. `original_…`: where it came from, of what came
    by the broker.
    """
    return Message(
        id=hashlib.sha256(raw).hexdigest(),
        source=source,
        event="invalid",
        type=f"no.{source}.invalid",
        exchange=exchange,
        routing_key="",
        body=raw,
        content_type=_short(content_type),
        headers=_headers(reason, detail, at, original_exchange, original_routing_key),
        parked_reason=reason,
    )


def _headers(reason: str, detail: str, at: datetime, exchange: str, routing_key: str) -> Mapping[str, str]:
    return {
        "x-parked-reason": reason,
        "x-parked-at": at.isoformat(),
        "x-original-exchange": exchange,
        "x-original-routing-key": routing_key,
        "x-parked-detail": detail,
    }


def _short(text: str) -> str:
    """The text, or its hash where it is too long for an AMQP short string."""
    encoded = text.encode()
    return text if len(encoded) <= MAX_SHORT_STRING_BYTES else f"{HASHED}{hashlib.sha256(encoded).hexdigest()}"
