"""The bridge's way to RabbitMQ: one connection, over the URLs in turn, and a channel for each session."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, Protocol

from bridge.errors import BrokerUnavailable, ConfigurationError
from bridge.rabbitmq.amqp import AmqpConnection, silence_libraries
from bridge.rabbitmq.budget import InFlightBudget
from bridge.rabbitmq.decoding import read_any_properties
from bridge.rabbitmq.endpoint import Endpoint
from bridge.rabbitmq.inbox import PREFETCH, RabbitInbox
from bridge.rabbitmq.page_session import PageSession
from bridge.rabbitmq.plain_session import PlainSession
from bridge.rabbitmq.session import ChannelSession
from bridge.rabbitmq.topology import Topology

Publisher = Literal["page", "plain"]
"""How messages are written: see `page_session` and `plain_session`."""
SESSIONS: dict[Publisher, type[ChannelSession]] = {"page": PageSession, "plain": PlainSession}

CONNECT_TIMEOUT_S = 10.0
"""For a URL to be connected to and signed in at, and for a channel to be opened; more than any node in order takes."""
TOPOLOGY_TIMEOUT_S = 30.0
"""For the whole topology: a cluster may take a second for a quorum queue."""


class BrokerObserver(Protocol):
    """What is told to whoever shows the state of the connection. Called in the event loop; must not raise or wait.

    Texts are one clause each, for people, with no user, password or message in them.
    """

    def connected(self, address: str) -> None:
        """There is a connection to `host:port`; it is not blocked."""
        ...

    def lost(self, reason: str) -> None:
        """The connection ended; a block ended with it."""
        ...

    def unavailable(self, reason: str) -> None:
        """No session could be opened."""
        ...

    def blocked(self, is_blocked: bool) -> None:
        """The broker takes nothing any more (`connection.blocked`: memory or disk alarm), or takes messages again."""
        ...

    def session_ended(self, reason: str) -> None:
        """A session ended by itself, e.g. because an exchange is gone or no confirm came in time."""
        ...


class RabbitBroker:
    """Sessions with RabbitMQ; see `ports.Broker` for what it promises."""

    def __init__(
        self,
        urls: Callable[[], Sequence[str]],
        topology: Topology,
        *,
        observer: BrokerObserver,
        confirm_timeout_s: float,
        max_in_flight: int,
        publisher: Publisher = "page",
        tls: ssl.SSLContext | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        """`urls` is called at each connecting; `tls` is needed for amqps:// URLs (`tls.client_context`).

        Raises ConfigurationError where a URL is wrong now; one that becomes wrong later is unavailable.
        """
        self._urls = urls
        self._topology = topology
        self._observer = observer
        self._confirm_timeout_s = confirm_timeout_s
        self._budget = InFlightBudget(max_in_flight)
        self._session_type = SESSIONS[publisher]
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._connection: AmqpConnection | None = None
        self._connecting: asyncio.Task[AmqpConnection] | None = None
        self._failed_url: str | None = None
        self._is_closed = False
        for url in urls():
            Endpoint.parse(url)
        silence_libraries()
        read_any_properties()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and self._connection.is_open

    @property
    def is_blocked(self) -> bool:
        """Whether the broker takes nothing on it now."""
        return self._connection is not None and self._connection.is_open and self._connection.is_blocked

    async def connect(self) -> None:
        """Make sure of a connection, with its topology known. Raises BrokerUnavailable. Callers that come while it is
        being opened share its success or its failure.
        """
        await self._connected()

    async def session(self) -> ChannelSession:
        """A new session, on a connection as of `connect`."""
        return await self._open_session(await self._connected())

    async def ready_count(self, queue: str) -> int:
        """Messages in a queue that no consumer holds, on a connection as of `connect`. Raises BrokerUnavailable, where
        there is no such queue too.
        """
        connection = await self._connected()
        return await connection.ready_count(queue, timeout_s=self._connect_timeout_s)

    def inbox(self, queue: str, *, prefetch: int = PREFETCH) -> RabbitInbox:
        """The messages of a queue, on a connection as of `connect`. `prefetch` ≥ 1: how many are delivered and not
        acknowledged at a time.
        """
        return RabbitInbox(self._connected, queue, prefetch=prefetch, answer_timeout_s=self._connect_timeout_s)

    async def close(self) -> None:
        """End all sessions and the connection: bounded by a few seconds, whatever the broker does; never raises."""
        self._is_closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)  # bounded as `ask` bounds all it waits for
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> AmqpConnection:
        if self._is_closed:
            raise BrokerUnavailable("The connection to RabbitMQ is closed for good")
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect(), name="rabbitmq.connect")
        connecting = self._connecting
        await asyncio.wait({connecting})
        if connecting.cancelled():
            raise BrokerUnavailable("The connection to RabbitMQ is closed for good")
        return connecting.result()

    async def _connect(self) -> AmqpConnection:
        """The connection, with its topology known."""
        try:
            is_new = self._connection is None or not self._connection.is_open
            if self._connection is None or is_new:
                self._connection = await self._dial(self._connection)
            if not self._connection.topology_is_known:
                apply = partial(
                    self._topology.apply, self._connection.brief_channel, address=self._connection.endpoint.address
                )
                await self._connection.ask(apply, timeout_s=TOPOLOGY_TIMEOUT_S)
                self._connection.topology_is_known = True
                if not is_new:  # what was missing is there now
                    self._observer.connected(self._connection.endpoint.address)
        except BrokerUnavailable as exc:
            self._observer.unavailable(str(exc))
            raise
        return self._connection

    async def _dial(self, last: AmqpConnection | None) -> AmqpConnection:
        """Try each URL once, beginning after the one that failed last."""
        if last is not None:
            last.lost(EOFError())
            await last.close()
        urls = list(self._urls())
        if self._failed_url in urls:
            after = urls.index(self._failed_url) + 1
            urls = urls[after:] + urls[:after]
        failures = []
        for url in urls:
            try:
                endpoint = Endpoint.parse(url)
                connection = await AmqpConnection.open(
                    endpoint,
                    tls=self._tls,
                    timeout_s=self._connect_timeout_s,
                    on_blocked=self._observer.blocked,
                    on_lost=partial(self._on_lost, url),
                )
            except (BrokerUnavailable, ConfigurationError) as exc:
                self._failed_url = url
                failures.append(str(exc))
            else:
                self._observer.connected(endpoint.address)
                return connection
        raise BrokerUnavailable("; ".join(failures) or "No URL of a broker is given")

    def _on_lost(self, url: str, reason: str) -> None:
        self._failed_url = url
        self._observer.lost(reason)

    async def _open_session(self, connection: AmqpConnection) -> ChannelSession:
        try:
            channel = await connection.channel(timeout_s=self._connect_timeout_s)
        except BrokerUnavailable as exc:
            self._observer.unavailable(str(exc))
            raise
        return self._session_type(
            channel,
            connection,
            budget=self._budget,
            confirm_timeout_s=self._confirm_timeout_s,
            parked_queue=self._topology.parked_queue,
            answer_timeout_s=self._connect_timeout_s,
            on_ended=self._observer.session_ended,
        )
