"""Messages from a queue: a consumer on a channel of its own, acknowledged by whoever has done with them.

subscribe opens a channel and a consumer -> what is delivered waits here, no more than the prefetch -> receive takes it
-> acknowledge, on the channel that delivered it and on no other
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from itertools import count
from typing import NoReturn

import aiormq
from aiormq import spec
from aiormq.abc import DeliveredMessage

from bridge.errors import BrokerUnavailable
from bridge.events.parked import MAX_BODY_BYTES, remains_of
from bridge.ports import Delivered
from bridge.rabbitmq.amqp import CLOSE_S, AmqpConnection
from bridge.rabbitmq.errors import CANCEL_S, ask, describe

PREFETCH = 100
"""Messages delivered and not acknowledged at a time: they go through the store in batches, and with MAX_BODY_BYTES each
they bound the memory."""


class RabbitInbox:
    """One queue's messages; see `ports.Inbox` for what it promises."""

    def __init__(
        self,
        connected: Callable[[], Awaitable[AmqpConnection]],
        queue: str,
        *,
        prefetch: int,
        max_body_bytes: int | None = MAX_BODY_BYTES,
        answer_timeout_s: float,
    ) -> None:
        """`connected` gives the connection, its topology known, or raises BrokerUnavailable. `max_body_bytes`: of a
        larger body what remains is delivered; None: every body is delivered whole.
        """
        self._connected = connected
        self._queue = queue
        self._prefetch = prefetch
        self._max_body_bytes = max_body_bytes
        self._answer_timeout_s = answer_timeout_s
        self._numbers = count(1)
        self._consumer: _Consumer | None = None

    async def subscribe(self) -> None:
        """Return once messages are delivered here."""
        if self._consumer is None:
            self._consumer = await self._consume()
        elif self._consumer.ended_because is not None:
            self._give_up(self._consumer)

    async def receive(self) -> Sequence[Delivered]:
        """Wait for messages, and take all that are there."""
        await self.subscribe()
        consumer = self._consumer
        if consumer is None:
            raise BrokerUnavailable(f"The queue {self._queue} is not read any more: its inbox was closed")
        await consumer.wait()
        if consumer.ended_because is not None:
            self._give_up(consumer)
        return consumer.take()

    async def acknowledge(self, deliveries: Sequence[Delivered]) -> None:
        """Those of a channel that has ended are passed over."""
        consumer = self._consumer
        if consumer is not None:
            await consumer.acknowledge([each.tag for each in deliveries if each.channel == consumer.number])

    async def close(self) -> None:
        """End it: within CLOSE_S and CANCEL_S, whatever the broker does."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.close()

    def _give_up(self, consumer: "_Consumer") -> NoReturn:
        """Say once that a consumer has ended."""
        self._consumer = None
        raise BrokerUnavailable(f"The queue {self._queue} is not read any more: {consumer.ended_because}")

    async def _consume(self) -> "_Consumer":
        connection = await self._connected()
        channel = await connection.channel(timeout_s=self._answer_timeout_s)
        consumer = _Consumer(
            next(self._numbers),
            channel,
            connection,
            max_body_bytes=self._max_body_bytes,
            answer_timeout_s=self._answer_timeout_s,
        )
        is_started = False
        try:
            await consumer.start(self._queue, self._prefetch)
            is_started = True
        finally:
            if not is_started:
                await consumer.close()
        return consumer


class _Consumer:
    """A consumer on a channel. Never repaired: when it ended, another is made."""

    def __init__(
        self,
        number: int,
        channel: aiormq.Channel,
        connection: AmqpConnection,
        *,
        max_body_bytes: int | None,
        answer_timeout_s: float,
    ) -> None:
        self.number = number
        self.ended_because: str | None = None
        """One clause; None while it is open."""
        self._channel = channel
        self._connection = connection
        self._max_body_bytes = max_body_bytes
        self._answer_timeout_s = answer_timeout_s
        self._done = 0
        """All tags up to this one are acknowledged."""
        self._done_beyond: set[int] = set()
        self._arrived: list[Delivered] = []
        self._has_news = asyncio.Event()
        """Something arrived, or it has ended."""
        self._closing: asyncio.Task[None] | None = None
        connection.riders.add(self)
        channel.closing.add_done_callback(self._on_closing)
        channel.on_consumer_cancel_callbacks.add(self._on_cancelled)

    @property
    def in_flight(self) -> int:
        """Nothing is ever published here."""
        return 0

    async def start(self, queue: str, prefetch: int) -> None:
        """Have messages delivered; raises BrokerUnavailable."""

        async def consume() -> None:
            await self._channel.basic_qos(prefetch_count=prefetch)
            await self._channel.basic_consume(queue, self._on_delivered)

        await self._connection.ask(consume, timeout_s=self._answer_timeout_s)

    async def wait(self) -> None:
        """Return once something has arrived, or it has ended."""
        await self._has_news.wait()

    def take(self) -> Sequence[Delivered]:
        """All that arrived since the last call."""
        arrived, self._arrived = self._arrived, []
        self._has_news.clear()
        return arrived

    async def acknowledge(self, tags: Collection[int]) -> None:
        """Tell the broker; where that fails, end: what it did not hear of it delivers again, and else never would.

        Several at once as far as nothing before them is open: of many single acknowledgements RabbitMQ may forget the
        last ones of a quorum queue when the channel is closed.
        """

        async def write() -> None:
            before, self._done_beyond = self._done, self._done_beyond.union(tags)
            while self._done + 1 in self._done_beyond:
                self._done += 1
                self._done_beyond.discard(self._done)
            if self._done > before:
                await self._channel.basic_ack(self._done, multiple=True, wait=False)
            for tag in tags:
                if tag > self._done:
                    await self._channel.basic_ack(tag, wait=False)

        if self.ended_because is None:
            try:
                await ask(write(), address=self._connection.endpoint.address, timeout_s=self._answer_timeout_s)
            except BrokerUnavailable as error:
                self._end(str(error))

    def connection_lost(self, error: BaseException, **_: bool) -> None:
        """The connection ended; no message of ours can be the cause."""
        self._end(describe(error))

    async def close(self) -> None:
        """Close the channel: within CLOSE_S and CANCEL_S."""
        self._end("its inbox was closed")
        if self._closing is not None:
            await asyncio.wait({self._closing}, timeout=CLOSE_S + CANCEL_S)

    async def _on_delivered(self, message: DeliveredMessage) -> None:
        delivery = message.delivery
        if self.ended_because is not None or not isinstance(delivery, spec.Basic.Deliver):
            return
        is_whole = self._max_body_bytes is None or len(message.body) <= self._max_body_bytes
        properties = message.header.properties
        self._arrived.append(
            Delivered(
                body=message.body if is_whole else remains_of(message.body),
                is_whole=is_whole,
                content_type=properties.content_type,
                id=properties.message_id,
                type=properties.message_type,
                correlation_id=properties.correlation_id,
                created_at=properties.timestamp,
                headers=properties.headers or {},
                exchange=delivery.exchange or "",
                routing_key=delivery.routing_key or "",
                channel=self.number,
                tag=delivery.delivery_tag or 0,
            )
        )
        self._has_news.set()

    async def _on_cancelled(self, _: spec.Basic.Cancel) -> None:
        self._connection.topology_is_known = False
        self._end("the broker ended it, as it does where the queue is deleted")

    def _on_closing(self, closing: asyncio.Future[object]) -> None:
        error = (None if closing.cancelled() else closing.exception()) or EOFError()
        if isinstance(error, aiormq.ChannelNotFoundEntity):
            self._connection.topology_is_known = False
        self._end(describe(error))

    def _end(self, reason: str) -> None:
        """Only the first call does anything. What was not acknowledged goes back to the queue with its channel."""
        if self.ended_because is not None:
            return
        self.ended_because = reason
        self._connection.riders.discard(self)
        self._arrived.clear()
        self._has_news.set()
        self._closing = asyncio.create_task(self._close_channel(), name="rabbitmq.inbox.close")

    async def _close_channel(self) -> None:
        with suppress(BrokerUnavailable):
            await ask(self._channel.close(), address=self._connection.endpoint.address, timeout_s=CLOSE_S)
