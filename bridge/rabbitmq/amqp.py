"""One AMQP connection over aio-pika: opened once, watched, closed once. Who opens another one is `connection`.

aio-pika keeps heartbeats and framing. Here is what it leaves open: that every wait ends, that closing does not depend
on the other side, and that `connection.blocked` is seen.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Protocol, Self, TypeVar

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, UnderlayConnection
from aio_pika.connection import make_url
from pamqp.common import FieldTable

from bridge import __version__
from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.endpoint import Endpoint
from bridge.rabbitmq.errors import NoAnswer, ask, describe
from bridge.routes import Place
from bridge.tls import client_context

T = TypeVar("T")

HEARTBEAT_S = 10
"""A silent connection is given up after 33 s here (aiormq: three times one second more) and after 20 s by the broker.
RabbitMQ finds 5 to 20 s right for most networks: https://www.rabbitmq.com/docs/heartbeats#heartbeats-timeout"""
CLOSE_S = 2.0
"""How long the broker may take to answer to an orderly end; then the socket is dropped."""
BLOCKED_POLL_S = 0.25
"""How late `connection.blocked` may be seen; its end is seen at once. Much less than any confirm timeout."""

CLIENT_PROPERTIES: FieldTable = {"connection_name": "bridge", "product": "notification-bridge", "version": __version__}
"""What RabbitMQ shows of the connection."""


def silence_libraries() -> None:
    """Let aiormq and aio-pika log nothing: their lines show messages that are returned late with their bodies, and the
    user of the URL. What matters of what they tell, the observer is told.
    """
    for name in ("aiormq", "aio_pika"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class Rider(Protocol):
    """A session, as its connection sees it."""

    @property
    def in_flight(self) -> int:
        """Messages written and not yet settled."""
        ...

    def connection_lost(self, error: BaseException, *, convicts: bool) -> None:
        """The connection has ended with `error`. `convicts`: one message alone was in flight on the whole of it."""
        ...

    async def close(self) -> None:
        """As `ports.Session.close`."""
        ...


class Wire(aiormq.TransportFactory):
    """Opens aiormq's socket and keeps hold of it: closing has to work where the other side has gone silent."""

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None) -> None:
        self._endpoint = endpoint
        self._tls = (tls or client_context()) if endpoint.uses_tls else None
        self._transport: asyncio.WriteTransport | None = None

    async def create(self, *_: object, **__: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Called by aiormq once a connection. Its arguments, the URL and options of TLS, are known here already."""
        reader, writer = await asyncio.open_connection(self._endpoint.host, self._endpoint.port, ssl=self._tls)
        self._transport = writer.transport
        return reader, writer

    def drop(self) -> None:
        """Drop the socket at once, sent or not."""
        if self._transport is not None:
            self._transport.abort()


class AmqpConnection:
    """An open connection; `open` makes one."""

    def __init__(
        self,
        endpoint: Endpoint,
        aio: aio_pika.Connection,
        wire: Wire,
        *,
        on_blocked: Callable[[bool], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.endpoint = endpoint
        self.riders: set[Rider] = set()
        """The sessions that have a channel here; they enter and leave by themselves."""
        self.topology_is_known = False
        """Whether the topology was declared or checked here and nothing was found missing since."""
        self.ended_because: str | None = None
        """One clause; None while it is open."""
        self._aio = aio
        self._wire = wire
        self._on_blocked = on_blocked
        self._on_lost = on_lost
        self._unblocked = asyncio.Event()
        self._unblocked.set()
        self._blocked_at = 0.0
        self._blocked_s = 0.0
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        *,
        tls: ssl.SSLContext | None,
        timeout_s: float,
        on_blocked: Callable[[bool], None],
        on_lost: Callable[[str], None],
    ) -> Self:
        """Connect and sign in; raises BrokerUnavailable.

        `on_blocked(True)`: the broker takes nothing any more. `on_lost`: why it ended, unless `close` was called.
        """
        wire = Wire(endpoint, tls)
        aio = aio_pika.Connection(make_url(endpoint.url, heartbeat=HEARTBEAT_S), client_properties=CLIENT_PROPERTIES)
        # `aio_pika.connect` would write every further argument into the URL; these are aiormq's own arguments.
        aio.kwargs["transport_factory"] = wire
        connection = cls(endpoint, aio, wire, on_blocked=on_blocked, on_lost=on_lost)
        try:
            await ask(aio.connect(), address=endpoint.address, timeout_s=timeout_s)
            connection._watch()
        finally:
            if connection._watching is None:
                await connection.close()
        return connection

    @property
    def is_open(self) -> bool:
        """False once it ended; never true again. Turns false before `lost` hears of it."""
        return self.ended_because is None and self._transport.connection.is_opened

    @property
    def place(self) -> Place:
        """Raises BrokerUnavailable where it has ended."""
        return Place(self.endpoint.vhost, str(self._transport.connection.server_properties.get("cluster_name", "")))

    @property
    def is_blocked(self) -> bool:
        """Whether the broker sent `connection.blocked` (memory or disk alarm) and has not taken it back."""
        return not self._unblocked.is_set()

    async def unblocked(self) -> None:
        """Return when the connection is not blocked. An alarm may last: who waits here is ended with its session."""
        await self._unblocked.wait()

    def serving_s(self) -> float:
        """A clock in seconds that stands still while the connection is blocked."""
        now = asyncio.get_running_loop().time()
        return (self._blocked_at if self.is_blocked else now) - self._blocked_s

    async def ask(self, call: Callable[[], Coroutine[object, object, T]], *, timeout_s: float) -> T:
        """The result of a call of the library; raises BrokerUnavailable. Without an answer the connection is given up,
        unless it is blocked: then the broker reads nothing, and may be well.
        """
        where = f"RabbitMQ at {self.endpoint.address}"
        if self.ended_because is not None:
            raise BrokerUnavailable(f"{where}: {self.ended_because}")
        if self.is_blocked:
            raise BrokerUnavailable(f"{where} takes no messages now: it is out of memory or disk space")
        try:
            return await ask(call(), address=self.endpoint.address, timeout_s=timeout_s)
        except NoAnswer:
            if not self.is_blocked:
                self.lost(TimeoutError())
            raise

    async def channel(self, *, timeout_s: float) -> aiormq.Channel:
        """A new channel with confirms, on which a publish that is returned raises; raises BrokerUnavailable."""

        async def initialize() -> aiormq.abc.AbstractChannel:
            channel = self._aio.channel(publisher_confirms=True, on_return_raises=True)
            await channel.initialize()
            return await channel.get_underlay_channel()

        underlay = await self.ask(initialize, timeout_s=timeout_s)
        if not isinstance(underlay, aiormq.Channel):
            raise TypeError("aio-pika's channels are no longer aiormq's")
        return underlay

    def brief_channel(self) -> AbstractChannel:
        """A channel for one question, whose "no" closes it: `async with` opens it and raises the library's errors."""
        return self._aio.channel(publisher_confirms=False)

    async def ready_count(self, queue: str, *, timeout_s: float) -> int:
        """Messages in the queue that no consumer holds; raises BrokerUnavailable."""

        async def count() -> int:
            async with self.brief_channel() as channel:
                declared = await channel.declare_queue(queue, passive=True)
                return declared.declaration_result.message_count or 0

        return await self.ask(count, timeout_s=timeout_s)

    def lost(self, error: BaseException) -> None:
        """The connection has ended, or is as good as that. Told by whoever notices; only the first one counts."""
        if self.ended_because is not None:
            return
        self.ended_because = describe(error)
        convicts = sum(rider.in_flight for rider in self.riders) == 1
        for rider in tuple(self.riders):
            rider.connection_lost(error, convicts=convicts)
        self._on_lost(self.ended_because)

    async def close(self) -> None:
        """End its sessions and itself, in order if the broker answers; bounded, idempotent, never raises."""
        try:
            await asyncio.gather(*[rider.close() for rider in self.riders])
            self.ended_because = self.ended_because or "it was closed"
            if self._watching is not None:
                self._watching.cancel()
            with suppress(BrokerUnavailable):
                await ask(self._aio.close(), address=self.endpoint.address, timeout_s=CLOSE_S)
        finally:
            self._wire.drop()

    @property
    def _transport(self) -> UnderlayConnection:
        if self._aio.transport is None:
            raise BrokerUnavailable(f"RabbitMQ at {self.endpoint.address}: the connection ended")
        return self._aio.transport

    def _watch(self) -> None:
        self._transport.connection.closing.add_done_callback(self._on_closing)
        self._watching = asyncio.create_task(self._watch_blocked(), name=f"blocked {self.endpoint.address}")

    def _on_closing(self, closing: asyncio.Future[object]) -> None:
        error = None if closing.cancelled() else closing.exception()
        self.lost(error or EOFError())
        if self._watching is not None:
            self._watching.cancel()

    async def _watch_blocked(self) -> None:
        """See `connection.blocked`, of which aiormq shows only that `ready` waits then, and else returns at once."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(0):
                    await self._transport.ready()
            except TimeoutError:
                self._blocked_at = loop.time()
                self._unblocked.clear()
                self._on_blocked(True)
                await self._transport.ready()
                self._blocked_s += loop.time() - self._blocked_at
                self._unblocked.set()
                self._on_blocked(False)
            await asyncio.sleep(BLOCKED_POLL_S)
