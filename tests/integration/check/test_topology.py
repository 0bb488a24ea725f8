"""`bridge check` and what is on the broker: exchanges, the parked queue, subscribers' queues and their bindings."""

import json

import aio_pika
import pytest
from pamqp.common import FieldTable

from bridge.check.report import Finding
from tests.support.broker import declare_queue, open_channel
from tests.support.check import Vhost, declare_all, told, with_login

EXCHANGE, PARKED = "nhn.notifications", "bridge.parked"
EVENTS = "new-message, refused, sent-state, apprec, delivery-state, other"
UNSET = "BRIDGE_BROKER__MANAGEMENT_URL is not set"


class TestTopology:
    @pytest.mark.parametrize("management", ["", None])
    async def test_what_run_has_declared_is_well(self, broker: Vhost, management: str | None) -> None:
        await declare_all(broker.url)
        findings = await broker.look(management=management)
        assert told(findings, "exchange") == [("ok", f"{EXCHANGE}: durable, type topic")]
        assert told(findings, "parked exchange") == [("ok", f"{PARKED}: durable, type fanout")]

    @pytest.mark.parametrize("management", ["", None])
    async def test_what_is_missing_fails_where_run_may_not_declare(self, broker: Vhost, management: str | None) -> None:
        findings = await broker.look(management=management, BROKER__TOPOLOGY="check")
        assert told(findings, "exchange") == [("failed", f"{EXCHANGE}: not there")]
        assert told(findings, "parked exchange") == [("failed", f"{PARKED}: not there")]
        assert told(findings, "parked queue") == [("failed", f"{PARKED}: not there")]

    @pytest.mark.parametrize("management", ["", None])
    async def test_an_exchange_of_another_type_is_a_failure(self, broker: Vhost, management: str | None) -> None:
        async with open_channel(broker.url) as channel:
            await channel.declare_exchange(EXCHANGE, "direct", durable=True)
            await channel.declare_exchange(PARKED, "fanout")
        findings = await broker.look(management=management)
        assert told(findings, "exchange") == [("failed", f"{EXCHANGE}: its type is direct")]
        assert told(findings, "parked exchange") == [("failed", f"{PARKED}: it is not durable")]

    @pytest.mark.parametrize("management", ["", None])
    async def test_a_parked_queue_that_is_not_durable_is_a_failure(self, broker: Vhost, management: str | None) -> None:
        async with open_channel(broker.url) as channel:
            await channel.declare_queue(PARKED, durable=False, auto_delete=False)
            findings = await broker.look(management=management)
        assert told(findings, "parked queue") == [("failed", f"{PARKED}: it is not durable")]

    async def test_a_parked_queue_that_is_another_connections_own_is_a_failure(self, broker: Vhost) -> None:
        async with open_channel(broker.url) as channel:
            await channel.declare_queue(PARKED, exclusive=True)
            findings = await broker.look(management=None)
        assert told(findings, "parked queue") == [("failed", f"{PARKED}: it is exclusive to another connection")]

    async def test_what_is_parked_is_counted_against_the_limit(self, broker: Vhost) -> None:
        await declare_all(broker.url)
        async with open_channel(broker.url) as channel:
            for _ in range(3):
                await channel.default_exchange.publish(aio_pika.Message(b"{}"), PARKED)
        assert told(await broker.look(), "parked queue") == [("ok", f"{PARKED}: 3 of at most 100000 messages")]
        full = await broker.look(BROKER__PARKED_LIMIT="3")
        assert told(full, "parked queue") == [
            ("failed", f"{PARKED}: 3 of at most 3 messages: nothing more is parked, streams are held")
        ]

    async def test_a_parked_queue_that_is_not_bound_fails_where_nobody_binds_it(self, broker: Vhost) -> None:
        async with open_channel(broker.url) as channel:
            await channel.declare_exchange(PARKED, "fanout", durable=True)
            await channel.declare_queue(PARKED, durable=True, arguments={"x-queue-type": "quorum"})
        ((verdict, found), *_) = told(await broker.look(BROKER__TOPOLOGY="check"), "parked queue")
        assert (verdict, found) == ("failed", f"{PARKED}: not bound to the exchange {PARKED}: nothing can be parked")
        ((verdict, found), *_) = told(await broker.look(), "parked queue")
        assert (verdict, found) == ("ok", f"{PARKED}: 0 of at most 100000 messages; `bridge run` binds it")

    async def test_an_argument_that_drops_what_is_parked_is_seen(self, broker: Vhost) -> None:
        short: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000, "x-max-length": 10}
        await declare_queue(broker.url, PARKED, arguments=short)
        assert told(await broker.look(), "parked queue")[1:] == [("warning", f"{PARKED}: max-length 10 drops messages")]


class TestRoutes:
    SUBSCRIPTIONS = json.dumps([{"queue": "inbox", "bindings": ["new-message.*", "apprec.*"]}])

    async def subscribed(self, broker: Vhost, **more: str | None) -> list[Finding]:
        management = more.pop("management", "")
        return await broker.look(management=management, BROKER__SUBSCRIPTIONS=self.SUBSCRIPTIONS)

    async def test_a_queue_with_all_its_bindings_is_well(self, broker: Vhost) -> None:
        await declare_queue(broker.url, "inbox", EXCHANGE, "new-message.*", "apprec.*")
        assert told(await self.subscribed(broker), "subscription") == [
            ("ok", f"inbox: bound to {EXCHANGE} with new-message.*, apprec.*")
        ]

    async def test_a_binding_that_is_missing_is_a_failure(self, broker: Vhost) -> None:
        await declare_queue(broker.url, "inbox", EXCHANGE, "new-message.*")
        assert told(await self.subscribed(broker), "subscription") == [
            ("failed", f"inbox: not bound to {EXCHANGE} with apprec.*; streams are held until it is")
        ]

    @pytest.mark.parametrize("management", ["", None])
    async def test_a_queue_that_is_missing_is_a_failure(self, broker: Vhost, management: str | None) -> None:
        assert told(await self.subscribed(broker, management=management), "subscription") == [
            ("failed", "inbox: the queue is not there; streams are held until it is")
        ]

    async def test_without_the_management_api_bindings_are_not_verifiable(self, broker: Vhost) -> None:
        await declare_queue(broker.url, "inbox", EXCHANGE, "new-message.*", "apprec.*")
        findings = await self.subscribed(broker, management=None)
        assert told(findings, "subscription") == [
            ("not verifiable", f"inbox: the queue is there; its bindings cannot be seen: {UNSET}")
        ]
        assert told(findings, "event types") == [("not verifiable", f"bindings cannot be seen: {UNSET}")]

    async def test_events_that_no_queue_is_bound_for_are_named(self, broker: Vhost) -> None:
        await declare_queue(broker.url, "inbox", EXCHANGE, "new-message.*", "apprec.7001")
        findings = await broker.look(NHN__IGNORE="refused,sent-state,delivery-state")
        assert told(findings, "event types") == [
            ("warning", "no queue is bound for other, apprec of 4 of 5 HER-ids: they will be parked")
        ]

    async def test_a_queue_for_everything_leaves_nothing_unbound(self, broker: Vhost) -> None:
        await declare_queue(broker.url, "audit", EXCHANGE, "#")
        findings = await broker.look()
        assert told(findings, "event types") == [("ok", f"a queue is bound for each: {EVENTS}")]

    async def test_before_the_first_start_everything_is_unbound(self, broker: Vhost) -> None:
        findings = await broker.look(BROKER__UNROUTABLE="hold")
        assert told(findings, "event types") == [
            ("warning", f"no queue is bound for {EVENTS}: the first one holds its stream (BROKER__UNROUTABLE)")
        ]

    async def test_a_queue_that_run_declares_counts_as_bound(self, broker: Vhost) -> None:
        own = json.dumps([{"queue": "audit", "bindings": ["#"], "declare": True}])
        findings = await broker.look(BROKER__SUBSCRIPTIONS=own)
        assert told(findings, "subscription") == [("ok", "audit: not there yet: `bridge run` declares it and binds it")]
        assert [verdict for verdict, _ in told(findings, "event types")] == ["ok"]

    @pytest.mark.parametrize("management", ["", None])
    async def test_an_exchange_of_somebody_else_has_to_be_there(self, broker: Vhost, management: str | None) -> None:
        own = json.dumps([{"queue": "audit", "exchange": "theirs", "bindings": ["#"], "declare": True}])
        findings = await broker.look(management=management, BROKER__SUBSCRIPTIONS=own)
        assert told(findings, "subscription") == [
            ("failed", "audit: its exchange theirs is not there; streams are held until it is")
        ]

    async def test_what_goes_on_to_another_exchange_is_not_verifiable(self, broker: Vhost) -> None:
        async with open_channel(broker.url) as channel:
            exchange = await channel.declare_exchange(EXCHANGE, "topic", durable=True)
            onward = await channel.declare_exchange("onward", "topic", durable=True)
            await onward.bind(exchange, "#")
        assert told(await broker.look(), "event types") == [
            ("not verifiable", f"no queue of its own for {EVENTS}; an exchange bound to {EXCHANGE} may have one")
        ]

    @pytest.mark.parametrize("is_policy", [False, True])
    async def test_with_an_alternate_exchange_it_is_not_verifiable(self, broker: Vhost, is_policy: bool) -> None:
        arguments: FieldTable = {} if is_policy else {"alternate-exchange": "rest"}
        async with open_channel(broker.url) as channel:
            await channel.declare_exchange(EXCHANGE, "topic", durable=True, arguments=arguments)
        if is_policy:
            policy = {"pattern": "^nhn", "definition": {"alternate-exchange": "rest"}, "apply-to": "exchanges"}
            broker.api.put(f"api/policies/{broker.vhost}/rest", json=policy).raise_for_status()
        assert told(await broker.look(), "event types") == [
            ("not verifiable", f"no queue of its own for {EVENTS}; its alternate exchange may have one")
        ]

    async def test_a_policy_that_may_not_be_read_may_name_an_alternate_exchange(self, broker: Vhost) -> None:
        await declare_all(broker.url)
        policy = {"pattern": "^nhn", "definition": {"alternate-exchange": "rest"}, "apply-to": "exchanges"}
        broker.api.put(f"api/policies/{broker.vhost}/rest", json=policy).raise_for_status()
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        management = with_login(broker.management_url, broker.user(tags="management", **everything))
        ((verdict, found),) = told(await broker.look(management=management), "event types")
        assert verdict == "not verifiable"
        assert found.endswith("; an alternate exchange, if its policy rest gives it one, may have one")


class TestChangesNothing:
    @pytest.mark.parametrize("management", ["", None])
    async def test_nothing_is_declared_where_nothing_is(self, broker: Vhost, management: str | None) -> None:
        before = broker.contents()
        await broker.look(management=management, BROKER__SUBSCRIPTIONS=TestRoutes.SUBSCRIPTIONS)
        assert broker.contents() == before

    @pytest.mark.parametrize("management", ["", None])
    async def test_what_is_there_stays_as_it_is(self, broker: Vhost, management: str | None) -> None:
        await declare_all(broker.url)
        await declare_queue(broker.url, "inbox", EXCHANGE, "#")
        before = broker.contents()
        await broker.look(management=management, BROKER__SUBSCRIPTIONS=TestRoutes.SUBSCRIPTIONS)
        assert broker.contents() == before
