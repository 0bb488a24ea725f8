"""Trace context in a message that is made already."""

import msgspec
import pytest

from bridge.events import parse
from bridge.events.message import Message
from bridge.events.parked import MAX_BODY_BYTES
from bridge.events.traced import traced
from tests.support.events import every_message, full

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("message", [pytest.param(each, id=name) for name, each in every_message().items()])
def test_it_is_the_last_attribute_and_all_else_is_as_before(message: Message) -> None:
    found = traced(message, TRACE)
    assert found.body == message.body[:-1] + b',"traceparent":"' + TRACE.encode() + b'"}'
    assert msgspec.structs.replace(found, body=message.body) == message


@pytest.mark.parametrize("message", [pytest.param(each, id=name) for name, each in every_message().items()])
def test_it_is_where_the_encoder_would_write_it(message: Message) -> None:
    event = parse(traced(message, TRACE).body)
    assert event == msgspec.structs.replace(parse(message.body), traceparent=TRACE)
    assert msgspec.json.encode(event) == traced(message, TRACE).body


def test_what_is_parked_stays_as_it_is() -> None:
    parked = msgspec.structs.replace(full(), body=b"what the API gave", parked_reason="invalid")
    assert traced(parked, TRACE) is parked


def test_what_would_be_too_large_for_a_broker_stays_as_it_is() -> None:
    added = len(traced(full(), TRACE).body) - len(full().body)
    fits = msgspec.structs.replace(full(), body=b'{"data":"%s"}' % (b"x" * (MAX_BODY_BYTES - added - 11)))
    too_large = msgspec.structs.replace(fits, body=b'{"data":"%s"}' % (b"x" * (MAX_BODY_BYTES - added - 10)))
    assert len(traced(fits, TRACE).body) == MAX_BODY_BYTES
    assert traced(too_large, TRACE) is too_large
