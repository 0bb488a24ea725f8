"""What Altinn's answers say, and that no bytes stop anything but themselves (G5)."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.altinn.decode import (
    FeedItem,
    NotUnderstood,
    Shipment,
    canonical_order_id,
    problem_code,
    read_feed,
    read_shipment,
    read_summary,
)
from bridge.events.altinn import EmailNotification, Recipient, SendStatus
from tests.support.altinn import EMAIL, ORDER, email, summary, summary_body

PAGE_EXAMPLE = b"""{
    "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
    "sendersReference": "ref-2023-12-01",
    "generated": 1,
    "succeeded": 0,
    "notifications": [
        {
            "id": "e0197ec7-3d82-4917-8329-8c9ecc4c569b",
            "succeeded": false,
            "recipient": {
                "emailAddress": "recipient@domain.com"
            },
            "sendStatus": {
                "status": "New",
                "description": "The email has been created, but has not been picked up for processing yet.",
                "lastUpdate": "2023-11-14T16:06:02.877361Z"
            }
        }
    ]
}"""
DEEP = b"[" * 100_000 + b"]" * 100_000


class TestTheEmailsOfAnOrder:
    def test_are_read_as_the_apis_page_shows_them(self) -> None:
        found = read_summary(PAGE_EXAMPLE, order_id=ORDER, recipient="address")
        assert (found.order_id, found.senders_reference) == (ORDER, "ref-2023-12-01")
        assert (found.generated, found.succeeded, found.invalid) == (1, 0, ())
        (mail,) = found.emails
        assert mail.moment == datetime(2023, 11, 14, 16, 6, 2, 877361, tzinfo=UTC)
        assert mail.notification == EmailNotification(
            id="e0197ec7-3d82-4917-8329-8c9ecc4c569b",
            succeeded=False,
            recipient=Recipient(email_address="recipient@domain.com"),
            send_status=SendStatus(
                "New",
                "2023-11-14T16:06:02.877361Z",
                "The email has been created, but has not been picked up for processing yet.",
            ),
        )

    def test_may_be_none(self) -> None:
        found = summary()
        assert (found.generated, found.emails, found.invalid) == (0, (), ())

    @pytest.mark.parametrize("nothing", [..., None], ids=["absent", "null"])
    def test_lack_what_the_api_leaves_out(self, nothing: object) -> None:
        status = {"status": "New", "lastUpdate": "2026-07-01T10:00:00Z"}
        item = email(recipient=nothing, sendStatus=status | ({} if nothing is ... else {"description": None}))
        found = summary(item, sendersReference=nothing)
        assert found.senders_reference is None
        (mail,) = found.emails
        assert mail.notification.recipient is None
        assert mail.notification.send_status == SendStatus("New", "2026-07-01T10:00:00Z", None)

    @pytest.mark.parametrize("nothing", [..., None], ids=["absent", "null"])
    def test_have_recipients_that_lack_all(self, nothing: object) -> None:
        whom = {} if nothing is ... else {"emailAddress": None, "organizationNumber": None}
        (mail,) = summary(email(recipient=whom)).emails
        assert mail.notification.recipient == Recipient(None, None, None)

    def test_may_have_fields_that_nobody_knows(self) -> None:
        found = summary(email(priority=3, sendStatus={"status": "New", "lastUpdate": "2026-07-01", "x": [1]}), total=9)
        assert len(found.emails) == 1

    @pytest.mark.parametrize("digits", range(8))
    def test_were_updated_at_a_time_with_any_number_of_fraction_digits(self, digits: int) -> None:
        at = "2026-07-01T10:02:30" + ("." + "1234567"[:digits] if digits else "") + "Z"
        (mail,) = summary(email(at=at)).emails
        assert mail.notification.send_status.last_update == at
        micros = [0, 100000, 120000, 123000, 123400, 123450, 123456, 123456][digits]
        assert mail.moment == datetime(2026, 7, 1, 10, 2, 30, micros, tzinfo=UTC)

    @pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "2026-07-01T10:00:00", "9999-12-31T23:59:59Z"])
    def test_may_have_a_time_that_stands_for_none(self, at: str) -> None:
        (mail,) = summary(email(at=at)).emails
        assert mail.moment is None

    @pytest.mark.parametrize("order_id", [ORDER, ORDER.upper()])
    def test_are_of_the_order_that_was_asked_for(self, order_id: str) -> None:
        assert summary(email(), orderId=order_id).order_id == ORDER

    def test_of_another_order_are_no_answer(self) -> None:
        body = summary_body(email(), orderId="00000000-0000-4000-8000-000000000000")
        with pytest.raises(NotUnderstood, match=r"^about another order"):
            read_summary(body, order_id=ORDER, recipient="address")

    @pytest.mark.parametrize(
        "changes",
        [
            {"orderId": ...},
            {"generated": ...},
            {"succeeded": ...},
            {"notifications": ...},
            {"notifications": None},
            {"notifications": {}},
            {"generated": -1},
            {"generated": 10**30},
            {"generated": "1"},
        ],
        ids=str,
    )
    def test_are_not_read_from_something_else(self, changes: dict[str, object]) -> None:
        with pytest.raises(NotUnderstood, match="not the documented JSON"):
            read_summary(summary_body(email(), **changes), order_id=ORDER, recipient="address")

    @pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", PAGE_EXAMPLE[:-3], DEEP, b'{"orderId":"\xff"}'])
    def test_are_not_read_from_what_is_no_such_json(self, body: bytes) -> None:
        with pytest.raises(NotUnderstood):
            read_summary(body, order_id=ORDER, recipient="address")

    def test_may_be_10000_in_one_body(self) -> None:
        body = summary_body(*(email(f"{number:08}-0000-4000-8000-000000000000") for number in range(10_000)))
        started = time.perf_counter()
        found = read_summary(body, order_id=ORDER, recipient="address")
        assert time.perf_counter() - started < 5.0
        assert len(found.emails) == 10_000
        assert found.emails[9_999].notification.id == "00009999-0000-4000-8000-000000000000"

    def test_may_hold_half_a_surrogate_pair(self) -> None:
        body = summary_body(email(sendStatus={"status": "New", "lastUpdate": "2026-07-01", "description": "a?b"}))
        (mail,) = read_summary(body.replace(b"a?b", b"a\\ud83db"), order_id=ORDER, recipient="full").emails
        assert mail.notification.send_status.description == "a\ufffdb"

    @given(st.binary())
    @example(DEEP)
    def test_any_bytes_are_e_mails_or_not_understood(self, body: bytes) -> None:
        for read in (
            lambda: read_summary(body, order_id=ORDER, recipient="full"),
            lambda: read_shipment(body),
            lambda: read_feed(body),
        ):
            with suppress(NotUnderstood):
                read()
        assert problem_code(body) is None


class TestTheOrderItself:
    def test_stands_where_its_status_says(self) -> None:
        body = (
            b'{"shipmentId":"c1d034c5-6af7-4813-aff7-920ab02e27b2","sendersReference":"r","type":"Notification",'
            b'"status":"Order_Processed","lastUpdate":"2026-02-04T11:32:01.268148Z","recipients":['
            b'{"type":"Email","destination":"a@b.no","status":"Email_Succeeded","lastUpdate":"2026-02-04T11:33:09Z"}]}'
        )
        assert read_shipment(body) == Shipment(
            "Order_Processed",
            "2026-02-04T11:32:01.268148Z",
            datetime(2026, 2, 4, 11, 32, 1, 268148, tzinfo=UTC),
        )

    @pytest.mark.parametrize(
        ("last_update", "shipment"),
        [
            (None, Shipment("Order_Completed", None, None)),
            ("yesterday", Shipment("Order_Completed", None, None)),
            ("0001-01-01T00:00:00Z", Shipment("Order_Completed", "0001-01-01T00:00:00Z", None)),
        ],
    )
    def test_is_known_whatever_its_time_is(self, last_update: str | None, shipment: Shipment) -> None:
        assert read_shipment(json.dumps({"status": "Order_Completed", "lastUpdate": last_update}).encode()) == shipment

    @pytest.mark.parametrize("body", [b"{}", b'{"status":null}', b'{"status":""}', b'{"status":7}', b"[]", b"", DEEP])
    def test_has_a_status(self, body: bytes) -> None:
        with pytest.raises(NotUnderstood, match=r"^not the documented JSON$"):
            read_shipment(body)

    def test_has_a_status_that_fits_a_log_line(self) -> None:
        with pytest.raises(NotUnderstood):
            read_shipment(json.dumps({"status": "x" * 201}).encode())


class TestTheFeed:
    def test_is_its_rows(self) -> None:
        body = (
            b'[{"sequenceNumber":1523,"shipmentId":"c1d034c5-6af7-4813-aff7-920ab02e27b2","sendersReference":"r",'
            b'"recipients":[{"destination":"a@b.no","status":"Email_Delivered","lastUpdate":"2026-02-04T11:33:09Z"}],'
            b'"status":"Order_Completed","lastUpdate":"2026-02-04T11:33:09.64992Z","shipmentType":"Notification"},'
            b'{"shipmentType":"Reminder","shipmentId":"C1D034C5-6AF7-4813-AFF7-920AB02E27B3","sequenceNumber":1600}]'
        )
        assert read_feed(body) == (
            [
                FeedItem(1523, "c1d034c5-6af7-4813-aff7-920ab02e27b2", "r"),
                FeedItem(1600, "c1d034c5-6af7-4813-aff7-920ab02e27b3", None),
            ],
            0,
        )

    def test_may_be_empty(self) -> None:
        assert read_feed(b"[]") == ([], 0)

    def test_passes_rows_that_name_no_order_and_counts_those_without_a_number(self) -> None:
        body = (
            b'[{"sequenceNumber":1,"shipmentId":17},{"sequenceNumber":2,"shipmentId":"nobody"},{"sequenceNumber":3},'
            b'{"sequenceNumber":-1,"shipmentId":"c1d034c5-6af7-4813-aff7-920ab02e27b2"},'
            b'{"sequenceNumber":9223372036854775808,"shipmentId":"c1d034c5-6af7-4813-aff7-920ab02e27b2"},'
            b'{"sequenceNumber":9223372036854775808,"shipmentId":17},'
            b'{"sequenceNumber":"4","shipmentId":"c1d034c5-6af7-4813-aff7-920ab02e27b2"},null,[],7,{},'
            b'{"sequenceNumber":9223372036854775807,"shipmentId":"c1d034c5-6af7-4813-aff7-920ab02e27b2"}]'
        )
        assert read_feed(body) == (
            [
                FeedItem(1, None),
                FeedItem(2, None),
                FeedItem(3, None),
                FeedItem(9223372036854775807, "c1d034c5-6af7-4813-aff7-920ab02e27b2"),
            ],
            8,
        )

    @pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"items":[]}', b"[", DEEP, b"<html>"])
    def test_is_an_array(self, body: bytes) -> None:
        with pytest.raises(NotUnderstood, match=r"^not the documented JSON$"):
            read_feed(body)


@pytest.mark.parametrize(
    ("text", "order_id"),
    [
        (ORDER, ORDER),
        (ORDER.upper(), ORDER),
        (ORDER.replace("-", ""), None),
        (f"{{{ORDER}}}", None),
        (f"urn:uuid:{ORDER}", None),
        (ORDER[:-1], None),
        (f"{ORDER}0", None),
        (f" {ORDER}", None),
        ("", None),
        ("٣" * 32, None),
        ("f1a1cc30_197f_4f34_8304_006ce4945fd1", None),
    ],
)
def test_an_order_id_is_a_uuid_with_its_hyphens(text: str, order_id: str | None) -> None:
    assert canonical_order_id(text) == order_id


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"type":"urn:altinn:error:NOT-00003","title":"Shipment not found","code":"NOT-00003"}', "NOT-00003"),
        (b'{"title":"no code"}', None),
        (b'{"code":null}', None),
        (b'{"code":3}', None),
        (b'{"code":"kari@example.no"}', None),
        (b'{"code":"NOT-00003 "}', None),
        (b"", None),
        (b"<html>", None),
        (b"[]", None),
        (b'{"code":' + DEEP + b"}", None),
    ],
)
def test_a_problem_has_a_code_of_altinns_form_or_none(body: bytes, code: str | None) -> None:
    assert problem_code(body) == code


def test_nothing_of_an_item_is_in_the_repr_of_what_was_read() -> None:
    whom = {"emailAddress": "kari@example.no", "nationalIdentityNumber": "01017012345"}
    found = summary(email(recipient=whom), email(EMAIL, recipient=whom, id=7), recipient="full")
    assert (len(found.emails), len(found.invalid)) == (1, 1)
    assert "kari" not in repr(found)
    assert "01017012345" not in repr(found)
