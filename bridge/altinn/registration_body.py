"""From the body of a registration to the order that is to be watched, or to what is wrong with it. Pure.

{"orderId": "…", "sendersReference": "…", "requestedSendTime": "2026-04-14T08:00:00+02:00"}
"""

from datetime import datetime
from uuid import UUID

import msgspec

from bridge.checkpoints import Registration

MAX_REFERENCE_CHARACTERS = 4000
"""Of `sendersReference`: it is copied into every event of the order. Altinn names no limit of its own."""


class _Body(msgspec.Struct, rename="camel"):
    """Unknown fields are ignored; null is as good as absent where a field may be absent."""

    order_id: UUID
    senders_reference: str | None = None
    requested_send_time: str | None = None


class NotARegistration(Exception):
    """The body says of no order that it is to be watched. Its text is one clause that quotes nothing of the body."""


_decode = msgspec.json.Decoder(_Body).decode


def read_registration(body: bytes) -> Registration:
    """The order that a body names. Raises NotARegistration, and nothing else, whatever the body is."""
    try:
        read = _decode(body)
    except msgspec.MsgspecError as error:
        raise NotARegistration(str(error)) from error
    except UnicodeDecodeError as error:
        raise NotARegistration("not UTF-8") from error
    except RecursionError as error:
        raise NotARegistration("nested too deeply") from error
    return Registration(
        order_id=str(read.order_id),
        senders_reference=_reference(read.senders_reference),
        requested_send_time=_epoch_s(read.requested_send_time),
    )


def _reference(text: str | None) -> str | None:
    """The reference, if every store can keep it: PostgreSQL has no text with a NUL in it."""
    if text is None:
        return None
    if "\0" in text:
        raise NotARegistration("sendersReference has a NUL character")
    if len(text) > MAX_REFERENCE_CHARACTERS:
        raise NotARegistration(f"sendersReference has more than {MAX_REFERENCE_CHARACTERS} characters")
    return text


def _epoch_s(text: str | None) -> float | None:
    """An ISO 8601 time as seconds since the epoch. Without a time zone it could mean several moments."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotARegistration("requestedSendTime is no ISO 8601 time") from error
    if moment.tzinfo is None:
        raise NotARegistration("requestedSendTime has no time zone")
    return moment.timestamp()
