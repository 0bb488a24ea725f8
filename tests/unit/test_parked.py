"""What cannot be delivered, whole and unchanged where AMQP can carry it (product.md §5)."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bridge.events.message import Message
from bridge.events.parked import MAX_BODY_BYTES, is_poison, park, park_item, park_remains

AT = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)
MESSAGE = Message(
    id="17aaeaa7",
    source="nhn",
    event="new-message",
    type="no.nhn.notification.new-message.v1",
    exchange="nhn.notifications",
    routing_key="new-message.8142520",
    body=b'{"specversion":"1.0"}',
    correlation_id="733be787",
    created_at=datetime(2026, 4, 14, 5, 59, tzinfo=UTC),
)
LONG = "æ" * 128
"""256 bytes: one more than AMQP's short string holds."""
HASH_OF_LONG = "sha256:3a763cbd965999516541e93a8b79c267c46189135af8e3ebf4ffc5a4bb0dcb92"


def changed(**changes: Any) -> Message:
    return msgspec.structs.replace(MESSAGE, **changes)


class TestParking:
    def test_a_message_is_parked_whole_with_why_when_and_where_it_should_have_gone(self) -> None:
        parked = park(MESSAGE, exchange="bridge.parked", reason="unroutable", detail="no queue is bound", at=AT)
        assert parked == Message(
            id="17aaeaa7",
            source="nhn",
            event="new-message",
            type="no.nhn.notification.new-message.v1",
            exchange="bridge.parked",
            routing_key="new-message.8142520",
            body=b'{"specversion":"1.0"}',
            content_type="application/cloudevents+json; charset=utf-8",
            correlation_id="733be787",
            created_at=datetime(2026, 4, 14, 5, 59, tzinfo=UTC),
            headers={
                "x-parked-reason": "unroutable",
                "x-parked-at": "2026-04-14T06:00:00+00:00",
                "x-original-exchange": "nhn.notifications",
                "x-original-routing-key": "new-message.8142520",
                "x-parked-detail": "no queue is bound",
            },
            parked_reason="unroutable",
        )

    def test_a_message_without_a_correlation_id_gets_none(self) -> None:
        parked = park(changed(correlation_id=None), exchange="p", reason="unroutable", detail="", at=AT)
        assert parked.correlation_id is None

    def test_what_amqp_cannot_carry_is_replaced_by_its_hash_and_kept_in_a_header_or_the_body(self) -> None:
        long = changed(id=LONG, type=LONG, routing_key=LONG, correlation_id=LONG, body=LONG.encode())
        parked = park(long, exchange="bridge.parked", reason="poison", detail="", at=AT)
        assert (parked.id, parked.type, parked.routing_key, parked.correlation_id) == (HASH_OF_LONG,) * 4
        assert parked.headers["x-original-routing-key"] == LONG
        assert parked.body == LONG.encode()
        assert not is_poison(parked)

    def test_a_text_of_255_bytes_is_kept(self) -> None:
        longest = "æ" * 127 + "x"
        assert park(changed(id=longest), exchange="p", reason="poison", detail="", at=AT).id == longest

    def test_of_what_the_broker_does_not_take_at_all_size_hash_and_headers_are_kept(self) -> None:
        parked = park(changed(body=b"x" * 2_000_000), exchange="bridge.parked", reason="poison", detail="big", at=AT)
        later = datetime(2026, 4, 14, 7, 0, tzinfo=UTC)
        remains = park_remains(parked, at=later)
        assert json.loads(remains.body) == {
            "sha256": hashlib.sha256(b"x" * 2_000_000).hexdigest(),
            "bytes": 2_000_000,
            "id": "17aaeaa7",
        }
        assert remains.content_type == "application/json"
        assert dict(remains.headers) == {
            "x-parked-reason": "poison",
            "x-parked-at": "2026-04-14T07:00:00+00:00",
            "x-original-exchange": "nhn.notifications",
            "x-original-routing-key": "new-message.8142520",
            "x-parked-detail": "only its hash is kept",
        }
        assert (remains.id, remains.exchange, remains.parked_reason) == ("17aaeaa7", "bridge.parked", "poison")

    def test_an_item_is_parked_as_the_bytes_received_under_their_hash(self) -> None:
        raw = b'{ "type" : 17 }'
        parked = park_item(raw, source="nhn", exchange="bridge.parked", reason="invalid", detail="no type", at=AT)
        assert parked == Message(
            id="977237a41872e6daafd1c74c02b87f4c1208efdd849a254e2bd18c7e523318b3",
            source="nhn",
            event="invalid",
            type="no.nhn.invalid",
            exchange="bridge.parked",
            routing_key="",
            body=raw,
            content_type="application/json",
            headers={
                "x-parked-reason": "invalid",
                "x-parked-at": "2026-04-14T06:00:00+00:00",
                "x-original-exchange": "",
                "x-original-routing-key": "",
                "x-parked-detail": "no type",
            },
            parked_reason="invalid",
        )

    def test_an_item_that_came_by_the_broker_keeps_its_content_type_and_where_it_came_from(self) -> None:
        parked = park_item(
            b"x",
            source="altinn",
            exchange="bridge.parked",
            reason="registration-invalid",
            detail="not JSON",
            at=AT,
            content_type="text/plain",
            original_exchange="orders",
            original_routing_key="placed",
        )
        assert parked.content_type == "text/plain"
        assert parked.headers["x-original-exchange"] == "orders"
        assert parked.headers["x-original-routing-key"] == "placed"

    def test_a_content_type_that_is_too_long_does_not_cost_the_body(self) -> None:
        parked = park_item(
            b"x", source="altinn", exchange="p", reason="registration-invalid", detail="", at=AT, content_type=LONG
        )
        assert (parked.body, parked.content_type) == (b"x", HASH_OF_LONG)
        assert not is_poison(parked)


class TestPoison:
    @pytest.mark.parametrize(
        ("message", "poison"),
        [
            pytest.param(MESSAGE, False, id="an ordinary message"),
            pytest.param(changed(correlation_id=None), False, id="without a correlation id"),
            pytest.param(changed(body=b"x" * MAX_BODY_BYTES), False, id="1 MiB"),
            pytest.param(changed(body=b"x" * (MAX_BODY_BYTES + 1)), True, id="over 1 MiB"),
            pytest.param(changed(routing_key="x" * 255), False, id="255 letters"),
            pytest.param(changed(routing_key="x" * 256), True, id="256 letters"),
            pytest.param(changed(routing_key="æ" * 127), False, id="254 bytes in 127 letters"),
            pytest.param(changed(routing_key=LONG), True, id="256 bytes in 128 letters"),
            pytest.param(changed(routing_key="\U0001f600" * 64), True, id="256 bytes in 64 letters"),
            pytest.param(changed(id=LONG), True, id="a long id"),
            pytest.param(changed(type=LONG), True, id="a long type"),
            pytest.param(changed(exchange=LONG), True, id="a long exchange"),
            pytest.param(changed(correlation_id=LONG), True, id="a long correlation id"),
        ],
    )
    def test_is_what_no_broker_can_take(self, message: Message, *, poison: bool) -> None:
        assert is_poison(message) is poison
