"""The straightforward ways with aio-pika: all publishes of a page gathered, or one publish and its confirm at a time.

python -m tests.bench.aio_pika_ways URL EVENTS AT_A_TIME
"""

import asyncio
import sys
import time
from collections.abc import Sequence

import aio_pika
from aio_pika.abc import DeliveryMode

from bridge.events.message import Message
from tests.bench.messages import EXCHANGE, make_messages
from tests.bench.report import begin, report


async def publish(url: str, messages: Sequence[Message], at_a_time: int) -> float:
    """Seconds that it took. Raises where a message was not routed."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        started = time.perf_counter()
        for start in range(0, len(messages), at_a_time):
            page = messages[start : start + at_a_time]
            await asyncio.gather(*[exchange.publish(_as_aio_pika_has_it(each), each.routing_key) for each in page])
        return time.perf_counter() - started


def _as_aio_pika_has_it(message: Message) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        content_type=message.content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
        correlation_id=message.correlation_id,
        message_id=message.id,
        timestamp=message.created_at,
        type=message.type,
        app_id="bridge",
    )


def main(url: str, events: str, at_a_time: str) -> None:
    messages = make_messages(int(events))
    begin()
    report(len(messages), asyncio.run(publish(url, messages, int(at_a_time))))


if __name__ == "__main__":
    main(*sys.argv[1:])
