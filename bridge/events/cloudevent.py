"""The envelope of every event: CloudEvents 1.0, JSON format, structured mode (product.md §4)."""

import re
from datetime import MAXYEAR, UTC, datetime

import msgspec

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_YEARS = range(1971, MAXYEAR)
"""Years that a time of an API can mean. .NET writes year 1 for no value; AMQP's timestamp cannot hold what lies before
1970, nor a datetime the UTC of either end of the calendar."""


class CloudEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An attribute without a value is absent."""

    specversion: str
    id: str
    source: str
    type: str
    dataschema: str
    partitionkey: str
    data: object
    subject: str | None = None
    time: str | None = None
    sequence: str | None = None
    replay: str | None = None
    """Of an event that is published once more by `bridge replay`: that replay's id."""


encode = msgspec.json.Encoder().encode


def moment_of(text: str | None) -> datetime | None:
    """A time as an aware datetime; None where absent, without a time zone, or in a year that stands for no value.

    Raises ValueError if it is no date.
    """
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo and moment.year in _YEARS else None


def rfc3339(text: str | None, moment: datetime | None) -> str | None:
    """The time as the API wrote it where CloudEvents allows that form (any number of fraction digits)."""
    if text is None or moment is None:
        return None
    return text if _RFC3339.match(text) else moment.astimezone(UTC).isoformat()
