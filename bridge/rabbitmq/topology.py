"""What has to be on the broker (product.md §5): declared, or only looked for.

Each thing is asked for on a channel of its own, because every "no" of the broker closes the channel. Works the same on
RabbitMQ 3.10 to 4.x.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import aiormq
from aio_pika.abc import AbstractChannel
from pamqp.common import FieldTable

from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.errors import describe

KEPT_ARGUMENTS: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
"""RabbitMQ 4 drops a message after 20 deliveries by default. Looking at a parked message must never drop it, nor may a
bridge that ends before it has stored a registration."""


_INEQUIVALENT = re.compile(r"inequivalent arg '([^']+)'")
"""How RabbitMQ names the first property in which what is there differs from what was declared."""
_ESSENTIAL = frozenset({"type", "durable", "auto_delete", "internal", "exclusive"})
"""Properties that must agree. RabbitMQ compares these before any argument (`x-queue-type`, `alternate-exchange`, …), so
one that is named as different says that these agree."""

NewChannel = Callable[[], AbstractChannel]
"""Makes a channel that its `async with` opens and closes."""


@dataclass(frozen=True, slots=True)
class Topology:
    """What the bridge itself needs. Subscribers' queues are another matter: `routes`."""

    exchanges: tuple[str, ...]
    """Durable topic exchanges of the sources that are on."""
    parked_exchange: str = "bridge.parked"
    parked_queue: str = "bridge.parked"
    registrations_queue: str | None = None
    """Durable queue of orders that are to be watched, behind the default exchange alone; None: nobody reads it."""
    mode: Literal["declare", "check"] = "declare"

    async def apply(self, new_channel: NewChannel, *, address: str) -> None:
        """Declare or look for all of it; raises BrokerUnavailable that names all that is missing, refused or different.

        AMQP cannot look at bindings: in mode `check` they are not seen.
        """
        work = Work(new_channel, declares=self.mode == "declare")
        for exchange in self.exchanges:
            await work.exchange(exchange, "topic")
        await work.exchange(self.parked_exchange, "fanout")
        await work.bound_queue(self.parked_queue, self.parked_exchange, ("",), KEPT_ARGUMENTS)
        if self.registrations_queue is not None:
            await work.queue(self.registrations_queue, KEPT_ARGUMENTS)
        if work.mistakes:
            raise BrokerUnavailable(f"RabbitMQ at {address} lacks what the bridge needs: {'; '.join(work.mistakes)}")


class Work:
    """One pass over the topology, which notes what is wrong and goes on."""

    def __init__(self, new_channel: NewChannel, *, declares: bool) -> None:
        self._new_channel = new_channel
        self._declares = declares
        self.mistakes: list[str] = []

    async def exchange(self, name: str, kind: str) -> None:
        await self._try(
            f"exchange {name}",
            lambda channel: channel.declare_exchange(name, kind, durable=True, passive=not self._declares),
        )

    async def queue(self, name: str, arguments: FieldTable) -> None:
        if not self._declares:
            await self._existing_queue(name)
            return
        await self._try(f"queue {name}", lambda channel: channel.declare_queue(name, durable=True, arguments=arguments))

    async def bound_queue(self, name: str, exchange: str, patterns: tuple[str, ...], arguments: FieldTable) -> None:
        await self.queue(name, arguments)
        for pattern in patterns if self._declares else ():
            await self._try(f"binding of queue {name} to {exchange}", partial(_bind, name, exchange, pattern))

    async def _existing_queue(self, name: str) -> None:
        await self._try(f"queue {name}", lambda channel: channel.declare_queue(name, passive=True))

    async def _try(self, name: str, step: Callable[[AbstractChannel], Awaitable[object]]) -> None:
        try:
            async with self._new_channel() as channel:
                await step(channel)
        except aiormq.ChannelNotFoundEntity:
            self._note(f"{name}: an exchange or queue is missing")  # the broker's own words would name it once more
        except aiormq.AMQPChannelError as exc:
            if not _is_acceptable(exc):
                self._note(f"{name}: {describe(exc)}")

    def _note(self, mistake: str) -> None:
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


def _is_acceptable(error: aiormq.AMQPChannelError) -> bool:
    """Whether the broker only says that what is there has other arguments: somebody chose them."""
    differs = _INEQUIVALENT.search(str(error)) if isinstance(error, aiormq.ChannelPreconditionFailed) else None
    return differs is not None and differs[1] not in _ESSENTIAL


async def _bind(queue: str, exchange: str, pattern: str, channel: AbstractChannel) -> None:
    existing = await channel.get_queue(queue, ensure=False)
    await existing.bind(exchange, pattern)
