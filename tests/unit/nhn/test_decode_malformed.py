"""What is kept of an item that cannot be understood: enough to pass it and to park it (product.md §6, G5)."""

import hashlib
import json

import pytest

from bridge.nhn.decode import oversized, read_page

GOOD = b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":4,"id":"a"}'


class TestAnItemThatIsNotUnderstood:
    @pytest.mark.parametrize(
        ("raw", "offset", "receiver", "problem"),
        [
            pytest.param(
                b'{"notificationReceiverHerId":7,"offset":5}',
                5,
                7,
                "Object missing required field `type`",
                id="no type",
            ),
            pytest.param(
                b'{"type":null,"notificationReceiverHerId":7,"offset":5}',
                5,
                7,
                "Expected `str`, got `null` - at `$.type`",
                id="type null",
            ),
            pytest.param(
                b'{"type":"NewMessage","offset":5}',
                5,
                None,
                "Object missing required field `notificationReceiverHerId`",
                id="no receiver",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":null,"offset":5}',
                5,
                None,
                "Expected `int`, got `null` - at `$.notificationReceiverHerId`",
                id="receiver null",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":0,"offset":5}',
                5,
                None,
                "notificationReceiverHerId is no HER-id",
                id="receiver 0",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":2147483648,"offset":5}',
                5,
                None,
                "notificationReceiverHerId is no HER-id",
                id="receiver over 31 bits",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7.0,"offset":5}',
                5,
                None,
                "Expected `int`, got `float` - at `$.notificationReceiverHerId`",
                id="receiver a float",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":"5"}',
                None,
                7,
                "Expected `int | null`, got `str` - at `$.offset`",
                id="offset a string",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":-1}',
                None,
                7,
                "offset is outside 0..2^63-1",
                id="offset negative",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":9223372036854775808}',
                None,
                7,
                "offset is outside 0..2^63-1",
                id="offset over 63 bits",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":' + b"9" * 5000 + b"}",
                None,
                7,
                "Integer value out of range - at `$.offset`",
                id="offset absurd",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":true}',
                None,
                7,
                "Expected `int | null`, got `bool` - at `$.offset`",
                id="offset a bool",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":5.0}',
                None,
                7,
                "Expected `int | null`, got `float` - at `$.offset`",
                id="offset a float",
            ),
            pytest.param(
                b'{"type":17,"notificationReceiverHerId":7,"offset":5,"new":' + b"9" * 5000 + b"}",
                5,
                7,
                "Expected `str`, got `int` - at `$.type`",
                id="type a number, beside one that nothing can hold",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":5,"createdAt":"Kari Nordmann"}',
                5,
                7,
                "createdAt is no date",
                id="createdAt a name",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":5,"createdAt":42}',
                5,
                7,
                "Expected `str | null`, got `int` - at `$.createdAt`",
                id="createdAt a number",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":5,"createdAt":"2026-02-30T00:00:00Z"}',
                5,
                7,
                "createdAt is no date",
                id="createdAt no day of the calendar",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7}',
                None,
                7,
                "neither an id nor an offset",
                id="no id and no offset",
            ),
            pytest.param(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":5,"description":"\xff"}',
                5,
                7,
                "not UTF-8",
                id="a text that is not UTF-8",
            ),
            pytest.param(
                b'{"type":17,"offset":9223372036854775807,"notificationReceiverHerId":2147483647}',
                9223372036854775807,
                2147483647,
                "Expected `str`, got `int` - at `$.type`",
                id="type a number, the others the highest",
            ),
            pytest.param(b"[5]", None, None, "Expected `object`, got `array`", id="an array"),
            pytest.param(b"null", None, None, "Expected `object`, got `null`", id="null"),
            pytest.param(b'"Kari"', None, None, "Expected `object`, got `str`", id="a string"),
            pytest.param(b"5", None, None, "Expected `object`, got `int`", id="a number"),
        ],
    )
    def test_what_can_be_read_of_it_is_kept_with_why_it_cannot_be_understood(
        self, raw: bytes, offset: int | None, receiver: int | None, problem: str
    ) -> None:
        before, item, after = read_page(b'{"notifications":[' + b",".join((GOOD, raw, GOOD)) + b"]}")
        assert (item.offset, item.receiver, item.problem) == (offset, receiver, problem)
        assert item.notification is None
        assert bytes(item.raw) == raw
        assert item.key == hashlib.sha256(raw).hexdigest()
        assert (before.problem, after.problem) == (None, None)

    def test_an_oversized_item_is_known_by_its_offset_alone(self) -> None:
        item = oversized(45460, 1000)
        assert (item.offset, item.receiver, item.key, item.problem) == (45460, None, "oversized-45460", "oversized")
        assert json.loads(bytes(item.raw)) == {"offset": 45460, "problem": "oversized", "limitBytes": 1000}
