"""The client of RabbitMQ's management API, with a real one, and with what may stand in its place."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from pamqp.common import FieldTable

from bridge.rabbitmq import management
from bridge.rabbitmq.management import (
    Binding,
    Exchange,
    Management,
    ManagementRefused,
    ManagementUnavailable,
    Permissions,
    Queue,
    open_management,
)
from bridge.sandbox.tcp_proxy import TcpProxy
from bridge.tls import client_context
from tests.support.broker import declare_queue, open_channel, vhost_of
from tests.support.certificates import Authority

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def api(broker_vhost: str, broker_management_url: str) -> AsyncIterator[Management]:
    vhost = vhost_of(broker_vhost)
    async with open_management(broker_management_url.rstrip("/"), vhost=vhost, tls=client_context()) as api:
        yield api


class TestRealOne:
    async def test_it_says_who_answers(self, api: Management) -> None:
        overview = await api.overview()
        assert overview.rabbitmq_version.split(".")[0] in {"3", "4"}
        assert "@" in overview.cluster_name

    async def test_nodes_are_seen_with_their_alarms(self, api: Management) -> None:
        nodes = await api.nodes()
        assert nodes
        assert all(node.running and not node.mem_alarm and not node.disk_free_alarm for node in nodes)

    async def test_what_is_not_there_is_nothing(self, api: Management) -> None:
        assert await api.exchange("none") is None
        assert await api.queue("none") is None
        assert await api.bindings_from("none") == []
        assert await api.permissions("nobody") is None
        assert await api.topic_permissions("nobody") == []
        assert await api.policy("none") == {}

    async def test_an_exchange_is_seen_with_its_type_and_arguments(self, api: Management, broker_vhost: str) -> None:
        async with open_channel(broker_vhost) as channel:
            await channel.declare_exchange("a/b", "topic", durable=True, arguments={"alternate-exchange": "rest"})
        assert await api.exchange("a/b") == Exchange(
            type="topic", durable=True, arguments={"alternate-exchange": "rest"}
        )

    async def test_a_queue_is_seen_with_its_limits(self, api: Management, broker_vhost: str) -> None:
        arguments: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
        await declare_queue(broker_vhost, "a/queue#1", arguments=arguments)
        queue = await api.queue("a/queue#1")
        assert queue is not None
        assert (queue.type, queue.durable) == ("quorum", True)
        assert queue.limits["delivery-limit"] == 1_000_000

    async def test_bindings_of_an_exchange_are_seen_to_queues_and_to_exchanges(
        self, api: Management, broker_vhost: str
    ) -> None:
        await declare_queue(broker_vhost, "inbox", "events", "new-message.*", "#")
        async with open_channel(broker_vhost) as channel:
            onward = await channel.declare_exchange("onward", "topic", durable=True)
            await onward.bind("events", "apprec.*")
        assert sorted(await api.bindings_from("events"), key=str) == [
            Binding("inbox", "queue", "#"),
            Binding("inbox", "queue", "new-message.*"),
            Binding("onward", "exchange", "apprec.*"),
        ]

    async def test_permissions_of_a_user_are_seen(self, api: Management, broker_vhost: str) -> None:
        user = urlsplit(broker_vhost).username or ""
        assert await api.permissions(user) == Permissions(configure=".*", write=".*", read=".*")

    async def test_a_vhost_is_there_or_not(self, api: Management, broker_vhost: str) -> None:
        assert await api.has_vhost(vhost_of(broker_vhost))
        assert not await api.has_vhost("no/such")

    async def test_the_vhost_of_a_slash_is_asked_for_as_that(self, broker_management_url: str) -> None:
        async with open_management(broker_management_url.rstrip("/"), vhost="/", tls=client_context()) as api:
            assert await api.exchange("amq.topic") == Exchange(type="topic", durable=True)

    async def test_a_login_that_is_refused_is_told_without_being_named(self, broker_management_url: str) -> None:
        address = urlsplit(broker_management_url).netloc.rpartition("@")[2]
        async with open_management(f"http://me:hunter2@{address}", vhost="/", tls=client_context()) as api:
            with pytest.raises(ManagementRefused) as caught:
                await api.overview()
        assert str(caught.value) == f"The management API at {address} does not let its user see this (401)"

    async def test_over_tls_the_authority_has_to_be_trusted(self, broker_management_url: str, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("127.0.0.1"))
        parts = urlsplit(broker_management_url)
        async with TcpProxy(parts.hostname or "", parts.port or 15672, tls=context) as proxy:
            url = f"https://{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"
            async with open_management(url, vhost="/", tls=client_context(ca_file=authority.ca_file)) as api:
                assert await api.exchange("amq.topic") is not None
            async with open_management(url, vhost="/", tls=client_context()) as api:
                with pytest.raises(ManagementUnavailable, match=r"no connection \(ConnectError\)$"):
                    await api.exchange("amq.topic")


@asynccontextmanager
async def standing_in(answer: Answer, *, timeout_s: float = 10) -> AsyncIterator[Management]:
    """A client of a server that answers everything like this."""
    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://me:hunter2@127.0.0.1:{runner.addresses[0][1]}/prefix"
    try:
        async with open_management(url, vhost="/", tls=client_context(), timeout_s=timeout_s) as api:
            yield api
    finally:
        await runner.cleanup()


class TestInItsPlace:
    async def test_the_path_of_the_url_and_its_login_are_kept(self) -> None:
        seen: list[tuple[str, str]] = []

        async def answer(request: web.Request) -> web.Response:
            seen.append((request.raw_path, request.headers["Authorization"]))
            return web.json_response({"type": "topic", "durable": True})

        async with standing_in(answer) as api:
            await api.exchange("a b/c")
        assert seen == [("/prefix/api/exchanges/%2F/a%20b%2Fc", "Basic bWU6aHVudGVyMg==")]

    async def test_a_server_that_says_nothing_is_given_up(self) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(1000):
                await response.write(b" ")  # so that no single wait is long
                await asyncio.sleep(0.01)
            return response

        async with standing_in(answer, timeout_s=0.2) as api:
            with pytest.raises(ManagementUnavailable, match=r"no answer within 0\.2 s$"):
                await api.overview()

    async def test_an_answer_without_end_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(management, "MAX_BODY_BYTES", 1000)

        async def answer(_request: web.Request) -> web.Response:
            return web.Response(body=b" " * 1001)

        async with standing_in(answer) as api:
            with pytest.raises(ManagementUnavailable, match=r"an answer is over 1000 bytes$"):
                await api.overview()

    @pytest.mark.parametrize(
        ("status", "body", "message"),
        [
            (200, "<html>Sign in</html>", "what answers there is no management API of RabbitMQ"),
            (200, '{"rabbitmq_version": 3}', "what answers there is no management API of RabbitMQ"),
            (200, "[" * 100_000, "what answers there is no management API of RabbitMQ"),
            (404, "Not Found", "what answers there is no management API of RabbitMQ"),
            (302, "", "answered 302"),
            (500, "", "answered 500"),
            (403, "", "does not let its user see this (403)"),
        ],
    )
    async def test_whatever_is_no_answer_of_it_is_unavailable(self, status: int, body: str, message: str) -> None:
        async def answer(_request: web.Request) -> web.Response:
            return web.Response(status=status, text=body)

        async with standing_in(answer) as api:
            with pytest.raises(ManagementUnavailable) as caught:
                await api.overview()
        assert message in str(caught.value)
        assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, {"max-length": 10}),
        ([], {"max-length": 10}),
        ({"expires": 5}, {"max-length": 10, "expires": 5}),
        ({"max-length": 3}, {"max-length": 3}),
        ({"max-length": 30}, {"max-length": 10}),
    ],
)
def test_limits_come_from_arguments_and_policies(policy: dict[str, int] | None, expected: dict[str, int]) -> None:
    queue = Queue(durable=True, arguments={"x-max-length": 10}, effective_policy_definition=policy)
    assert queue.limits == expected
