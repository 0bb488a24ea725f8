"""From the bytes of an answer to items. Pure. One bad item spoils nothing but itself (G5)."""

import hashlib
from datetime import datetime

import msgspec

from bridge.events.cloudevent import moment_of
from bridge.events.nhn import Notification, id_of
from bridge.surrogates import mended

MAX_OFFSET = 2**63 - 1
"""NHN documents "integer"; its clients settled on 64 bits."""
OVERSIZED = "oversized"
"""The problem of an item whose bytes were refused for their size or nesting."""
_HER_IDS = range(1, 2**31)


class Item(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One element of a page: understood, or with the problem that keeps it from being."""

    raw: bytes | msgspec.Raw = b""
    """Its bytes, where it was not understood."""
    offset: int | None
    """0..2^63-1; None: not given, or not readable."""
    receiver: int | None
    key: str
    """The event id; of an item that has none, the SHA-256 of its bytes. What is published once is known by it."""
    notification: Notification | None = None
    created_at: datetime | None = None
    problem: str | None = None
    """Why it cannot be understood, without a word of its content."""


class _Page(msgspec.Struct):
    notifications: list[msgspec.Raw]


class _TypedPage(msgspec.Struct, gc=False):
    notifications: list[Notification]


class _Outline(msgspec.Struct):
    """What is looked for in an item that cannot be understood; the rest of it is not even decoded."""

    offset: msgspec.Raw = msgspec.Raw(b"null")
    receiver: msgspec.Raw = msgspec.field(name="notificationReceiverHerId", default=msgspec.Raw(b"null"))


class _Misunderstood(Exception):
    """An item's problem, which is the message."""


class NotAPage(Exception):
    """The answer is no JSON object with a `notifications` array. Says nothing about how many there are."""


_decode_typed_page = msgspec.json.Decoder(_TypedPage).decode
_decode_page = msgspec.json.Decoder(_Page).decode
_decode_item = msgspec.json.Decoder(Notification).decode
_decode_outline = msgspec.json.Decoder(_Outline).decode
_decode_whole = msgspec.json.Decoder(int).decode


def read_page(body: bytes) -> list[Item]:
    """The items of a 200 answer, in its order. Raises NotAPage.

    In one go where all of them can be understood, as is the rule: that costs a third of reading each by itself.
    """
    try:
        return [_understood(notification) for notification in _decode_typed_page(body).notifications]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _Misunderstood):
        return _read_each(body)


def _read_each(body: bytes) -> list[Item]:
    try:
        page = _decode_page(body)
    except RecursionError as error:
        raise NotAPage("nested too deeply") from error
    except msgspec.MsgspecError as error:
        if (whole := mended(body)) != body:
            return read_page(whole)
        raise NotAPage(f"not the documented JSON: {error}") from error
    return [read_item(raw) for raw in page.notifications]


def read_item(raw: msgspec.Raw) -> Item:
    """One element, understood or with its problem; never raises."""
    try:
        return _understood(_decode_item(raw))
    except (msgspec.MsgspecError, _Misunderstood) as error:
        return _misunderstood(raw, str(error))
    except UnicodeDecodeError:
        return _misunderstood(raw, "not UTF-8")


def _understood(notification: Notification) -> Item:
    """Raises _Misunderstood."""
    offset, receiver, key = notification.offset, notification.receiver, id_of(notification)
    try:
        moment = moment_of(notification.created_at)
    except ValueError as error:
        raise _Misunderstood("createdAt is no date") from error
    if receiver not in _HER_IDS:
        raise _Misunderstood("notificationReceiverHerId is no HER-id")
    if offset is not None and not 0 <= offset <= MAX_OFFSET:
        raise _Misunderstood("offset is outside 0..2^63-1")
    if not key:
        raise _Misunderstood("neither an id nor an offset")
    return Item(offset=offset, receiver=receiver, key=key, notification=notification, created_at=moment)


def oversized(offset: int, limit_bytes: int) -> Item:
    """An item whose bytes were refused for their size; it is known by its offset alone."""
    remains = msgspec.json.encode({"offset": offset, "problem": "oversized", "limitBytes": limit_bytes})
    return Item(raw=remains, offset=offset, receiver=None, key=f"oversized-{offset}", problem=OVERSIZED)


def _misunderstood(raw: msgspec.Raw, problem: str) -> Item:
    """Keep what can be read of it: an offset lets the cursor pass it, a receiver says whose it is."""
    try:
        outline = _decode_outline(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        outline = _Outline()
    return Item(
        raw=raw,
        offset=_whole(outline.offset, range(MAX_OFFSET + 1)),
        receiver=_whole(outline.receiver, _HER_IDS),
        key=hashlib.sha256(raw).hexdigest(),
        problem=problem,
    )


def _whole(raw: msgspec.Raw, bounds: range) -> int | None:
    try:
        value = _decode_whole(raw)
    except msgspec.MsgspecError:
        return None
    return value if value in bounds else None
