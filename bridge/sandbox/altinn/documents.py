"""The bodies of the three answers, as ASP.NET writes them: indented, absent instead of null. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from bridge.sandbox.altinn.faults import AltinnFaultRule
from bridge.sandbox.altinn.statuses import (
    Channel,
    OrderStatus,
    description,
    is_success,
    order_in_v2,
    shown_in_v1,
    shown_in_v2,
)
from bridge.sandbox.altinn.stories import Notification, Story, at_that_time
from bridge.sandbox.altinn.timeline import Calendar, Step
from bridge.sandbox.faults import FaultKind

SHIPMENT_TYPE = "Notification"


class _Recipient(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    email_address: str
    organization_number: str | None = None
    national_identity_number: str | None = None


class _SendStatus(msgspec.Struct, rename="camel"):
    status: str
    description: str
    last_update: str


class _Email(msgspec.Struct, rename="camel"):
    id: str
    succeeded: bool
    recipient: _Recipient
    send_status: _SendStatus


class _Summary(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    order_id: str
    senders_reference: str | None = None
    generated: int
    succeeded: int
    notifications: list[Any]


class _Reached(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    type: str | None = None
    destination: str
    status: str
    last_update: str


class _Shipment(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    shipment_id: str
    senders_reference: str | None = None
    type: str
    status: str
    last_update: str
    recipients: list[Any]


class _FeedRow(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    sequence_number: int
    shipment_id: str
    senders_reference: str | None = None
    recipients: list[Any]
    status: str
    last_update: str
    shipment_type: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A body, and how many it lists."""

    body: bytes
    items: int


def emails(story: Story, now: int, calendar: Calendar, rule: AltinnFaultRule | None = None) -> Answer:
    """`/orders/{id}/notifications/email`. E-mails come as the database finds them: last changed last."""
    _, shown = at_that_time(story, now)
    found = [(each, step) for each, step in shown if each.channel is Channel.EMAIL]
    found.sort(key=lambda pair: (pair[1].at, pair[0].random))
    summary = _Summary(
        order_id=story.order_id,
        senders_reference=story.senders_reference,
        generated=len(found),
        succeeded=sum(is_success(step.status) for _, step in found),
        notifications=_misshaped([_email(each, step, calendar) for each, step in found], rule, "sendStatus"),
    )
    return Answer(body=_indented(summary), items=len(found))


def shipment(story: Story, now: int, calendar: Calendar, rule: AltinnFaultRule | None = None) -> Answer:
    """`/future/shipment/{id}`."""
    order, shown = at_that_time(story, now)
    recipients = [_reached(each, step, calendar, is_typed=True) for each, step in shown]
    whole = _Shipment(
        shipment_id=story.order_id,
        senders_reference=story.senders_reference,
        type=SHIPMENT_TYPE,
        status=order_in_v2(OrderStatus(order.status)),
        last_update=calendar.text(order.shown_at),
        recipients=_misshaped(recipients, rule, "status"),
    )
    return Answer(body=_indented(whole), items=len(recipients))


def feed(rows: Sequence[tuple[int, Story, int]], calendar: Calendar, rule: AltinnFaultRule | None = None) -> Answer:
    """`/future/shipment/feed`: of each row its number, its order and when that ended."""
    listed = [_feed_row(number, story, ended_at, calendar) for number, story, ended_at in rows]
    return Answer(body=_indented(_misshaped(listed, rule, "status")), items=len(rows))


def _email(each: Notification, step: Step, calendar: Calendar) -> msgspec.Raw:
    if each.rendered is None or each.rendered[0] is not step:
        recipient = each.recipient
        email = _Email(
            id=each.id,
            succeeded=is_success(step.status),
            recipient=_Recipient(
                email_address=recipient.address,
                organization_number=recipient.organization_number,
                national_identity_number=recipient.national_identity_number,
            ),
            send_status=_SendStatus(shown_in_v1(step.status), description(step.status), calendar.text(step.shown_at)),
        )
        each.rendered = (step, msgspec.json.encode(email))
    return msgspec.Raw(each.rendered[1])


def _reached(each: Notification, step: Step, calendar: Calendar, *, is_typed: bool) -> _Reached:
    return _Reached(
        type=each.channel.value if is_typed else None,
        destination=each.recipient.address,
        status=shown_in_v2(each.channel, step.status),
        last_update=calendar.text(step.shown_at),
    )


def _feed_row(number: int, story: Story, ended_at: int, calendar: Calendar) -> _FeedRow:
    order, shown = at_that_time(story, ended_at)
    return _FeedRow(
        sequence_number=number,
        shipment_id=story.order_id,
        senders_reference=story.senders_reference,
        recipients=[_reached(each, step, calendar, is_typed=False) for each, step in shown],
        status=order_in_v2(OrderStatus(order.status)),
        last_update=calendar.text(order.shown_at),
        shipment_type=SHIPMENT_TYPE,
    )


def _misshaped(items: list[Any], rule: AltinnFaultRule | None, status_name: str) -> list[Any]:
    """What is listed, wrong in the way of the rule: every item twice, or the one in the middle not as it should be."""
    if rule is None or not items:
        return items
    if rule.kind is FaultKind.DUPLICATE_ITEMS:
        return [item for item in items for _ in range(2)]
    middle = len(items) // 2
    item: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(items[middle]))
    match rule.kind:
        case FaultKind.NOT_AN_OBJECT:
            wrong: Any = "not a notification"
        case FaultKind.WRONG_TYPES:
            wrong = item | {name: 17 for name in ("id", "shipmentId", status_name) if name in item}
        case FaultKind.WITHOUT_ID:
            wrong = {name: value for name, value in item.items() if name not in {"id", "shipmentId"}}
        case FaultKind.MISSING_STATUS:
            wrong = {name: value for name, value in item.items() if name != status_name}
        case _:
            return items
    return [*items[:middle], wrong, *items[middle + 1 :]]


def _indented(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
