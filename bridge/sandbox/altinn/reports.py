"""An order as a checker needs it. Pure."""

from collections.abc import Callable, Sequence

from bridge.sandbox.altinn.ends import Row
from bridge.sandbox.altinn.records import NotificationRecord, OrderRecord, Shown
from bridge.sandbox.altinn.statuses import Channel, OrderStatus, order_in_v2, shown_in_v1, shown_in_v2
from bridge.sandbox.altinn.stories import Notification, Story
from bridge.sandbox.altinn.timeline import Calendar, Step


def report(
    number: int, story: Story, *, organisation: str, row: Row | None, now: int, calendar: Calendar
) -> OrderRecord:
    """All that the API has shown of an order, or would have. `row`: in the feed, visible or not."""
    end = story.end()
    return OrderRecord(
        number=number,
        id=story.order_id,
        organisation=organisation,
        senders_reference=story.senders_reference,
        requested_send_time=calendar.text(story.requested_at),
        history=_history(story.steps, lambda status: order_in_v2(OrderStatus(status)), now, calendar),
        notifications=[_notification(each, now, calendar) for each in story.shown(now)],
        ended=end[0].value if end and end[1] <= now else None,
        is_settled=story.is_settled(now),
        sequence_number=row.sequence_number if row else None,
        is_in_feed=row is not None and row.visible_at <= now,
    )


def _notification(each: Notification, now: int, calendar: Calendar) -> NotificationRecord:
    name = shown_in_v1 if each.channel is Channel.EMAIL else lambda status: shown_in_v2(Channel.SMS, status)
    return NotificationRecord(
        id=each.id,
        channel=each.channel.value,
        recipient=each.recipient,
        history=_history(each.steps, name, now, calendar),
    )


def _history(steps: Sequence[Step], name: Callable[[str], str], now: int, calendar: Calendar) -> list[Shown]:
    return [
        Shown(status=name(step.status), last_update=calendar.text(step.shown_at)) for step in steps if step.at <= now
    ]
