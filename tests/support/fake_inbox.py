"""An inbox in memory, whose every failure a test decides. It passes the contract of tests/contract/test_inbox.py."""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from bridge.errors import BrokerUnavailable
from bridge.ports import Delivered


class FakeInbox:
    """The port `Inbox`, and its queue."""

    def __init__(self, *, prefetch: int = 100) -> None:
        self.prefetch = prefetch
        self.waiting: deque[Delivered] = deque()
        """In the queue, delivered to nobody."""
        self.acknowledged: list[bytes] = []
        """Bodies, in the order of their acknowledgement."""
        self.unavailable = 0
        """So many of the next calls of `subscribe` raise BrokerUnavailable."""
        self.lost_acknowledgements = 0
        """The broker does not hear of so many of the next ones."""
        self.is_closed = False
        self._delivered: dict[int, Delivered] = {}
        self._channel = 0
        self._tag = 0
        self._is_subscribed = False
        self._has_ended = False
        self._changed = asyncio.Event()

    def publish(self, *bodies: bytes) -> None:
        for body in bodies:
            self.put(Delivered(body=body, routing_key="bridge.altinn.orders", channel=0, tag=0))

    def put(self, message: Delivered) -> None:
        """A message that is not like the others; its channel and tag do not matter."""
        self.waiting.append(message)
        self._changed.set()

    def lose(self) -> None:
        """The subscription ends; what was delivered is in the queue again."""
        self.waiting.extendleft(reversed(self._delivered.values()))
        self._delivered.clear()
        self._has_ended, self._is_subscribed = self._is_subscribed, False
        self._changed.set()

    async def subscribe(self) -> None:
        await asyncio.sleep(0)
        if self.unavailable:
            self.unavailable -= 1
            raise BrokerUnavailable("the fake inbox is unavailable, as scripted")
        self._raise_if_ended()
        if not self._is_subscribed:
            self._is_subscribed = True
            self._channel += 1
            self._tag = 0

    async def receive(self) -> Sequence[Delivered]:
        await self.subscribe()
        while not (self.waiting and len(self._delivered) < self.prefetch):
            self._changed.clear()
            await self._changed.wait()
            self._raise_if_ended()
        return [self._deliver() for _ in range(min(len(self.waiting), self.prefetch - len(self._delivered)))]

    async def acknowledge(self, deliveries: Sequence[Delivered]) -> None:
        if self.lost_acknowledgements and deliveries:
            self.lost_acknowledgements -= 1
            return
        for each in deliveries:
            if self._is_subscribed and each.channel == self._channel:
                self.acknowledged.append(self._delivered.pop(each.tag).body)
        self._changed.set()

    async def close(self) -> None:
        self.lose()
        self._has_ended = False
        self.is_closed = True

    def _deliver(self) -> Delivered:
        self._tag += 1
        message = self.waiting.popleft()
        self._delivered[self._tag] = msgspec.structs.replace(message, channel=self._channel, tag=self._tag)
        return self._delivered[self._tag]

    def _raise_if_ended(self) -> None:
        if self._has_ended:
            self._has_ended = False
            raise BrokerUnavailable("the subscription of the fake inbox has ended")
