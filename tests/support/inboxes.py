"""Inboxes under test with what may happen to them, alike for the fake and for RabbitMQ."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol

import aio_pika

from bridge.ports import Delivered, Inbox
from bridge.rabbitmq.topology import Topology
from tests.support.broker import declare_queue, open_channel, ready_count
from tests.support.fake_inbox import FakeInbox
from tests.support.labs import EXCHANGE, WAIT_S, RabbitLab

QUEUE = "bridge.altinn.orders"
AT = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)


class InboxLab(Protocol):
    """One queue, and those who publish to it."""

    def inbox(self, *, prefetch: int = 100) -> Inbox:
        """Another reader of the queue."""
        ...

    async def publish(self, *bodies: bytes) -> None: ...

    async def publish_with_properties(self) -> None:
        """One message with an id, a type, a correlation id, a time (AT) and headers."""
        ...

    async def waiting(self, count: int) -> None:
        """Return once so many messages are in the queue that no reader holds."""
        ...

    def lose_connection(self) -> None: ...


class FakeInboxLab:
    """A FakeInbox, whose readers are one and the same."""

    def __init__(self) -> None:
        self._inbox = FakeInbox()

    def inbox(self, *, prefetch: int = 100) -> FakeInbox:
        self._inbox.prefetch = prefetch
        return self._inbox

    async def publish(self, *bodies: bytes) -> None:
        self._inbox.publish(*bodies)

    async def publish_with_properties(self) -> None:
        self._inbox.put(
            Delivered(
                body=b"{}",
                id="id-1",
                type="type-1",
                correlation_id="order-1",
                created_at=AT,
                headers={"x-parked-reason": "unroutable", "x-number": 7},
                channel=0,
                tag=0,
            )
        )

    async def waiting(self, count: int) -> None:
        assert len(self._inbox.waiting) == count

    def lose_connection(self) -> None:
        self._inbox.lose()


class RabbitInboxLab:
    """The queue in RabbitMQ; its topology is declared at the first `subscribe`, the queue already before."""

    def __init__(self, lab: RabbitLab) -> None:
        self.lab = lab
        lab.topology = Topology(exchanges=(EXCHANGE,), registrations_queue=QUEUE)

    def inbox(self, *, prefetch: int = 100) -> Inbox:
        return self.lab.the_broker().inbox(QUEUE, prefetch=prefetch)

    async def publish(self, *bodies: bytes) -> None:
        await declare_queue(self.lab.url, QUEUE, arguments={"x-queue-type": "quorum", "x-delivery-limit": 1_000_000})
        async with open_channel(self.lab.url) as channel:
            for body in bodies:
                await channel.default_exchange.publish(aio_pika.Message(body), QUEUE)

    async def publish_with_properties(self) -> None:
        await self.publish()
        message = aio_pika.Message(
            b"{}",
            message_id="id-1",
            type="type-1",
            correlation_id="order-1",
            timestamp=AT,
            headers={"x-parked-reason": "unroutable", "x-number": 7},
        )
        async with open_channel(self.lab.url) as channel:
            await channel.default_exchange.publish(message, QUEUE)

    async def waiting(self, count: int) -> None:
        seen = -1
        try:
            async with asyncio.timeout(WAIT_S):
                while (seen := await ready_count(self.lab.url, QUEUE)) != count:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{seen} messages wait, not {count}") from None

    def lose_connection(self) -> None:
        self.lab.lose_connection()
