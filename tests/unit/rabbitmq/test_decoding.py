"""Properties that nobody can read, as the client library reads them nevertheless."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import header

from bridge.rabbitmq.decoding import read_any_properties, short_string, table, timestamp


class TestText:
    def test_what_is_utf_8_is_read_as_it_is(self) -> None:
        assert short_string("\x05blåb".encode() + b"rest") == (6, "blåb")

    def test_what_is_not_is_read_as_far_as_it_can_be(self) -> None:
        assert short_string(b"\x03S\xf8krest") == (4, "S\ufffdk")

    def test_no_text_is_text_too(self) -> None:
        assert short_string(b"\0rest") == (1, "")


class TestTables:
    def test_one_that_can_be_read_is(self) -> None:
        assert table(b"\0\0\0\x07\x01aI\0\0\0\x05rest") == (11, {"a": 5})

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"\x01\xf8I\0\0\0\x05", id="a name that is not UTF-8"),
            pytest.param(b"\x01aT" + b"\xff" * 8, id="a time that no calendar has"),
            pytest.param(b"\x01a?", id="an unknown type"),
            pytest.param(b"\xffa", id="a name that is cut off"),
        ],
    )
    def test_one_that_cannot_is_passed_over(self, content: bytes) -> None:
        assert table(len(content).to_bytes(4, "big") + content + b"rest") == (4 + len(content), {})

    def test_absurd_nesting_is_passed_over(self) -> None:
        content = b""
        for _ in range(5000):
            content = b"\x01aF" + len(content).to_bytes(4, "big") + content
        assert table(len(content).to_bytes(4, "big") + content) == (4 + len(content), {})


class TestTimes:
    @pytest.mark.parametrize(
        ("seconds", "moment"),
        [
            (1_776_146_400, datetime(2026, 4, 14, 6, 0, tzinfo=UTC)),
            (1_776_146_400_000, datetime(2026, 4, 14, 6, 0, tzinfo=UTC)),
            (2**64 - 1, datetime(1970, 1, 1, tzinfo=UTC)),
            (2**63 - 1, datetime(1970, 1, 1, tzinfo=UTC)),
            (253_402_300_800_000, datetime(1970, 1, 1, tzinfo=UTC)),
        ],
    )
    def test_each_is_a_time_and_one_that_no_calendar_has_is_the_epoch(self, seconds: int, moment: datetime) -> None:
        assert timestamp(seconds.to_bytes(8, "big") + b"rest") == (8, moment)


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(min_size=8, max_size=8))
def test_whatever_content_type_headers_and_timestamp_hold_the_frame_is_read(
    text: bytes, content: bytes, moment: bytes
) -> None:
    read_any_properties()
    flags = (0x8000 | 0x2000 | 0x0040).to_bytes(2, "big")
    properties = bytes([len(text)]) + text + len(content).to_bytes(4, "big") + content + moment
    frame = header.ContentHeader()

    frame.unmarshal(b"\0\x3c\0\0" + (17).to_bytes(8, "big") + flags + properties)

    assert frame.body_size == 17
    assert frame.properties.timestamp is not None
