"""The demo's subscriber: a queue of its own, everything that arrives in it, in order."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aio_pika
import msgspec
from aio_pika.abc import AbstractIncomingMessage

from bridge.demo.proof import Received

PREFETCH = 500


class _Data(msgspec.Struct):
    receiver_her_id: int = msgspec.field(name="receiverHerId")


class _Event(msgspec.Struct):
    id: str
    data: dict[str, object]
    sequence: str | None = None


_decode = msgspec.json.Decoder(_Event).decode


@asynccontextmanager
async def subscriber(
    url: str, *, queue: str, exchange: str, parked: str, on_event: Callable[[Received, str], None]
) -> AsyncIterator[None]:
    """Consume `queue`, bound to all of `exchange`, while the block lasts; then delete both, and the parked exchange and
    queue that the bridge has made. `on_event`: the event and its routing key.
    """
    connection = await aio_pika.connect(url, timeout=10)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(PREFETCH)
        source = await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        own = await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        await own.bind(source, "#")

        async def arrived(message: AbstractIncomingMessage) -> None:
            event = _decode(message.body)
            her_id = msgspec.convert(event.data, _Data).receiver_her_id
            on_event(
                Received(event_id=event.id, her_id=her_id, sequence=event.sequence, data=event.data),
                message.routing_key or "",
            )
            await message.ack()

        await own.consume(arrived)
        try:
            yield
        finally:
            await own.delete(if_unused=False, if_empty=False)
            await source.delete()
            await channel.queue_delete(parked)
            await channel.exchange_delete(parked)
