"""One parked message as it says of itself, whether it can be released, and as what. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bridge.events.message import Message
from bridge.events.parked import HASHED, ONLY_ITS_HASH, is_poison
from bridge.ports import Delivered

_REASON, _AT, _DETAIL = "x-parked-reason", "x-parked-at", "x-parked-detail"
_EXCHANGE, _ROUTING_KEY = "x-original-exchange", "x-original-routing-key"
RAW_REASONS = frozenset({"invalid", "oversized"})
"""Reasons of what never was an event: an item as the API gave it, or what is known of one."""


Identity = tuple[str, str | None, str | None]


class ParkedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the parked queue. Texts are None where its headers say nothing: somebody else put it there."""

    id: str
    """The event's id; of what is no event the hash of its body."""
    reason: str | None
    at: str | None
    """When it was parked, ISO 8601."""
    exchange: str | None
    """Where it should have gone; empty is the default exchange."""
    routing_key: str | None
    detail: str | None
    type: str | None
    correlation_id: str | None
    content_type: str | None
    created_at: datetime | None
    headers: Mapping[str, object]
    """All of them."""
    body: bytes

    @property
    def identity(self) -> Identity:
        """The same of each copy of what was parked once."""
        return self.id, self.at, self.reason


def read_parked(delivered: Delivered) -> ParkedMessage:
    """What a delivered message says."""
    headers = delivered.headers
    return ParkedMessage(
        id=delivered.id or hashlib.sha256(delivered.body).hexdigest(),
        reason=_text(headers, _REASON),
        at=_text(headers, _AT),
        exchange=_text(headers, _EXCHANGE),
        routing_key=_text(headers, _ROUTING_KEY),
        detail=_text(headers, _DETAIL),
        type=delivered.type,
        correlation_id=delivered.correlation_id,
        content_type=delivered.content_type,
        created_at=delivered.created_at,
        headers=headers,
        body=delivered.body,
    )


def why_not_releasable(parked: ParkedMessage) -> str | None:
    """Why it cannot go to where it should have gone, as a clause; None: it can."""
    if parked.reason is None or parked.exchange is None or parked.routing_key is None:
        return "their headers do not say where they should have gone: the bridge did not put them there"
    if parked.reason in RAW_REASONS:
        return f"what the API gave is no event and was meant for no queue ({parked.reason})"
    if ONLY_ITS_HASH in (parked.detail or ""):
        return "the body was too large to be kept: only its hash is there"
    if any((each or "").startswith(HASHED) for each in (parked.id, parked.type, parked.correlation_id)):
        return "a property was too long for AMQP: only its hash is there"
    if is_poison(released(parked)):
        return "no broker takes them as they are: over 1 MiB, or a property over 255 bytes"
    return None


def released(parked: ParkedMessage) -> Message:
    """The message as it should have gone, for one that is releasable."""
    return Message(
        id=parked.id,
        source="altinn" if (parked.type or "").startswith("no.altinn.") else "nhn",
        event="released",
        type=parked.type or "",
        exchange=parked.exchange or "",
        routing_key=parked.routing_key or "",
        body=parked.body,
        content_type=parked.content_type or "",
        correlation_id=parked.correlation_id,
        created_at=parked.created_at,
    )


def _text(headers: Mapping[str, object], name: str) -> str | None:
    value = headers.get(name)
    return value if isinstance(value, str) else None
