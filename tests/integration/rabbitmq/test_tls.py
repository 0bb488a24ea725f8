"""TLS: what the bridge trusts and what it does not."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bridge.errors import BrokerUnavailable
from bridge.ports import Outcome
from bridge.rabbitmq.connection import RabbitBroker
from bridge.rabbitmq.topology import Topology
from bridge.sandbox.tcp_proxy import TcpProxy
from bridge.tls import client_context
from tests.support.certificates import Authority
from tests.support.labs import EXCHANGE, Recorder, page

MakeBroker = Callable[[TcpProxy, ssl.SSLContext | None], RabbitBroker]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def make_broker(broker_vhost: str) -> AsyncIterator[MakeBroker]:
    async with AsyncExitStack() as brokers:

        def make(proxy: TcpProxy, tls: ssl.SSLContext | None) -> RabbitBroker:
            login = urlsplit(broker_vhost).netloc.rpartition("@")[0]
            netloc = f"{login}@{proxy.host}:{proxy.port}"
            url = urlsplit(broker_vhost)._replace(scheme="amqps", netloc=netloc).geturl()
            broker = RabbitBroker(
                lambda: [url],
                Topology(exchanges=(EXCHANGE,)),
                observer=Recorder(),
                confirm_timeout_s=5,
                max_in_flight=100,
                tls=tls,
                connect_timeout_s=5,
            )
            brokers.push_async_callback(broker.close)
            return broker

        yield make


def serving(broker_vhost: str, certificate: tuple[Path, Path], *, client_ca: Path | None = None) -> TcpProxy:
    """TLS in front of the broker."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    context.load_cert_chain(*certificate)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    parts = urlsplit(broker_vhost)
    return TcpProxy(parts.hostname or "", parts.port or 5672, tls=context)


async def test_a_certificate_of_the_authority_that_is_trusted_is_accepted(
    make_broker: MakeBroker, authority: Authority, broker_vhost: str
) -> None:
    async with serving(broker_vhost, authority.issue("127.0.0.1")) as proxy:
        session = await make_broker(proxy, client_context(ca_file=authority.ca_file)).session()

        assert await session.publish(page(1)) == [Outcome.RETURNED]


@pytest.mark.parametrize("stranger", [True, False], ids=["another authority", "the system's authorities"])
async def test_a_certificate_of_an_authority_that_is_not_trusted_is_refused(
    make_broker: MakeBroker, authority: Authority, broker_vhost: str, tmp_path: Path, *, stranger: bool
) -> None:
    tls = client_context(ca_file=Authority(tmp_path, "stranger").ca_file) if stranger else None
    async with serving(broker_vhost, authority.issue("127.0.0.1")) as proxy:
        with pytest.raises(BrokerUnavailable, match="its certificate is not trusted or is for another name"):
            await make_broker(proxy, tls).session()


async def test_a_certificate_for_another_host_is_refused(
    make_broker: MakeBroker, authority: Authority, broker_vhost: str
) -> None:
    async with serving(broker_vhost, authority.issue("127.0.0.2")) as proxy:
        with pytest.raises(BrokerUnavailable, match="its certificate is not trusted or is for another name"):
            await make_broker(proxy, client_context(ca_file=authority.ca_file)).session()


async def test_the_clients_certificate_is_shown_where_the_broker_asks_for_one(
    make_broker: MakeBroker, authority: Authority, broker_vhost: str
) -> None:
    server = serving(broker_vhost, authority.issue("127.0.0.1"), client_ca=authority.ca_file)
    cert_file, key_file = authority.issue("127.0.0.3")
    async with server as proxy:
        tls = client_context(ca_file=authority.ca_file, cert_file=cert_file, key_file=key_file)

        assert (await make_broker(proxy, tls).session()).is_open


async def test_a_port_that_speaks_no_tls_says_so(make_broker: MakeBroker, broker_vhost: str) -> None:
    parts = urlsplit(broker_vhost)
    async with TcpProxy(parts.hostname or "", parts.port or 5672) as proxy:
        with pytest.raises(BrokerUnavailable, match="TLS failed: check the port of amqps://"):
            await make_broker(proxy, None).session()
