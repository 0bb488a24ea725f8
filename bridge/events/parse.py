"""From the body of a message to its typed event, for consumers."""

from typing import get_args

import msgspec

from bridge.errors import InvalidEvent
from bridge.events.models import Event, KnownEvent, UnknownEvent

_NOT_ITS_OWN = "specversion, type or dataschema is not the one of this event"
"""Instead of msgspec's sentence, which quotes what was there."""


class _Head(msgspec.Struct, gc=False):
    """What tells which event it is."""

    specversion: str
    type: str


_head = msgspec.json.Decoder(_Head)
_unknown: msgspec.json.Decoder[Event] = msgspec.json.Decoder(UnknownEvent)
_known: dict[str, msgspec.json.Decoder[Event]] = {
    get_args(field.type)[0]: msgspec.json.Decoder(model)
    for model in get_args(KnownEvent)
    for field in msgspec.structs.fields(model)
    if field.name == "type"
}


def parse(body: bytes) -> Event:
    """The event in the body of a message. Attributes and fields that this version does not know are passed over, and an
    event of an unknown type is an UnknownEvent: both may come from a newer bridge.

    Raises InvalidEvent, and nothing else, for what is no CloudEvent, or lacks what an event of its type has.
    """
    try:
        head = _head.decode(body)
        if head.specversion == "1.0":
            return _known.get(head.type, _unknown).decode(body)
        mistake = "it is no CloudEvent of version 1.0"
    except msgspec.ValidationError as error:
        mistake = _NOT_ITS_OWN if str(error).startswith("Invalid enum value") else str(error)
    except msgspec.MsgspecError as error:
        mistake = str(error)
    except UnicodeDecodeError:
        mistake = "it is not UTF-8"
    except RecursionError:
        mistake = "it is nested too deeply"
    # Outside of `except`, so that the error does not hold another one that quotes the body, as UnicodeDecodeError does.
    raise InvalidEvent(f"The body is no event: {mistake}.")
