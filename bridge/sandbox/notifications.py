"""What notifications look like: NHN's fields, types and habits, each a pure function of a seed and an index.

Facts: nhn-notifications §1.5 (fields, which of them are nullable, fractions of a second) and §1.6 (types, and which
party is the receiver and which the trigger). Two events make two notifications: an incoming AppRec (the change of the
original message, and the raw AppRec as a new message) and a message with two receivers (one sent state for each).
"""

import struct
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from bridge.sandbox.draws import draw

EXAMPLE_HER_ID = 6789
PAGE_EXAMPLE = MappingProxyType(
    {
        "id": "843eed10-6b56-496b-8664-ce71167c6b5c",
        "relatedMessageId": "0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
        "type": "NewMessage",
        "notificationReceiverHerId": EXAMPLE_HER_ID,
        "notificationTriggeredByHerId": 9876,
        "description": "New message received. (EPIKRISE).",
        "createdAt": "2026-04-14T06:17:00+00:00",
    }
)
"""The example on NHN's page "Get Notifications" of 28.04.2026, field for field: `id`, and no `offset`."""

NEW_MESSAGE = "NewMessage"
REFUSED = "RefusedMessage"
SENT_STATE = "MessageSentStateUpdated"
APPREC = "MessageApprecInfoUpdated"
DELIVERY_STATE = "MessageDeliveryStateUpdated"
UNKNOWN = "MessageRetentionUpdated"
"""Made up: "possibly more types of notifications in the future"."""

_TYPES = (
    (NEW_MESSAGE,) * 40 + (SENT_STATE,) * 24 + (APPREC,) * 18 + (DELIVERY_STATE,) * 12 + (REFUSED,) * 5 + (UNKNOWN,)
)
_DOCUMENTS = ("EPIKRISE", "DIALOG_HELSEFAGLIG", "SVAR_LAB", "HENVISNING", "DIALOG_INNBYGGER_FORESPORSEL")
_DESCRIPTIONS = {
    SENT_STATE: "Message has been sent to the receiver.",
    APPREC: "Application receipt received.",
    DELIVERY_STATE: "Transport delivery state updated to Acknowledged.",
    UNKNOWN: "Retention of the message updated.",
}
_NULLABLE = ("relatedMessageId", "notificationTriggeredByHerId", "description", "createdAt")
_TWO_HOURS = timedelta(hours=2)

Fields = dict[str, Any]
"""An item of the `notifications` array, before it has its offset."""


def receivers(count: int, seed: int) -> tuple[int, ...]:
    """`count` ≥ 1 different HER-ids, the one of NHN's example first."""
    chosen = {EXAMPLE_HER_ID: None}
    index = 0
    while len(chosen) < count:
        chosen[_party(int.from_bytes(draw(seed, "receiver", index)[:4], "little"))] = None
        index += 1
    return tuple(chosen)


class Composer:
    """Makes notifications for the receivers it was given, and for any other on demand."""

    def __init__(self, her_ids: Sequence[int], seed: int) -> None:
        self._her_ids = her_ids
        self._seed = seed
        self._count = 0
        self._pending: deque[tuple[int, str, Fields]] = deque()
        """Receiver, type and fixed fields of the second notification of an event."""

    def next(self, at: datetime) -> tuple[int, Fields]:
        """The next notification of the supply and its receiver."""
        if self._pending:
            her_id, type_name, same = self._pending.popleft()
            return her_id, self.compose(her_id, at, type_name) | same
        her_id = self._her_ids[self._draw_index(len(self._her_ids))]
        fields = self.compose(her_id, at)
        if fields["type"] == APPREC:
            self._pending.append((her_id, NEW_MESSAGE, {"description": "New message received. (APPREC)."}))
        elif fields["type"] == SENT_STATE and "relatedMessageId" in fields and self._count % 5 == 0:
            self._pending.append((her_id, SENT_STATE, {"relatedMessageId": fields["relatedMessageId"]}))
        return her_id, fields

    def compose(self, her_id: int, at: datetime, type_name: str | None = None) -> Fields:
        """One notification; its type is drawn where none is given."""
        id_, message, party, words = self._draw()
        type_name = type_name or _TYPES[words[0] % len(_TYPES)]
        fields: Fields = {
            "notificationId": _uuid(id_),
            "relatedMessageId": _uuid(message),
            "type": type_name,
            "notificationReceiverHerId": her_id,
            "notificationTriggeredByHerId": _party(party),
            "description": _description(type_name, words[1]),
            "createdAt": _timestamp(at, words[2]),
        }
        if words[3] % 16 == 0:
            _leave_out(fields, words[4])
        return fields

    def _draw_index(self, length: int) -> int:
        return int.from_bytes(draw(self._seed, "for", self._count)[:4], "little") % length

    def _draw(self) -> tuple[bytes, bytes, int, tuple[int, ...]]:
        id_, message, party, *words = struct.unpack_from("<16s16sI5H", draw(self._seed, "notification", self._count))
        self._count += 1
        return id_, message, party, tuple(words)


def _uuid(random: bytes) -> str:
    digits = random.hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _party(number: int) -> int:
    return 8_000_000 + number % 1_000_000


def _description(type_name: str, number: int) -> str:
    document = _DOCUMENTS[number % len(_DOCUMENTS)]
    if type_name == NEW_MESSAGE:
        return f"New message received. ({document})."
    if type_name == REFUSED:
        return f"Receiver does not support the message type: '{document}'."
    return _DESCRIPTIONS.get(type_name, "Something happened to a message.")


def _timestamp(at: datetime, number: int) -> str:
    """ISO 8601 with 2 to 7 digits of a second's fraction, mostly as UTC with `+00:00`, now and then otherwise."""
    style = number >> 8 & 15
    text = (at + _TWO_HOURS if style == 0 else at).isoformat(timespec="microseconds")
    zone = {0: "+02:00", 1: "Z"}.get(style, "+00:00")
    return f"{text[:20]}{(text[20:26] + str(number % 10))[: 2 + number % 6]}{zone}"


def _leave_out(fields: Fields, number: int) -> None:
    """One of the nullable fields is absent or null."""
    name = _NULLABLE[number % len(_NULLABLE)]
    if number & 4:
        fields[name] = None
    else:
        del fields[name]
