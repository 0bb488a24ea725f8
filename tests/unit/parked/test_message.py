"""What a parked message says of itself, and whether and as what it can be released."""

import hashlib
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

from bridge.events.message import Message
from bridge.events.parked import Reason, park, park_item, park_remains
from bridge.parked.message import ParkedMessage, read_parked, released, why_not_releasable
from bridge.ports import Delivered

AT = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)
EVENT = Message(
    id="id-1",
    source="altinn",
    event="email-status",
    type="no.altinn.notification.email-status.v1",
    exchange="altinn.notifications",
    routing_key="email-status.delivered",
    body=b'{"id":"id-1"}',
    correlation_id="order-1",
    created_at=AT,
)


def delivered(parked: Message) -> Delivered:
    """As the broker delivers what was parked."""
    return Delivered(
        body=parked.body,
        content_type=parked.content_type,
        id=parked.id,
        type=parked.type,
        correlation_id=parked.correlation_id,
        created_at=parked.created_at,
        headers=dict(parked.headers),
        channel=1,
        tag=1,
    )


def event(reason: Reason = "unroutable", message: Message = EVENT) -> ParkedMessage:
    parked = park(message, exchange="bridge.parked", reason=reason, detail="why", at=AT)
    return read_parked(delivered(parked))


def item(reason: Reason, *, exchange: str = "", key: str = "", detail: str = "why") -> ParkedMessage:
    parked = park_item(
        b"raw",
        source="nhn",
        exchange="bridge.parked",
        reason=reason,
        detail=detail,
        at=AT,
        original_exchange=exchange,
        original_routing_key=key,
    )
    return read_parked(delivered(parked))


def registration(detail: str = "orderId is missing") -> ParkedMessage:
    return item("registration-invalid", key="bridge.altinn.orders", detail=detail)


def test_it_says_why_when_and_where_it_should_have_gone() -> None:
    parked = event()
    assert (parked.id, parked.reason, parked.detail, parked.at) == (
        "id-1",
        "unroutable",
        "why",
        "2026-04-14T06:00:00+00:00",
    )
    assert (parked.exchange, parked.routing_key) == ("altinn.notifications", "email-status.delivered")


def test_an_event_is_released_as_it_was_before_it_was_parked() -> None:
    again = released(event())
    for field in ("id", "source", "type", "exchange", "routing_key", "body", "content_type", "correlation_id"):
        assert getattr(again, field) == getattr(EVENT, field), field
    assert (again.created_at, again.headers, again.parked_reason) == (AT, {}, None)


def test_a_registration_goes_back_to_the_queue_that_it_came_by() -> None:
    parked = registration()
    assert why_not_releasable(parked) is None
    again = released(parked)
    assert (again.exchange, again.routing_key, again.body) == ("", "bridge.altinn.orders", b"raw")


def test_every_reason_is_either_releasable_or_says_why_not() -> None:
    releasable = {"unroutable", "poison", "registration-invalid"}
    raw = {reason: why_not_releasable(item(reason)) for reason in get_args(Reason) if reason not in releasable}
    assert raw == {
        "invalid": "what the API gave is no event and was meant for no queue (invalid)",
        "oversized": "what the API gave is no event and was meant for no queue (oversized)",
    }
    assert why_not_releasable(event("unroutable")) is why_not_releasable(event("poison")) is None


def test_what_is_kept_as_a_hash_only_is_not_released() -> None:
    too_large = park_remains(park(EVENT, exchange="p", reason="poison", detail="", at=AT), at=AT)
    only_hash = "the body was too large to be kept: only its hash is there"
    assert why_not_releasable(read_parked(delivered(too_large))) == only_hash
    assert why_not_releasable(registration("over 1048576 bytes: only its hash is kept")) == only_hash

    long = msgspec.structs.replace(EVENT, id="i" * 256)
    assert why_not_releasable(event("poison", long)) == "a property was too long for AMQP: only its hash is there"


@pytest.mark.parametrize("change", [{"routing_key": "k" * 256}, {"body": b"x" * 1_048_577}])
def test_what_the_bridge_would_park_again_is_not_released(change: dict[str, object]) -> None:
    parked = event("poison", msgspec.structs.replace(EVENT, **change))
    assert why_not_releasable(parked) == "no broker takes them as they are: over 1 MiB, or a property over 255 bytes"


@pytest.mark.parametrize("headers", [{}, {"x-parked-reason": 7}, {"x-parked-reason": "unroutable"}])
def test_what_somebody_else_put_there_is_read_and_not_released(headers: dict[str, object]) -> None:
    parked = read_parked(Delivered(body=b"theirs", headers=headers, channel=1, tag=1))
    assert parked.id == hashlib.sha256(b"theirs").hexdigest()
    assert why_not_releasable(parked) == (
        "their headers do not say where they should have gone: the bridge did not put them there"
    )
