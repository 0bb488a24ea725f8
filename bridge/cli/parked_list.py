"""What `bridge parked list` and `show` say of parked messages, as documents and as text. Pure."""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from bridge.cli.columns import aligned
from bridge.ops.address import printable
from bridge.parked.message import ParkedMessage, why_not_releasable
from bridge.parked.work import Survey

HEADINGS = ("ID", "PARKED AT (UTC)", "REASON", "EXCHANGE", "ROUTING KEY", "DETAIL")
NOTHING = "-"
DEFAULT_EXCHANGE = "(default)"


class ListedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One parked message, without its body. Null: its headers do not say."""

    id: str
    at: str | None
    reason: str | None
    exchange: str | None
    routing_key: str | None
    detail: str | None


class ParkedList(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at."""

    total: int
    """Messages in the queue, those in others' hands not counted."""
    looked_at: int
    by_reason: Mapping[str, int]
    """Of all that was looked at; the empty reason: none is given."""
    messages: tuple[ListedMessage, ...]
    """Those that were asked for, the oldest first."""


class ShownMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One parked message, whole."""

    properties: Mapping[str, str | None]
    headers: Mapping[str, str]
    body: str
    """As text, where it is UTF-8."""
    body_base64: str | None
    """The same where it is not; the text is empty then."""


def list_of(seen: Survey) -> ParkedList:
    """The document of a list."""
    return ParkedList(
        total=seen.total,
        looked_at=seen.looked_at,
        by_reason=dict(seen.by_reason.most_common()),
        messages=tuple(
            ListedMessage(
                id=each.id,
                at=each.at,
                reason=each.reason,
                exchange=each.exchange,
                routing_key=each.routing_key,
                detail=each.detail,
            )
            for each in seen.chosen
        ),
    )


def table(seen: Survey) -> Iterator[str]:
    """The lines of a list; what others wrote cannot steer a terminal."""
    if seen.chosen:
        yield from aligned(HEADINGS, map(_row, seen.chosen))
        yield ""
    if not seen.looked_at:
        yield "Nothing is parked." if not seen.total else f"{messages(seen.total)} parked, all in others' hands."
        return
    yield f"{messages(seen.total)} parked: {by_reason(seen)}."


def by_reason(seen: Survey) -> str:
    """`unroutable 3, invalid 1`, and of how many that is where it is not of all."""
    counts = counted({reason or "without a reason": count for reason, count in seen.by_reason.items()})
    return counts if seen.looked_at >= seen.total else f"{counts}, of the {seen.looked_at} that were looked at"


def counted(counts: Mapping[str, int]) -> str:
    """`unroutable 3, invalid 1`, the most first."""
    return printable(", ".join(f"{name} {count}" for name, count in Counter(counts).most_common()))


def messages(count: int) -> str:
    """`1 message`, `2 messages`."""
    return f"{count} message" if count == 1 else f"{count} messages"


def release_plan(chosen: Sequence[ParkedMessage], limit: int | None) -> tuple[int, list[str]]:
    """How many of these a release would publish, and what it would do in lines. `limit`: of those that can be."""
    going: list[ParkedMessage] = []
    kept: Counter[str] = Counter()
    for parked in chosen:
        if len(going) == limit:
            break
        if why := why_not_releasable(parked):
            kept[why] += 1
        else:
            going.append(parked)
    destinations = Counter(each.exchange or f"the queue {each.routing_key}" for each in going)
    lines = [f"{messages(len(going))} to release, by exchange: {counted(destinations)}."] if going else []
    return len(going), [*lines, *kept_lines(kept)]


def discard_plan(chosen: Sequence[ParkedMessage]) -> tuple[int, list[str]]:
    """The same of a discard."""
    reasons = Counter(each.reason or "without a reason" for each in chosen)
    return len(chosen), [f"{messages(len(chosen))} to discard for good: {counted(reasons)}."]


def kept_lines(kept: Mapping[str, int]) -> Iterator[str]:
    """Why how many stay parked."""
    for why, count in Counter(kept).most_common():
        yield f"{messages(count)} {'stays' if count == 1 else 'stay'} parked: {why}."


def shown_of(parked: ParkedMessage) -> ShownMessage:
    """The document of one message."""
    try:
        body, raw = parked.body.decode(), None
    except UnicodeDecodeError:
        body, raw = "", base64.b64encode(parked.body).decode()
    properties = {
        "message_id": parked.id,
        "type": parked.type,
        "correlation_id": parked.correlation_id,
        "content_type": parked.content_type,
        "timestamp": None if parked.created_at is None else parked.created_at.isoformat(),
    }
    headers = {name: str(value) for name, value in parked.headers.items()}
    return ShownMessage(properties=properties, headers=headers, body=body, body_base64=raw)


def text_of(shown: ShownMessage) -> Iterator[str]:
    """Its lines: properties, headers, an empty line, the body."""
    rows = [(name, printable(value)) for name, value in (*shown.properties.items(), *shown.headers.items()) if value]
    yield from aligned(rows[0], rows[1:])
    yield ""
    if shown.body_base64 is not None:
        yield f"(no text; as base64) {shown.body_base64}"
    else:
        yield from (printable(line) for line in shown.body.split("\n"))


def _row(parked: ParkedMessage) -> Sequence[str]:
    exchange = DEFAULT_EXCHANGE if not parked.exchange and parked.routing_key else parked.exchange
    cells = (parked.id, _moment(parked.at), parked.reason, exchange, parked.routing_key, parked.detail)
    return [printable(cell or NOTHING) for cell in cells]


def _moment(at: str | None) -> str | None:
    """The time without its fractions, as others show it; as it was written where it is none."""
    try:
        return None if at is None else f"{datetime.fromisoformat(at):%F %T}"
    except ValueError:
        return at
