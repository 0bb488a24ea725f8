"""Brokers under test with what may happen to them, alike for the fake and for RabbitMQ: what the contract suite of
`ports.Session` needs of the world around a session.

Every lab has one topic exchange, EXCHANGE, and a parked queue.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

import aio_pika
import aiormq
from pamqp.common import FieldTable

from bridge.events.message import Message
from bridge.ports import Session
from bridge.rabbitmq.connection import SESSIONS, Publisher, RabbitBroker
from bridge.rabbitmq.topology import Topology
from bridge.routes import Route, RouteFacts
from bridge.sandbox.tcp_proxy import Direction, TcpProxy
from tests.support.broker import collect, declare_queue, open_channel, ready_count
from tests.support.fake_broker import FakeBroker

EXCHANGE = "contract"
NOWHERE = "nowhere"
"""An exchange that is not there."""
PARKED = "bridge.parked"
WAIT_S = 10.0


def message(
    number: int, key: str = "key", *, exchange: str = EXCHANGE, headers: Mapping[str, str] | None = None
) -> Message:
    """One whose id is `id-<number>`."""
    return Message(
        id=f"id-{number}",
        source="nhn",
        event="new-message",
        type="no.nhn.notification.new-message.v1",
        exchange=exchange,
        routing_key=key,
        body=b"{}",
        headers=headers or {},
    )


def page(*numbers: int) -> list[Message]:
    """Messages with these numbers."""
    return [message(number) for number in numbers]


async def until(is_so: Callable[[], object]) -> None:
    """Return once it is so; for what nothing tells of."""
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


class Lab(Protocol):
    """A broker under test."""

    async def session(self, *, max_in_flight: int = 4000) -> Session:
        """A session; `max_in_flight` counts at the first call only."""
        ...

    async def bind(self, *keys: str) -> None:
        """A queue `queue` gets what has one of the keys."""
        ...

    async def bind_full_queue(self, key: str) -> None:
        """A queue that refuses whatever comes gets what has this key."""
        ...

    async def remove_exchange(self) -> None: ...

    async def park(self, count: int) -> None:
        """So many messages are in the parked queue."""
        ...

    async def arrived(self, count: int) -> list[str]:
        """Ids of all that is in `queue`, in its order, once there are `count`; they are taken out."""
        ...

    async def count(self, count: int) -> None:
        """Return once `queue` has `count` messages; fail where it has more, or where they do not come."""
        ...

    def hold_confirms(self) -> None:
        """No answer of the broker comes any more; what is written still reaches it."""
        ...

    def hold_messages(self) -> None:
        """What is written does not reach the broker any more; nor do its answers come."""
        ...

    def release(self) -> None:
        """Hold nothing any more."""
        ...

    def lose_connection(self) -> None: ...


class FakeLab:
    """A FakeBroker. It has one queue, to which everything goes that is bound."""

    def __init__(self) -> None:
        self.broker = FakeBroker()
        self.broker.missing_exchanges.add(NOWHERE)

    async def session(self, *, max_in_flight: int = 4000) -> Session:
        self.broker.max_in_flight = max_in_flight
        return await self.broker.session()

    async def bind(self, *keys: str) -> None:
        self.broker.bound_keys = set(keys)

    async def bind_full_queue(self, key: str) -> None:
        self.broker.refused_keys.add(key)

    async def remove_exchange(self) -> None:
        self.broker.missing_exchanges.add(EXCHANGE)

    async def park(self, count: int) -> None:
        self.broker.parked = count

    async def arrived(self, count: int) -> list[str]:
        await self.count(count)
        return [message.id for message in self.broker.arrived]

    async def count(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.broker.until(lambda: len(self.broker.arrived) >= count)
        for _ in range(10):
            await asyncio.sleep(0)  # whatever wants to arrive on top of them does
        assert len(self.broker.arrived) == count

    def hold_confirms(self) -> None:
        self.broker.hold()

    def hold_messages(self) -> None:
        self.broker.hold_messages()

    def release(self) -> None:
        self.broker.release()

    def lose_connection(self) -> None:
        self.broker.lose()


class Recorder:
    """Notes what the broker's observer is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def connected(self, address: str) -> None:
        self.told.append(("connected", address))

    def lost(self, reason: str) -> None:
        self.told.append(("lost", reason))

    def unavailable(self, reason: str) -> None:
        self.told.append(("unavailable", reason))

    def blocked(self, is_blocked: bool) -> None:
        self.told.append(("blocked", is_blocked))

    def session_ended(self, reason: str) -> None:
        self.told.append(("session_ended", reason))

    def reasons(self, kind: str) -> list[object]:
        return [what for name, what in self.told if name == kind]


class RabbitLab:
    """RabbitMQ behind a proxy that only the bridge's side goes through. `url` is the way around it."""

    def __init__(self, url: str, proxy: TcpProxy, publisher: Publisher) -> None:
        self.url = url
        self.publisher = publisher
        self.proxy = proxy
        self.observer = Recorder()
        self.confirm_timeout_s = WAIT_S
        self.connect_timeout_s = WAIT_S
        self.topology = Topology(exchanges=(EXCHANGE,))
        self.broker: RabbitBroker | None = None

    @property
    def proxied_url(self) -> str:
        parts = urlsplit(self.url)
        login, _, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}@{self.proxy.host}:{self.proxy.port}").geturl()

    async def session(self, *, max_in_flight: int = 4000) -> Session:
        return await self.the_broker(max_in_flight=max_in_flight).session()

    def the_broker(
        self,
        *,
        max_in_flight: int = 4000,
        routes: Sequence[Route] = (),
        on_routes: Callable[[Mapping[Route, RouteFacts]], None] = lambda _: None,
    ) -> RabbitBroker:
        """The bridge's side, made at the first call from what the lab says by then."""
        if self.broker is None:
            self.broker = RabbitBroker(
                lambda: [self.proxied_url],
                self.topology,
                observer=self.observer,
                confirm_timeout_s=self.confirm_timeout_s,
                max_in_flight=max_in_flight,
                publisher=self.publisher,
                connect_timeout_s=self.connect_timeout_s,
                routes=routes,
                on_routes=on_routes,
            )
        return self.broker

    async def bind(self, *keys: str) -> None:
        await declare_queue(self.url, "queue", EXCHANGE, *keys, arguments={"x-queue-type": "quorum"})

    async def bind_full_queue(self, key: str) -> None:
        full: FieldTable = {"x-max-length": 1, "x-overflow": "reject-publish"}
        await declare_queue(self.url, "full", EXCHANGE, key, arguments=full)
        async with open_channel(self.url) as channel:
            await channel.default_exchange.publish(aio_pika.Message(b"fills it"), "full")

    async def remove_exchange(self) -> None:
        async with open_channel(self.url) as channel:
            await channel.exchange_delete(EXCHANGE)

    async def park(self, count: int) -> None:
        async with open_channel(self.url) as channel:
            for _ in range(count):
                await channel.default_exchange.publish(aio_pika.Message(b"{}"), PARKED)

    async def arrived(self, count: int) -> list[str]:
        await self.count(count)
        return [message.message_id or "" for message in await collect(self.url, "queue", count)]

    async def count(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while (seen := await ready_count(self.url, "queue")) < count:  # noqa: ASYNC110 - nothing tells of arrivals
                await asyncio.sleep(0.01)
        assert seen == count

    def hold_confirms(self) -> None:
        self.proxy.pause(frozenset({Direction.TO_CLIENT}))

    def hold_messages(self) -> None:
        self.proxy.pause()

    def release(self) -> None:
        self.proxy.resume()

    def lose_connection(self) -> None:
        self.proxy.cut()

    async def written(self, count: int) -> None:
        """Return once aiormq has handed so many messages to the socket, whether it has taken them or not."""
        await until(lambda: self.written_count() >= count)

    def written_count(self) -> int:
        """Messages that aiormq has handed to the socket, over all channels that are open."""
        assert self.broker is not None
        assert self.broker._connection is not None
        connection = self.broker._connection._transport.connection
        channels = [each for each in connection.channels.values() if isinstance(each, aiormq.Channel)]
        return sum(each.delivery_tag for each in channels) - connection.write_queue.qsize()


@asynccontextmanager
async def rabbit_lab(url: str, publisher: Publisher = "page") -> AsyncIterator[RabbitLab]:
    """A RabbitLab on a vhost of its own."""
    parts = urlsplit(url)
    async with TcpProxy(parts.hostname or "", parts.port or 5672) as proxy:
        lab = RabbitLab(url, proxy, publisher)
        try:
            yield lab
        finally:
            proxy.resume()
            if lab.broker is not None:
                await lab.broker.close()


LABS = {publisher: partial(rabbit_lab, publisher=publisher) for publisher in SESSIONS}
"""The sessions that speak to RabbitMQ, each behind the same ports."""
