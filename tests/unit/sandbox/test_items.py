"""One item's JSON, right and wrong."""

import json

import pytest

from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.feed import Row
from bridge.sandbox.items import make_row

RIGHT = {
    "notificationId": "n1",
    "type": "NewMessage",
    "notificationReceiverHerId": 7,
    "description": "Hei",
    "createdAt": "2026-04-14T06:17:00+00:00",
    "offset": 12,
}


def made(kind: FaultKind | None = None) -> Row:
    return make_row(12, 7, dict(RIGHT), FaultRule(kind=kind, size_bytes=1000) if kind else None)


def test_without_a_fault_the_item_is_shown_as_it_is() -> None:
    row = made()
    assert json.loads(row.encoded) == RIGHT
    assert (row.position, row.her_id, row.id, row.offset, row.fault) == (12, 7, "n1", 12, None)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (FaultKind.MISSING_TYPE, {"type": ...}),
        (FaultKind.WRONG_TYPES, {"type": 17, "notificationReceiverHerId": "not a number", "createdAt": 42}),
        (FaultKind.NULL_RECEIVER, {"notificationReceiverHerId": None}),
        (FaultKind.HUGE_OFFSET, {"offset": 9223372036854775808}),
        (FaultKind.NEGATIVE_OFFSET, {"offset": -1}),
        (FaultKind.STRING_OFFSET, {"offset": "12"}),
        (FaultKind.WITHOUT_ID, {"notificationId": ...}),
        (FaultKind.WITHOUT_OFFSET, {"notificationId": ..., "offset": ..., "id": "n1"}),
        (FaultKind.STICKY_WITHOUT_OFFSET, {"notificationId": ..., "offset": ..., "id": "n1"}),
        (FaultKind.LATE_ROW, {}),
        (FaultKind.OVERSIZED_ITEM, {"description": "x"}),
    ],
)
def test_a_fault_changes_what_it_names_and_nothing_else(kind: FaultKind, changes: dict[str, object]) -> None:
    row = made(kind)
    expected = {name: value for name, value in {**RIGHT, **changes}.items() if value is not ...}
    assert json.loads(row.encoded) == expected
    assert (row.position, row.her_id, row.fault) == (12, 7, kind.value)
    assert row.offset == (expected.get("offset") if isinstance(expected.get("offset"), int) else None)


def test_an_item_that_is_no_object_has_no_id() -> None:
    row = made(FaultKind.NOT_AN_OBJECT)
    assert json.loads(row.encoded) == "not a notification"
    assert (row.id, row.offset) == (None, None)


def test_without_an_id_the_event_is_named_by_receiver_and_position() -> None:
    assert made(FaultKind.WITHOUT_ID).id == "7-12"
    assert made(FaultKind.WITHOUT_OFFSET).id == "n1"


def test_padding_belongs_into_the_description() -> None:
    row = made(FaultKind.OVERSIZED_ITEM)
    padded = row.encoded[: row.pad_at] + b"x" * row.padding_bytes + row.encoded[row.pad_at :]
    assert json.loads(padded)["description"] == "x" * 1001
