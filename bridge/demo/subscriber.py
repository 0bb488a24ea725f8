"""The demo's subscriber: a queue of its own, everything that arrives in it, in order."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

PREFETCH = 500
Arrived = Callable[[str, str, Mapping[str, Any]], None]
"""Told of each event: the exchange, the routing key, the event."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@asynccontextmanager
async def subscriber(
    url: str, *, queue: str, exchanges: Sequence[str], leftovers: Sequence[str], on_event: Arrived
) -> AsyncIterator[AbstractChannel]:
    """Consume `queue`, bound to all of `exchanges`, while the block lasts; then delete these, and the queues and
    exchanges `leftovers`, which the bridge has made. Gives a channel to publish on.
    """
    connection = await aio_pika.connect(url, timeout=10)
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        await channel.set_qos(PREFETCH)
        own = await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        for name in exchanges:
            await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, durable=True)
            await own.bind(name, "#")

        async def arrived(message: AbstractIncomingMessage) -> None:
            on_event(message.exchange or "", message.routing_key or "", _decode(message.body))
            await message.ack()

        await own.consume(arrived)
        try:
            yield channel
        finally:
            for name in (queue, *leftovers):
                await channel.queue_delete(name)
            for name in (*exchanges, *leftovers):
                await channel.exchange_delete(name)
