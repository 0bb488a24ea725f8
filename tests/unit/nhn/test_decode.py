"""From an answer's bytes to items (product.md §6): what is understood, and what is no page at all."""

import json
import sys
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.events.nhn import Notification
from bridge.nhn.decode import Item, NotAPage, read_item, read_page

EXAMPLE_OF_THE_API_PAGE = b"""{
  "notifications": [
    {
      "id": "843eed10-6b56-496b-8664-ce71167c6b5c",
      "relatedMessageId": "0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
      "type": "NewMessage",
      "notificationReceiverHerId": 6789,
      "notificationTriggeredByHerId": 9876,
      "description": "New message received. (EPIKRISE).",
      "createdAt": "2026-04-14T06:17:00+00:00"
    }
  ]
}"""


def page(*raw: bytes) -> bytes:
    return b'{"notifications":[' + b",".join(raw) + b"]}"


def only(raw: bytes) -> Item:
    (item,) = read_page(page(raw))
    return item


def understood(raw: bytes) -> Notification:
    item = only(raw)
    assert item.problem is None
    assert item.notification is not None
    return item.notification


class TestAnItemThatIsUnderstood:
    def test_the_example_of_the_apis_page_is_read_field_for_field(self) -> None:
        (item,) = read_page(EXAMPLE_OF_THE_API_PAGE)
        assert item.notification == Notification(
            type="NewMessage",
            receiver=6789,
            notification_id=None,
            id="843eed10-6b56-496b-8664-ce71167c6b5c",
            related_message_id="0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
            triggered_by=9876,
            description="New message received. (EPIKRISE).",
            created_at="2026-04-14T06:17:00+00:00",
            offset=None,
        )
        assert item.offset is None
        assert item.receiver == 6789
        assert item.key == "843eed10-6b56-496b-8664-ce71167c6b5c"
        assert item.created_at == datetime(2026, 4, 14, 6, 17, tzinfo=UTC)
        assert item.problem is None

    def test_an_item_as_clients_of_the_api_see_it(self) -> None:
        item = only(
            b'{"notificationId":"17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",'
            b'"relatedMessageId":"733be787-0ad0-475a-98b7-00512caa9ccb","type":"NewMessage",'
            b'"notificationReceiverHerId":8142520,"notificationTriggeredByHerId":8142519,'
            b'"description":"A new message is available for download.",'
            b'"createdAt":"2026-05-08T08:32:15.31+02:00","offset":45460}'
        )
        assert item.notification == Notification(
            type="NewMessage",
            receiver=8142520,
            notification_id="17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",
            related_message_id="733be787-0ad0-475a-98b7-00512caa9ccb",
            triggered_by=8142519,
            description="A new message is available for download.",
            created_at="2026-05-08T08:32:15.31+02:00",
            offset=45460,
        )
        assert (item.offset, item.receiver) == (45460, 8142520)
        assert item.key == "17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9"
        assert item.created_at == datetime(2026, 5, 8, 8, 32, 15, 310000, tzinfo=timezone(timedelta(hours=2)))

    @pytest.mark.parametrize(
        ("ids", "key"),
        [
            pytest.param(b'"notificationId":"a","id":"b","offset":5', "a", id="notificationId comes before id"),
            pytest.param(b'"id":"b","offset":5', "b", id="id where there is no notificationId"),
            pytest.param(b'"notificationId":null,"id":"b","offset":5', "b", id="null is no id"),
            pytest.param(b'"notificationId":"","id":"b","offset":5', "b", id="an empty string is no id"),
            pytest.param(b'"offset":5', "7-5", id="receiver and offset where there is neither"),
            pytest.param(b'"notificationId":null,"id":"","offset":0', "7-0", id="offset 0 is one"),
        ],
    )
    def test_its_key_is_the_id_of_its_event(self, ids: bytes, key: str) -> None:
        assert only(b'{"type":"NewMessage","notificationReceiverHerId":7,' + ids + b"}").key == key

    @pytest.mark.parametrize(
        "field",
        [
            "notificationId",
            "relatedMessageId",
            "notificationTriggeredByHerId",
            "description",
            "createdAt",
            "offset",
        ],
    )
    def test_an_optional_field_may_be_absent_or_null(self, field: str) -> None:
        full = {
            "notificationId": "a",
            "id": "b",
            "relatedMessageId": "m",
            "type": "NewMessage",
            "notificationReceiverHerId": 7,
            "notificationTriggeredByHerId": 8,
            "description": "d",
            "createdAt": "2026-04-14T06:17:00Z",
            "offset": 5,
        }
        absent = understood(json.dumps({name: value for name, value in full.items() if name != field}).encode())
        null = understood(json.dumps(full | {field: None}).encode())
        assert absent == null

    def test_unknown_fields_are_ignored_whatever_is_in_them(self) -> None:
        known = b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":5,"id":"a"'
        unknown = b',"new":{"offset":[9,{"type":17}],"id":null},"huge":' + b"9" * 5000 + b',"float":1e999}'
        assert understood(known + unknown) == understood(known + b"}")

    def test_a_type_that_is_not_documented_is_kept_as_it_is(self) -> None:
        assert understood(b'{"type":"MessageEaten","notificationReceiverHerId":7,"offset":5}').type == "MessageEaten"

    def test_the_highest_offset_that_64_bits_hold_is_one(self) -> None:
        item = only(b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":9223372036854775807}')
        assert item.offset == 9223372036854775807
        assert item.problem is None

    @pytest.mark.parametrize(
        "created_at",
        [
            pytest.param("2026-04-14T06:17:00", id="no time zone"),
            pytest.param("2026-04-14", id="a day"),
            pytest.param("0001-01-01T00:00:00Z", id="no value, as .NET writes it"),
            pytest.param("0001-01-01T00:00:00+01:00", id="before the calendar's beginning in UTC"),
            pytest.param("9999-12-31T23:59:59.9999999-01:00", id="after the calendar's end in UTC"),
            pytest.param("1969-12-31T23:59:59Z", id="before AMQP's first timestamp"),
        ],
    )
    def test_a_creation_time_that_is_no_moment_is_no_reason_not_to_understand_it(self, created_at: str) -> None:
        item = only(
            b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":5,"createdAt":"%b"}' % created_at.encode()
        )
        assert item.created_at is None
        assert item.problem is None
        assert item.notification is not None
        assert item.notification.created_at == created_at

    def test_half_a_surrogate_pair_is_a_replacement_character_and_the_rest_is_as_it_was(self) -> None:
        description = rb"\ud800 and \udc00\udfff, but \ud83d\ude00 and \\ud800 and \uD83D\u00e6"
        first, second = read_page(
            page(
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":5,"description":"%b"}' % description,
                b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":6,"description":"\xc3\xa6"}',
            )
        )
        assert first.notification is not None
        assert first.notification.description == "\ufffd and \ufffd\ufffd, but \U0001f600 and \\ud800 and \ufffd\u00e6"
        assert second.notification is not None
        assert second.notification.description == "\u00e6"


GOOD = b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":4,"id":"a"}'


class TestAnAnswerThatIsNoPage:
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"<html><body>Kari Nordmann</body></html>", id="HTML"),
            pytest.param(b"null", id="null"),
            pytest.param(b"[]", id="an array"),
            pytest.param(b"[" + GOOD + b"]", id="the array alone"),
            pytest.param(b"{}", id="no notifications"),
            pytest.param(b'{"Notifications":[]}', id="other capitals"),
            pytest.param(b'{"notifications":null}', id="notifications null"),
            pytest.param(b'{"notifications":{}}', id="notifications an object"),
            pytest.param(b'{"notifications":[' + GOOD, id="cut off"),
            pytest.param(b'{"notifications":[' + GOOD[:-9] + b"]}", id="cut off within an item"),
            pytest.param(page(GOOD) + b"}", id="more than one document"),
            pytest.param(page(GOOD).decode().encode("utf-16"), id="not UTF-8"),
            pytest.param(b'{"notifications":["\\ud800 Kari"', id="cut off behind half a surrogate pair"),
        ],
    )
    def test_it_is_refused_and_never_taken_for_an_empty_one(self, body: bytes) -> None:
        with pytest.raises(NotAPage, match="not the documented JSON") as refused:
            read_page(body)
        assert "Kari" not in str(refused.value)

    def test_nesting_without_end_is_refused_as_such_even_in_a_field_that_nobody_reads(self) -> None:
        depth = 100_000
        deep = GOOD[:-1] + b',"new":' + b"[" * depth + b"]" * depth + b"}"
        with pytest.raises(NotAPage, match="nested too deeply") as refused:
            read_page(page(deep))
        assert isinstance(refused.value.__cause__, RecursionError)

    def test_at_no_depth_does_an_item_fail_that_its_page_was_read_with(self) -> None:
        outcomes = set()
        for depth in range(sys.getrecursionlimit() - 200, sys.getrecursionlimit()):
            nested = b"[" * depth + b"]" * depth
            try:
                outcomes.add(len(read_page(page(b'{"type":17,"offset":5,"new":' + nested + b"}"))))
            except NotAPage:
                outcomes.add(0)
        assert outcomes == {0, 1}

    def test_an_empty_page_is_one(self) -> None:
        assert read_page(b' {"notifications" : [ ] , "new": 1} ') == []


SECRET = "31129912345 Kari Nordmann"
ANYTHING = st.recursive(
    st.sampled_from([None, True, 5, -1, 2**63, 1.5, SECRET]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just(SECRET), inner, max_size=2),
    max_leaves=4,
)
NAMES = (
    *("type", "notificationReceiverHerId", "notificationId", "id", "relatedMessageId"),
    *("notificationTriggeredByHerId", "description", "createdAt", "offset", SECRET),
)


@given(st.lists(ANYTHING | st.dictionaries(st.sampled_from(NAMES), ANYTHING), max_size=5))
def test_any_json_in_the_array_is_an_item_and_no_problem_tells_of_its_content(elements: list[object]) -> None:
    read = read_page(json.dumps({"notifications": elements}).encode())
    assert len(read) == len(elements)
    for item in read:
        assert (item.problem is None) == (item.notification is not None)
        assert item.offset is None or 0 <= item.offset < 2**63
        assert not any(word in (item.problem or "") for word in ("Kari", "311299"))


@given(st.binary(max_size=40), st.integers(0, 60), st.integers(0, 60))
def test_any_bytes_are_a_page_or_are_refused(noise: bytes, start: int, end: int) -> None:
    body = page(GOOD, GOOD)
    try:
        read = read_page(body[:start] + noise + body[end:])
    except NotAPage:
        return
    assert all((item.problem is None) == (item.notification is not None) for item in read)


SOUND: dict[str, object] = {"type": "NewMessage", "notificationReceiverHerId": 7, "offset": 4, "id": "a"}


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=2).map(SOUND.__or__), max_size=4))
def test_a_page_is_read_in_one_go_as_each_item_is_read_by_itself(elements: list[dict[str, object]]) -> None:
    read = read_page(json.dumps({"notifications": elements}).encode())
    alone = [read_item(msgspec.Raw(json.dumps(element).encode())) for element in elements]
    assert [msgspec.structs.replace(item, raw=b"") for item in read] == [
        msgspec.structs.replace(item, raw=b"") for item in alone
    ]
