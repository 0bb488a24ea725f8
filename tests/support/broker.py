"""A real broker as tests use it: queues of their own, what arrived in them, and connections cut from outside.

Written with aio-pika as any consumer would be, and with nothing of the bridge's: what the bridge published is seen here
through other eyes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from pamqp.common import Arguments

_ROUND = 1000
"""Messages in hand at a time: a prefetch that every queue type honours."""


class Rabbitmqctl(Protocol):
    """Runs rabbitmqctl on the broker under test and returns what it printed; raises CommandFailedError."""

    async def __call__(self, *arguments: str) -> str: ...


class CommandFailedError(Exception):
    """rabbitmqctl ended with an error; its output is the message."""


def vhost_of(url: str) -> str:
    """Name of the vhost in an AMQP URL; an empty path means `/`."""
    return unquote(urlsplit(url).path[1:]) or "/"


@asynccontextmanager
async def open_channel(url: str) -> AsyncIterator[AbstractChannel]:
    """A channel on a connection of its own, both closed at the end. With confirms, and a return raises."""
    async with await aio_pika.connect(url, timeout=10) as connection:
        yield await connection.channel(on_return_raises=True)


async def declare_queue(
    url: str, queue: str, exchange: str | None = None, *keys: str, arguments: Arguments = None
) -> None:
    """A durable queue, bound to a durable topic exchange, which is declared too, with each of the keys."""
    async with open_channel(url) as channel:
        declared = await channel.declare_queue(queue, durable=True, arguments=arguments)
        if exchange is not None:
            topic = await channel.declare_exchange(exchange, "topic", durable=True)
            for key in keys:
                await declared.bind(topic, key)


async def unbind(url: str, queue: str, exchange: str, key: str) -> None:
    async with open_channel(url) as channel:
        existing = await channel.get_queue(queue, ensure=False)
        await existing.unbind(exchange, key)


async def ready_count(url: str, queue: str) -> int:
    """Messages waiting in the queue: not those that a consumer holds. Raises ChannelNotFoundEntity."""
    async with open_channel(url) as channel:
        declared = await channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0


async def purge(url: str, queue: str) -> None:
    async with open_channel(url) as channel:
        existing = await channel.get_queue(queue, ensure=False)
        await existing.purge()


async def collect(url: str, queue: str, n: int, *, timeout_s: float = 10) -> list[AbstractIncomingMessage]:
    """Take the next n messages out of the queue, in order, and not one more.

    Fails, naming how many came, when they are not there within `timeout_s`; those that came are in the queue again
    then, except whole rounds of 1000.
    """
    taken: list[AbstractIncomingMessage] = []
    try:
        async with asyncio.timeout(timeout_s), open_channel(url) as channel:
            source = await channel.get_queue(queue, ensure=False)
            while len(taken) < n:
                wanted = min(n - len(taken), _ROUND)
                # No more may be on its way than is wanted: the rest would come back marked as redelivered.
                await channel.set_qos(prefetch_count=wanted)
                await _take(source, wanted, taken)
    except TimeoutError:
        raise AssertionError(f"{len(taken)} of {n} messages in {queue} after {timeout_s} s") from None
    return taken


async def _take(source: AbstractQueue, wanted: int, taken: list[AbstractIncomingMessage]) -> None:
    arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    tag = await source.consume(arrived.put)
    for _ in range(wanted):
        taken.append(await arrived.get())  # noqa: PERF401 - what came is counted when the rest does not come
    # Cancelled first: each ack makes room for another message.
    await source.cancel(tag)
    await taken[-1].ack(multiple=True)


async def close_all_connections(rabbitmqctl: Rabbitmqctl, url: str) -> None:
    """The broker closes every connection to the URL's vhost, as an operator would."""
    await rabbitmqctl("close_all_connections", "--vhost", vhost_of(url), "closed by a test")


@asynccontextmanager
async def memory_alarm(rabbitmqctl: Rabbitmqctl) -> AsyncIterator[asyncio.Event]:
    """The broker takes no messages until the event is set, or the block ends."""
    before = (await rabbitmqctl("--quiet", "eval", "vm_memory_monitor:get_vm_memory_high_watermark().")).strip()
    over = asyncio.Event()

    async def end() -> None:
        await over.wait()
        await rabbitmqctl("set_vm_memory_high_watermark", before)

    ending = asyncio.create_task(end())
    try:
        await rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
        yield over
    finally:
        over.set()
        await ending
