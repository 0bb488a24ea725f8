"""`bridge check` and what Altinn's source needs of the broker: its exchange, the queue of registrations, routes."""

import json

import pytest
from pamqp.common import FieldTable

from bridge.check.report import Finding
from tests.support.broker import declare_queue, open_channel
from tests.support.check import Vhost, told, with_login

EXCHANGE, QUEUE = "altinn.notifications", "bridge.altinn.orders"
QUORUM: FieldTable = {"x-queue-type": "quorum"}
ALTINN = {"ALTINN__BASE_URL": "http://127.0.0.1:1", "ALTINN__AUTH__METHOD": "none"}
ALTINN_ONLY = {**ALTINN, "NHN__ENABLED": "off"}
MANAGED = pytest.mark.parametrize("management", ["", None])


async def look(broker: Vhost, *urls: str, management: str | None = "", **more: str) -> list[Finding]:
    return await broker.look(*urls, management=management, **ALTINN_ONLY, **more)


async def declare_all(url: str) -> None:
    """What Altinn's source needs beside what is parked."""
    async with open_channel(url) as channel:
        await channel.declare_exchange(EXCHANGE, "topic", durable=True)
    await declare_queue(url, QUEUE, arguments=QUORUM)


@MANAGED
async def test_before_the_first_start_all_of_it_is_yet_to_be_declared(broker: Vhost, management: str | None) -> None:
    before = broker.contents()
    findings = await look(broker, management=management)
    assert told(findings, "exchange") == [("ok", f"{EXCHANGE}: not there yet: `bridge run` declares it")]
    assert told(findings, "registrations") == [("ok", f"{QUEUE}: not there yet: `bridge run` declares it")]
    assert broker.contents() == before


@MANAGED
async def test_what_is_missing_fails_where_run_may_not_declare(broker: Vhost, management: str | None) -> None:
    findings = await look(broker, management=management, BROKER__TOPOLOGY="check")
    assert told(findings, "exchange") == [("failed", f"{EXCHANGE}: not there")]
    assert told(findings, "registrations") == [("failed", f"{QUEUE}: not there")]


async def test_what_run_has_declared_is_well_and_is_not_changed(broker: Vhost) -> None:
    await declare_all(broker.url)
    before = broker.contents()
    findings = await look(broker, BROKER__TOPOLOGY="check")
    assert told(findings, "exchange") == [("ok", f"{EXCHANGE}: durable, type topic")]
    assert told(findings, "registrations") == [("ok", f"{QUEUE}: durable, type quorum; 0 registrations waiting")]
    assert broker.contents() == before


async def test_without_the_management_api_the_arguments_of_the_queue_cannot_be_seen(broker: Vhost) -> None:
    await declare_all(broker.url)
    findings = await look(broker, management=None)
    assert told(findings, "registrations") == [
        ("not verifiable", f"{QUEUE}: there; 0 registrations waiting; its arguments cannot be seen")
    ]


async def test_an_existing_durable_queue_of_another_type_is_accepted(broker: Vhost) -> None:
    await declare_queue(broker.url, QUEUE, arguments={"x-queue-type": "classic"})
    assert told(await look(broker), "registrations") == [
        ("ok", f"{QUEUE}: durable, type classic; 0 registrations waiting")
    ]


@MANAGED
async def test_an_exchange_of_another_type_is_mended_by_its_own_setting(broker: Vhost, management: str | None) -> None:
    async with open_channel(broker.url) as channel:
        await channel.declare_exchange(EXCHANGE, "fanout", durable=True)
    (finding,) = [each for each in await look(broker, management=management) if each.subject == "exchange"]
    assert (finding.verdict.value, finding.found) == ("failed", "its type is fanout")
    assert finding.fix is not None
    assert finding.fix.endswith("or name another one in BRIDGE_BROKER__EXCHANGE_ALTINN.")


async def test_a_user_that_may_do_all_that_is_needed_is_well(broker: Vhost) -> None:
    login = broker.user(
        configure="^(altinn\\.notifications|bridge\\.parked|bridge\\.altinn\\.orders)$",
        write="^(altinn\\.notifications|bridge\\.parked)$",
        read="^bridge\\.(parked|altinn\\.orders)$",
    )
    findings = await look(broker, with_login(broker.url, login))
    assert told(findings, "permissions") == [("ok", "configure, write, read: on all that is needed")]


@pytest.mark.parametrize(
    ("topology", "lacking"),
    [
        (
            "declare",
            (
                "configure on altinn.notifications, bridge.altinn.orders; write on altinn.notifications; "
                "read on bridge.altinn.orders"
            ),
        ),
        ("check", "write on altinn.notifications; read on bridge.altinn.orders"),
    ],
)
async def test_each_permission_that_is_lacking_is_named(broker: Vhost, topology: str, lacking: str) -> None:
    only_parked = "^bridge\\.parked$"
    login = broker.user(configure=only_parked, write=only_parked, read=only_parked)
    findings = await look(broker, with_login(broker.url, login), BROKER__TOPOLOGY=topology)
    assert told(findings, "permissions") == [("failed", f"the user lacks: {lacking}")]


async def test_routing_keys_that_a_topic_permission_forbids_are_named(broker: Vhost) -> None:
    login = broker.user(configure=".*", write=".*", read=".*")
    topic = {"exchange": EXCHANGE, "write": "^email-status\\.[^n]", "read": ".*"}
    name = login.split(":")[0]
    broker.api.put(f"api/topic-permissions/{broker.vhost}/{name}", json=topic).raise_for_status()
    findings = await look(broker, with_login(broker.url, login))
    lacking = "write to altinn.notifications with the routing keys email-status.new"
    assert told(findings, "permissions") == [("failed", f"the user lacks: {lacking}")]


async def test_a_subscription_without_an_exchange_is_of_altinns_events(broker: Vhost) -> None:
    await declare_queue(broker.url, "inbox", EXCHANGE, "email-status.*")
    findings = await look(broker, BROKER__SUBSCRIPTIONS='{"queue": "inbox", "bindings": "email-status.*"}')
    assert told(findings, "subscription") == [("ok", f"inbox: bound to {EXCHANGE} with email-status.*")]
    assert told(findings, "event types") == [("ok", "Altinn: a queue is bound for each: email-status.*")]


async def test_statuses_that_no_queue_is_bound_for_are_named(broker: Vhost) -> None:
    await declare_queue(broker.url, "inbox", EXCHANGE, "email-status.*")
    findings = await look(broker, ALTINN__ORDER_CLOSED_EVENTS="on")
    assert told(findings, "event types") == [
        ("warning", "Altinn: no queue is bound for order-closed.*: they will be parked")
    ]


async def test_both_sources_are_looked_at_each_for_itself(broker: Vhost) -> None:
    own = json.dumps(
        [
            {"queue": "messages", "bindings": ["#"], "declare": True},
            {"queue": "mails", "exchange": EXCHANGE, "bindings": ["email-status.*"], "declare": True},
        ]
    )
    findings = await broker.look(BROKER__SUBSCRIPTIONS=own, **ALTINN)
    assert told(findings, "exchange") == [
        ("ok", "nhn.notifications: not there yet: `bridge run` declares it"),
        ("ok", f"{EXCHANGE}: not there yet: `bridge run` declares it"),
    ]
    assert [found for _, found in told(findings, "subscription")] == [
        "messages: not there yet: `bridge run` declares it and binds it",
        "mails: not there yet: `bridge run` declares it and binds it",
    ]
    assert [verdict for verdict, _ in told(findings, "event types")] == ["ok", "ok"]


async def test_nothing_of_altinns_is_looked_for_where_its_source_is_off(broker: Vhost) -> None:
    findings = await broker.look()
    assert told(findings, "registrations") == []
    assert [found for _, found in told(findings, "exchange")] == [
        "nhn.notifications: not there yet: `bridge run` declares it"
    ]
