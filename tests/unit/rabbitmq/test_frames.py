"""A message's frames: what aiormq writes for it, byte for byte."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from aiormq.abc import ChannelFrame
from hypothesis import given
from hypothesis import strategies as st
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from bridge.events.message import Message
from bridge.rabbitmq.frames import encode_message
from bridge.rabbitmq.properties import properties_of, seconds_of

MAX_PAYLOAD_BYTES = 1000
MESSAGE = Message(
    id="i",
    source="nhn",
    event="new-message",
    type="t",
    exchange="e",
    routing_key="k",
    body=b"{}",
    content_type="c",
)
short = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
messages = st.builds(
    Message,
    id=short,
    source=st.just("nhn"),
    event=st.just("new-message"),
    type=short,
    exchange=st.text("abc-._:", max_size=127),
    routing_key=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    body=st.binary(max_size=3 * MAX_PAYLOAD_BYTES),
    content_type=short,
    correlation_id=st.none() | short,
    created_at=st.none() | st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=2)))),
    headers=st.dictionaries(short, short, max_size=3),
)


def encode(message: Message) -> bytes:
    return b"".join(encode_message(message, seconds_of(message), channel=7, max_payload_bytes=MAX_PAYLOAD_BYTES))


def written_by_aiormq(message: Message) -> bytes:
    """As `Channel.basic_publish` makes them."""
    starts = range(0, len(message.body), MAX_PAYLOAD_BYTES)
    frames: list[Frame | ContentHeader | ContentBody] = [
        Basic.Publish(exchange=message.exchange, routing_key=message.routing_key, mandatory=True),
        ContentHeader(properties=properties_of(message), body_size=len(message.body)),
        *(ContentBody(message.body[start : start + MAX_PAYLOAD_BYTES]) for start in starts),
    ]
    return ChannelFrame.marshall(frames=frames, channel_number=7).payload


@given(messages)
def test_every_message_is_written_as_aiormq_writes_it(message: Message) -> None:
    assert encode(message) == written_by_aiormq(message)


def test_the_frames_are_those_of_the_specification() -> None:
    message = msgspec.structs.replace(MESSAGE, created_at=datetime(1970, 1, 1, 0, 1, 30, 999_000, tzinfo=UTC))

    assert encode(message) == (
        b"\x01\x00\x07\x00\x00\x00\x0b" + b"\x00\x3c\x00\x28\x00\x00\x01e\x01k\x01" + b"\xce"
        b"\x02\x00\x07\x00\x00\x00\x28"
        b"\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xb0\xe8"
        b"\x01c\x00\x00\x00\x00\x02\x01i\x00\x00\x00\x00\x00\x00\x00\x5a\x01t\x06bridge"
        b"\xce"
        b"\x03\x00\x07\x00\x00\x00\x02{}\xce"
    )


def test_an_empty_id_is_written_for_the_broker_names_a_returned_message_by_it() -> None:
    assert b"\x02\x00\x01t\x06bridge\xce" in encode(msgspec.structs.replace(MESSAGE, id=""))


def test_an_empty_body_has_no_frame() -> None:
    assert encode(msgspec.structs.replace(MESSAGE, body=b"")).endswith(b"\x01t\x06bridge\xce")


@pytest.mark.parametrize("field", ["id", "type", "routing_key", "correlation_id", "content_type"])
def test_what_is_over_255_bytes_is_refused(field: str) -> None:
    with pytest.raises(TypeError, match="exceeds maximum length of 255 bytes"):
        encode(msgspec.structs.replace(MESSAGE, **{field: "å" * 128}))


def test_what_is_no_text_or_no_exchange_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        encode(msgspec.structs.replace(MESSAGE, routing_key="\ud800"))
    with pytest.raises(ValueError, match="Invalid value for exchange"):
        encode(msgspec.structs.replace(MESSAGE, exchange="not/an\nexchange"))
