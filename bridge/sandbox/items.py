"""From a notification's fields to its row in the log, right or wrong in the way a fault says. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.feed import Row
from bridge.sandbox.notifications import Fields

_encode = msgspec.json.Encoder().encode
_DESCRIPTION = b'"description":"'


def make_row(position: int, her_id: int, fields: Fields, rule: FaultRule | None = None) -> Row:
    """The row of one item. `fields` are shown as they are, its offset included, but for what the fault changes."""
    shape = _SHAPES.get(rule.kind) if rule else None
    item = shape(fields) if shape else fields
    encoded = _encode(item)
    padding_bytes = rule.size_bytes if rule and rule.kind is FaultKind.OVERSIZED_ITEM else 0
    return Row(
        position=position,
        her_id=her_id,
        id=_event_id(item, her_id, position),
        offset=_shown_offset(item),
        fault=rule.kind.value if rule else None,
        encoded=encoded,
        pad_at=encoded.index(_DESCRIPTION) + len(_DESCRIPTION) if padding_bytes else 0,
        padding_bytes=padding_bytes,
    )


def _event_id(item: object, her_id: int, position: int) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return str(item.get("notificationId") or item.get("id") or f"{her_id}-{position}")


def _shown_offset(item: object) -> int | None:
    offset = item.get("offset") if isinstance(item, Mapping) else None
    return offset if isinstance(offset, int) else None


def _without(*names: str) -> Callable[[Fields], Any]:
    return lambda fields: {name: value for name, value in fields.items() if name not in names}


def _with(**changes: object) -> Callable[[Fields], Any]:
    return lambda fields: fields | changes


def _like_the_page_example(fields: Fields) -> Fields:
    rest = {name: value for name, value in fields.items() if name not in {"notificationId", "offset"}}
    return {"id": fields["notificationId"]} | rest if "notificationId" in fields else rest


_SHAPES: Mapping[FaultKind, Callable[[Fields], Any]] = {
    FaultKind.MISSING_TYPE: _without("type"),
    FaultKind.WRONG_TYPES: _with(type=17, notificationReceiverHerId="not a number", createdAt=42),
    FaultKind.NULL_RECEIVER: _with(notificationReceiverHerId=None),
    FaultKind.HUGE_OFFSET: _with(offset=2**63),
    FaultKind.NEGATIVE_OFFSET: _with(offset=-1),
    FaultKind.STRING_OFFSET: lambda fields: fields | {"offset": str(fields.get("offset"))},
    FaultKind.NOT_AN_OBJECT: lambda _: "not a notification",
    FaultKind.WITHOUT_ID: _without("notificationId", "id"),
    FaultKind.WITHOUT_OFFSET: _like_the_page_example,
    FaultKind.STICKY_WITHOUT_OFFSET: _like_the_page_example,
    FaultKind.OVERSIZED_ITEM: _with(description="x"),
}
