"""The clock of a connection that the broker blocks now and then."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import aio_pika
import pytest

from bridge.rabbitmq.amqp import AmqpConnection, Wire
from bridge.rabbitmq.endpoint import Endpoint

ENDPOINT = Endpoint.parse("amqp://user:secret@host:5672/")


class Transport:
    """aio-pika's transport, as far as blocking goes."""

    def __init__(self) -> None:
        self.connection = self
        self.closing: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.is_opened = True
        self.unblocked = asyncio.Event()
        self.unblocked.set()

    async def ready(self) -> None:
        await self.unblocked.wait()


class Aio:
    """aio-pika's connection, open."""

    def __init__(self) -> None:
        self.transport = Transport()

    async def connect(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Watched:
    """An AmqpConnection on the above, its watch running, and what it told."""

    def __init__(self) -> None:
        self.aio = Aio()
        self.blocked: asyncio.Queue[bool] = asyncio.Queue()
        self.lost: list[str] = []
        self.connection = AmqpConnection(
            ENDPOINT,
            cast("aio_pika.Connection", self.aio),
            Wire(ENDPOINT, None),
            on_blocked=self.blocked.put_nowait,
            on_lost=self.lost.append,
        )


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    watched = Watched()
    watched.connection._watch()
    yield watched
    await watched.connection.close()


async def test_the_serving_clock_stands_still_while_blocked_and_goes_on_from_there(watched: Watched) -> None:
    watched.aio.transport.unblocked.clear()
    assert await watched.blocked.get() is True
    blocked_at_s = watched.connection.serving_s()
    await asyncio.sleep(0.1)

    assert watched.connection.serving_s() == blocked_at_s

    watched.aio.transport.unblocked.set()
    assert await watched.blocked.get() is False
    assert not watched.connection.is_blocked
    assert blocked_at_s <= watched.connection.serving_s() < blocked_at_s + 0.1


async def test_who_waits_for_the_end_of_a_block_goes_on_at_its_end(watched: Watched) -> None:
    watched.aio.transport.unblocked.clear()
    await watched.blocked.get()
    waiting = asyncio.create_task(watched.connection.unblocked())
    await asyncio.sleep(0)
    assert not waiting.done()

    watched.aio.transport.unblocked.set()

    await asyncio.wait_for(waiting, 1)


async def test_it_is_not_open_from_the_moment_its_transport_is_not(watched: Watched) -> None:
    watched.aio.transport.is_opened = False

    assert not watched.connection.is_open
    assert watched.lost == []


async def test_its_end_is_told_once(watched: Watched) -> None:
    watched.aio.transport.closing.set_exception(ConnectionResetError())
    await asyncio.sleep(0)
    watched.connection.lost(TimeoutError())

    assert watched.lost == ["the connection failed"]
    assert not watched.connection.is_open
