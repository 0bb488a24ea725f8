"""RabbitBroker: connecting over several URLs, once for all who wait, and ending it, whatever the network does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from bridge import __version__
from bridge.errors import BrokerUnavailable, ConfigurationError
from bridge.ports import Outcome
from bridge.rabbitmq.connection import RabbitBroker
from bridge.rabbitmq.topology import Topology
from bridge.sandbox.tcp_proxy import TcpProxy
from tests.support.broker import Rabbitmqctl, vhost_of
from tests.support.labs import EXCHANGE, RabbitLab, Recorder, page

DEAD = "amqp://kari:secret@127.0.0.1:1/"
"""A URL where nothing listens."""

MakeBroker = Callable[..., RabbitBroker]


@pytest.fixture
def observer() -> Recorder:
    return Recorder()


@pytest.fixture
async def make_broker(observer: Recorder) -> AsyncIterator[MakeBroker]:
    """Brokers that are closed at the end."""
    async with AsyncExitStack() as brokers:

        def make(urls: Sequence[str] | Callable[[], Sequence[str]], *, timeout_s: float = 5) -> RabbitBroker:
            broker = RabbitBroker(
                urls if callable(urls) else lambda: urls,
                Topology(exchanges=(EXCHANGE,)),
                observer=observer,
                confirm_timeout_s=5,
                max_in_flight=100,
                connect_timeout_s=timeout_s,
            )
            brokers.push_async_callback(broker.close)
            return broker

        yield make


@pytest.fixture
async def nodes(broker_vhost: str) -> AsyncIterator[list[TcpProxy]]:
    """Two ways to the same vhost, as two nodes of a cluster would be."""
    parts = urlsplit(broker_vhost)
    target = parts.hostname or "", parts.port or 5672
    async with TcpProxy(*target) as first, TcpProxy(*target) as second:
        yield [first, second]


def urls_of(nodes: Sequence[TcpProxy], vhost: str) -> list[str]:
    login = urlsplit(vhost).netloc.rpartition("@")[0]
    return [urlsplit(vhost)._replace(netloc=f"{login}@{node.host}:{node.port}").geturl() for node in nodes]


class TestUrls:
    async def test_a_url_that_fails_is_followed_by_the_next(
        self, make_broker: MakeBroker, nodes: list[TcpProxy], broker_vhost: str, observer: Recorder
    ) -> None:
        nodes[0].refuse()
        broker = make_broker(urls_of(nodes, broker_vhost))

        await broker.session()

        assert broker.is_connected
        assert observer.told == [("connected", f"127.0.0.1:{nodes[1].port}")]

    async def test_after_a_lost_connection_the_next_url_is_tried_first(
        self, make_broker: MakeBroker, nodes: list[TcpProxy], broker_vhost: str, observer: Recorder
    ) -> None:
        broker = make_broker(urls_of(nodes, broker_vhost))
        for _ in range(3):
            session = await broker.session()
            publishing = asyncio.create_task(session.publish(page(1)))
            nodes[0].cut()
            nodes[1].cut()
            await publishing
            await session.close()

        assert observer.reasons("connected") == [f"127.0.0.1:{nodes[index].port}" for index in (0, 1, 0)]

    async def test_every_url_is_tried_once_and_all_failures_are_named_without_user_or_password(
        self, make_broker: MakeBroker, nodes: list[TcpProxy], broker_vhost: str, observer: Recorder
    ) -> None:
        nodes[0].refuse()
        broker = make_broker([DEAD, *urls_of(nodes[:1], broker_vhost)])

        with pytest.raises(BrokerUnavailable) as caught:
            await broker.session()

        told = str(caught.value)
        assert told == (
            "RabbitMQ at 127.0.0.1:1: nothing listens there; "
            f"RabbitMQ at 127.0.0.1:{nodes[0].port}: the connection failed"
        )
        assert observer.told == [("unavailable", told)]
        assert not broker.is_connected

    async def test_urls_are_asked_for_again_at_each_connecting(
        self, make_broker: MakeBroker, nodes: list[TcpProxy], broker_vhost: str
    ) -> None:
        urls = [DEAD]
        broker = make_broker(lambda: urls)
        with pytest.raises(BrokerUnavailable):
            await broker.session()

        urls[:] = urls_of(nodes[:1], broker_vhost)

        assert (await broker.session()).is_open

    async def test_a_wrong_url_at_the_start_is_a_mistake_in_the_settings(self, make_broker: MakeBroker) -> None:
        with pytest.raises(ConfigurationError, match="take them out"):
            make_broker(["amqps://user:secret@host/?no_verify_ssl=1"])

    async def test_a_url_that_becomes_wrong_is_unavailable(
        self, make_broker: MakeBroker, nodes: list[TcpProxy], broker_vhost: str
    ) -> None:
        urls: list[str] = []
        broker = make_broker(lambda: urls)
        with pytest.raises(BrokerUnavailable, match=r"^No URL of a broker is given$"):
            await broker.session()

        urls[:] = ["amqps://user:secret@host/?no_verify_ssl=1", *urls_of(nodes[:1], broker_vhost)]

        assert (await broker.session()).is_open


class TestSigningIn:
    async def test_a_wrong_password_says_so(self, make_broker: MakeBroker, broker_vhost: str) -> None:
        address = urlsplit(broker_vhost).netloc.rpartition("@")[2]
        broker = make_broker([f"amqp://kari:secret@{address}/"])

        with pytest.raises(BrokerUnavailable) as caught:
            await broker.session()

        assert str(caught.value) == f"RabbitMQ at {address}: login refused: check user and password"

    async def test_a_vhost_that_is_not_there_says_so_and_names_no_user(
        self, make_broker: MakeBroker, broker_vhost: str
    ) -> None:
        broker = make_broker([urlsplit(broker_vhost)._replace(path="/nowhere").geturl()])

        with pytest.raises(BrokerUnavailable, match=r": it refuses the vhost: check that it exists") as caught:
            await broker.session()

        assert "guest" not in str(caught.value)

    async def test_the_broker_is_told_who_connects(self, lab: RabbitLab, rabbitmqctl: Rabbitmqctl) -> None:
        await lab.session()

        listed = await rabbitmqctl("--quiet", "list_connections", "vhost", "timeout", "client_properties")

        (ours,) = [line for line in listed.splitlines() if line.startswith(vhost_of(lab.url))]
        assert '{"connection_name","bridge"}' in ours
        assert '{"product","notification-bridge"}' in ours
        assert f'{{"version","{__version__}"}}' in ours
        assert ours.split("\t")[1] == "10"


class TestOneConnection:
    async def test_all_who_wait_share_one_connecting(self, lab: RabbitLab) -> None:
        sessions = [await lab.session()]
        sessions += await asyncio.gather(*[lab.session() for _ in range(10)])

        assert lab.proxy.accepted == 1
        assert all(session.is_open for session in sessions)

    async def test_all_who_wait_share_its_failure(
        self, make_broker: MakeBroker, nodes: list[TcpProxy], broker_vhost: str, observer: Recorder
    ) -> None:
        nodes[0].pause()
        broker = make_broker(urls_of(nodes[:1], broker_vhost), timeout_s=0.2)

        results = await asyncio.gather(*[broker.session() for _ in range(10)], return_exceptions=True)

        assert [type(result) for result in results] == [BrokerUnavailable] * 10
        assert nodes[0].accepted == 1
        assert len(observer.told) == 1

    async def test_one_who_stops_waiting_does_not_stop_the_others(self, lab: RabbitLab) -> None:
        lab.proxy.pause()
        impatient, patient = asyncio.create_task(lab.session()), asyncio.create_task(lab.session())
        await asyncio.sleep(0)
        impatient.cancel()
        lab.proxy.resume()

        assert (await patient).is_open

    async def test_a_topology_that_lost_an_exchange_is_declared_again(self, lab: RabbitLab) -> None:
        session = await lab.session()
        await lab.remove_exchange()
        assert await session.publish(page(1)) == [Outcome.UNKNOWN]

        again = await lab.session()

        assert await again.publish(page(1)) == [Outcome.RETURNED]
        assert lab.proxy.accepted == 1
        (reason,) = lab.observer.reasons("session_ended")
        assert str(reason).startswith("an exchange or queue is missing (NOT_FOUND - no exchange 'contract'")


async def test_a_proxy_that_is_no_broker_is_told_by_its_answer(make_broker: MakeBroker) -> None:
    async def speak_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_http, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        broker = make_broker([f"amqp://guest:guest@127.0.0.1:{port}/"])

        with pytest.raises(BrokerUnavailable, match=f"^RabbitMQ at 127.0.0.1:{port}: "):
            await broker.session()
