"""The AMQP properties of a message (product.md §4)."""

from datetime import UTC, datetime

from pamqp.commands import Basic
from pamqp.common import FieldTable

from bridge.events.message import Message

PERSISTENT = 2
APP_ID = "bridge"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def properties_of(message: Message) -> Basic.Properties:
    """As aiormq takes them."""
    headers: FieldTable = dict(message.headers)
    return Basic.Properties(
        content_type=message.content_type,
        headers=headers,
        delivery_mode=PERSISTENT,
        correlation_id=message.correlation_id,
        message_id=message.id,
        timestamp=timestamp_of(message),
        message_type=message.type,
        app_id=APP_ID,
    )


def timestamp_of(message: Message) -> datetime | None:
    """A time before 1970 has no AMQP timestamp; the body has it."""
    moment = message.created_at
    return moment if moment is not None and moment >= _EPOCH else None


def seconds_of(message: Message) -> int | None:
    """The same as AMQP carries it. By hand: `timestamp()` of a datetime is a tenth of what a message costs."""
    if message.created_at is None:
        return None
    since = message.created_at - _EPOCH
    return since.days * 86_400 + since.seconds if since.days >= 0 else None
