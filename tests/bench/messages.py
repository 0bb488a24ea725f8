"""What all publishers publish: the event that the bridge makes of the API's item, with its AMQP properties."""

from datetime import UTC, datetime

from bridge.events.message import Message
from bridge.events.nhn import message_of
from bridge.nhn.decode import read_page
from tests.bench.api import make_page

EXCHANGE = "nhn.notifications"
QUEUE = "bench"


def make_messages(count: int, her_ids: int = 1) -> list[Message]:
    """So many, with different ids, to so many receivers in turn."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return [
        message_of(item.notification, event_id=item.key, moment=item.created_at, exchange=EXCHANGE)
        for item in read_page(make_page(range(1, count + 1), her_ids, lambda _: now))
        if item.notification is not None
    ]
