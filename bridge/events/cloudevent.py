"""The envelope of every event: CloudEvents 1.0, JSON format, structured mode (product.md §4)."""

import re
from datetime import MAXYEAR, UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_YEARS = range(1971, MAXYEAR)
"""Years that a time of an API can mean. .NET writes year 1 for no value; AMQP's timestamp cannot hold what lies before
1970, nor a datetime the UTC of either end of the calendar."""


DataT = TypeVar("DataT")


class Envelope(msgspec.Struct, Generic[DataT], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What CloudEvents asks of any event, and the extensions that the bridge uses. None here: absent in JSON."""

    specversion: Literal["1.0"]
    id: Annotated[
        str,
        Meta(min_length=1, description="The same whenever the event is sent: deduplicate by it, and by it alone."),
    ]
    source: Annotated[
        str,
        Meta(
            min_length=1,
            description="Where it comes from: `/nhn/her-id/<receiver HER-id>` or `/altinn/orders/<order id>`.",
        ),
    ]
    type: Annotated[str, Meta(min_length=1)]
    dataschema: str | None = None
    partitionkey: str | None = None
    data: DataT
    subject: Annotated[
        str | None, Meta(description="The id of the related message (NHN) or of the e-mail notification (Altinn).")
    ] = None
    time: Annotated[
        str | None,
        Meta(
            description="When it happened by the API: RFC 3339, with any number of fraction digits.",
            extra_json_schema={"format": "date-time"},
        ),
    ] = None
    sequence: Annotated[
        str | None,
        Meta(
            description="NHN: the API's offset, 20 digits with leading zeros, so that it sorts as text. Absent where "
            "the API gives no offset, and in Altinn's events.",
            extra_json_schema={"pattern": "^[0-9]{20}$"},
        ),
    ] = None
    replay: Annotated[
        str | None,
        Meta(
            description="Only in an event that an operator publishes once more: the id of that replay. All else is as "
            "it was the first time."
        ),
    ] = None
    traceparent: Annotated[
        str | None, Meta(description="W3C Trace Context, where the bridge is traced; CloudEvents' tracing extension.")
    ] = None


class CloudEvent(Envelope[DataT], Generic[DataT], frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An event of the bridge's: it always names its schema and what it is to be kept in order with."""

    dataschema: str
    partitionkey: Annotated[
        str, Meta(description="Events of one key come in order: the receiver's HER-id (NHN), the order id (Altinn).")
    ]


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
