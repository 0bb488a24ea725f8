"""A parked queue on a real broker, filled as the bridge fills it."""

from collections.abc import Sequence
from datetime import UTC, datetime

import aiormq
from pamqp.common import FieldTable

from bridge.events.message import Message
from bridge.events.parked import Reason, park, park_item
from bridge.rabbitmq.properties import properties_of
from tests.support.broker import declare_queue, open_channel

EXCHANGE, PARKED = "nhn.notifications", "bridge.parked"
AT = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)
KEPT: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}


def event(name: str, *, key: str = "new-message.7001", exchange: str = EXCHANGE) -> Message:
    return Message(
        id=name,
        source="nhn",
        event="new-message",
        type="no.nhn.notification.new-message.v1",
        exchange=exchange,
        routing_key=key,
        body=b'{"id":"%s"}' % name.encode(),
        correlation_id="related-1",
        created_at=AT,
    )


def parked_event(message: Message, reason: Reason = "unroutable") -> Message:
    return park(message, exchange=PARKED, reason=reason, detail="no queue is bound", at=AT)


def parked_item(raw: bytes, reason: Reason = "invalid", *, key: str = "") -> Message:
    return park_item(raw, source="nhn", exchange=PARKED, reason=reason, detail="why", at=AT, original_routing_key=key)


async def declare_parked(url: str) -> None:
    """The parked exchange and queue, as the bridge declares them."""
    async with open_channel(url) as channel:
        exchange = await channel.declare_exchange(PARKED, "fanout", durable=True)
        await (await channel.declare_queue(PARKED, durable=True, arguments=KEPT)).bind(exchange)


async def publish(url: str, messages: Sequence[Message]) -> None:
    """All of them, confirmed, in their order."""
    connection = await aiormq.connect(url)
    try:
        channel = await connection.channel()
        for message in messages:
            await channel.basic_publish(
                message.body,
                exchange=message.exchange,
                routing_key=message.routing_key,
                properties=properties_of(message),
            )
    finally:
        await connection.close()


async def fill(url: str, *names: str) -> None:
    """Events with these ids are parked as unroutable."""
    await declare_parked(url)
    await publish(url, [parked_event(event(name)) for name in names])


async def subscribe(url: str, queue: str, *keys: str) -> None:
    """Somebody binds a queue after all."""
    await declare_queue(url, queue, EXCHANGE, *keys, arguments={"x-queue-type": "quorum"})
