"""`bridge check` and the broker: each way of not reaching it, the management API, permissions."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from bridge.sandbox.tcp_proxy import TcpProxy
from tests.support.certificates import Authority
from tests.support.check import Vhost, declare_all, told, with_login

EXCHANGE = "nhn.notifications"
UNSET = "BRIDGE_BROKER__MANAGEMENT_URL is not set"
NOT_THERE = "not there yet: `bridge run` declares it"


@pytest.fixture
async def other_cluster() -> AsyncIterator[str]:
    """URL of the management API of a cluster `rabbit@elsewhere`."""

    async def overview(_request: web.Request) -> web.Response:
        return web.json_response({"rabbitmq_version": "3.10.8", "cluster_name": "rabbit@elsewhere"})

    application = web.Application()
    application.add_routes([web.get("/api/overview", overview)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://guest:guest@127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


class TestReaching:
    async def test_each_url_is_told_by_itself_in_the_order_given(self, broker: Vhost) -> None:
        findings = await broker.look(
            "amqp://guest:guest@127.0.0.1:1/",
            "amqp://guest:guest@broker.invalid/",
            with_login(broker.url, "guest:wrong"),
            broker.url,
        )
        version = broker.api.get("api/overview").json()["rabbitmq_version"]
        assert told(findings, "broker") == [
            ("failed", "127.0.0.1:1: nothing listens there"),
            ("failed", "broker.invalid:5672: the host name is not known"),
            ("failed", f"{broker.address}: login refused: check user and password"),
            ("ok", f"{broker.address}: signed in; RabbitMQ {version}"),
        ]

    async def test_what_is_needed_is_looked_at_on_the_first_node_that_answers(self, broker: Vhost) -> None:
        findings = await broker.look("amqp://guest:guest@127.0.0.1:1/", broker.url, management=None)
        assert told(findings, "exchange") == [("ok", f"{EXCHANGE}: {NOT_THERE}")]

    async def test_a_vhost_that_is_missing_is_told_from_one_that_is_not_allowed(self, broker: Vhost) -> None:
        missing, stranger = f"{broker.url}-none", with_login(broker.url, broker.user())
        assert told(await broker.look(missing, stranger), "broker") == [
            ("failed", f"{broker.address}: there is no vhost {broker.vhost}-none"),
            ("failed", f"{broker.address}: the user may not use the vhost {broker.vhost}"),
        ]

    async def test_without_the_management_api_a_refused_vhost_may_be_either(self, broker: Vhost) -> None:
        ((_, found),) = told(await broker.look(f"{broker.url}-none", management=None), "broker")
        assert "it refuses the vhost: check that it exists and that the user may use it" in found

    async def test_tls_where_none_is_spoken_is_told(self, broker: Vhost) -> None:
        url = urlsplit(broker.url)._replace(scheme="amqps").geturl()
        ((verdict, found),) = told(await broker.look(url, management=None), "broker")
        assert verdict == "failed"
        assert "TLS failed" in found

    async def test_an_authority_has_to_be_named_to_be_trusted(self, broker: Vhost, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("127.0.0.1"))
        parts = urlsplit(broker.url)
        async with TcpProxy(parts.hostname or "", parts.port or 5672, tls=context) as proxy:
            url = with_login(broker.url, "guest:guest", address=f"127.0.0.1:{proxy.port}").replace("amqp:", "amqps:")
            before = await broker.look(url, management=None)
            named = {"BROKER__TLS__CA_FILE": str(authority.ca_file)}
            after = await broker.look(url, management=None, **named)
        ((verdict, found),) = told(before, "broker")
        assert verdict == "failed"
        assert "its certificate is not trusted or is for another name" in found
        assert [verdict for verdict, _ in told(after, "broker")] == ["ok"]

    async def test_without_any_node_the_management_api_still_tells(self, broker: Vhost) -> None:
        await declare_all(broker.url)
        url = with_login(broker.url, "guest:guest", address="127.0.0.1:1")
        findings = await broker.look(url)
        assert told(findings, "exchange") == [("ok", f"{EXCHANGE}: durable, type topic")]
        assert told(findings, "permissions") == [("ok", "configure, write, read: on all that is needed")]

    async def test_without_any_node_and_management_api_nothing_is_claimed(self, broker: Vhost) -> None:
        findings = await broker.look("amqp://guest:guest@127.0.0.1:1/", management=None)
        verdicts = {finding.subject: finding.verdict.value for finding in findings}
        assert verdicts.pop("broker") == "failed"
        assert set(verdicts.values()) == {"not verifiable"}

    async def test_no_finding_has_a_user_or_a_password_in_it(self, broker: Vhost) -> None:
        login = broker.user()
        urls = [with_login(broker.url, f"{login}x"), with_login(broker.url, login), "amqp://me:hunter2@127.0.0.1:1/"]
        management = with_login(broker.management_url, login)
        text = repr(await broker.look(*urls, management=management))
        for secret in (login.split(":")[0], "hunter2", "guest"):
            assert secret not in text.replace("guest in from its own machine", "")


class TestManagementApi:
    async def test_one_that_answers_tells_of_the_cluster(self, broker: Vhost) -> None:
        findings = await broker.look()
        cluster = broker.api.get("api/overview").json()["cluster_name"]
        assert told(findings, "management API") == [("ok", f"answers for the cluster {cluster}")]
        assert [verdict for verdict, _ in told(findings, "broker nodes")] == ["ok"]

    @pytest.mark.parametrize(
        ("url", "found"),
        [
            ("http://guest:guest@127.0.0.1:1", "nothing listens there"),
            ("http://guest:guest@broker.invalid:15672", "the host name is not known"),
        ],
    )
    async def test_one_that_is_not_there_is_a_failure_and_hides_what_it_would_tell(
        self, broker: Vhost, url: str, found: str
    ) -> None:
        findings = await broker.look(management=url)
        assert told(findings, "management API") == [("failed", found)]
        assert told(findings, "permissions") == [("not verifiable", "the management API gives no answer")]
        assert told(findings, "exchange") == [("ok", f"{EXCHANGE}: {NOT_THERE}")]

    async def test_a_login_that_it_refuses_is_a_failure(self, broker: Vhost) -> None:
        management = with_login(broker.management_url, "guest:wrong")
        findings = await broker.look(management=management)
        assert told(findings, "management API") == [("failed", "it refuses the login")]

    async def test_what_its_user_may_not_see_is_not_verifiable_and_the_tag_is_named(self, broker: Vhost) -> None:
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        management = with_login(broker.management_url, broker.user(tags="management", **everything))
        findings = await broker.look(management=management)
        hidden = {each.subject: each.fix for each in findings if each.verdict.value == "not verifiable"}
        assert hidden == {
            "broker nodes": (
                "Give the user of BRIDGE_BROKER__MANAGEMENT_URL the tag monitoring (rabbitmqctl set_user_tags)."
            ),
            "permissions": (
                "Give the user of BRIDGE_BROKER__MANAGEMENT_URL the tag administrator (rabbitmqctl set_user_tags)."
            ),
        }

    async def test_one_of_another_broker_is_not_believed(self, broker: Vhost, other_cluster: str) -> None:
        findings = await broker.look(management=other_cluster)
        ((verdict, found),) = told(findings, "management API")
        assert verdict == "failed"
        assert found.startswith("of another broker: the cluster rabbit@elsewhere, while events go to ")


class TestPermissions:
    async def test_a_user_that_may_do_all_that_is_needed_is_well(self, broker: Vhost) -> None:
        names = "^(nhn\\.notifications|bridge\\.parked)$"
        login = broker.user(configure=names, write=names, read="^bridge\\.parked$")
        findings = await broker.look(with_login(broker.url, login))
        assert told(findings, "permissions") == [("ok", "configure, write, read: on all that is needed")]

    async def test_each_permission_that_is_lacking_is_named(self, broker: Vhost) -> None:
        login = broker.user(configure="^nhn", write="^bridge", read="^$")
        findings = await broker.look(with_login(broker.url, login))
        lacking = "configure on bridge.parked; write on nhn.notifications; read on bridge.parked"
        assert told(findings, "permissions") == [("failed", f"the user lacks: {lacking}")]

    async def test_without_the_management_api_a_refused_declare_tells(self, broker: Vhost) -> None:
        await declare_all(broker.url)
        login = broker.user(configure="^$", write=".*", read=".*")
        findings = await broker.look(with_login(broker.url, login), management=None)
        lacking = "configure on bridge.parked; configure on nhn.notifications"
        assert told(findings, "permissions") == [("failed", f"the user lacks: {lacking}")]
        assert told(findings, "exchange") == [
            ("not verifiable", f"{EXCHANGE}: there; whether it is durable and of type topic cannot be seen")
        ]

    async def test_without_the_management_api_no_refusal_proves_nothing(self, broker: Vhost) -> None:
        await declare_all(broker.url)
        findings = await broker.look(management=None)
        assert told(findings, "permissions") == [("not verifiable", UNSET)]

    async def test_routing_keys_that_a_topic_permission_forbids_are_named(self, broker: Vhost) -> None:
        login = broker.user(configure=".*", write=".*", read=".*")
        topic = {"exchange": EXCHANGE, "write": "^(new-message|refused|sent-state|apprec|other)\\.", "read": ".*"}
        name = login.split(":")[0]
        broker.api.put(f"api/topic-permissions/{broker.vhost}/{name}", json=topic).raise_for_status()
        findings = await broker.look(with_login(broker.url, login))
        lacking = "write to nhn.notifications with the routing keys delivery-state.6789"
        assert told(findings, "permissions") == [("failed", f"the user lacks: {lacking}")]
