"""Orders from their registration to the last event of their e-mails: the whole bridge, its API and broker for real."""

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.sandbox.altinn.records import ORGANISATION
from tests.support.orders_world import (
    BridgedOrders,
    assert_told,
    bridged_orders,
    closed,
    statuses,
)

NATIONAL_IDENTITY_NUMBER = "nationalIdentityNumber"


@pytest.fixture(name="bridged")
def _bridged(tmp_path: Path, broker_vhost: str) -> BridgedOrders:
    """`bridged_orders` in this test's directory and vhost."""
    return partial(bridged_orders, tmp_path, broker_vhost)


async def test_an_order_of_the_settings_is_watched_to_its_end(bridged: BridgedOrders) -> None:
    async with bridged(start=False) as world:
        order = world.create(email_lives=("delivered", "bounced"))
        world.environment["BRIDGE_ALTINN__ORDERS"] = order.id.upper()
        await world.start()
        await world.until_closed(order)
        events = await world.arrived()
        assert_told(world.now(order), events)
        assert closed(events) == {order.id: "completed"}


async def test_an_order_registered_by_a_message_is_watched_to_its_end_and_the_message_is_gone(
    bridged: BridgedOrders,
) -> None:
    async with bridged() as world:
        order = world.create(email_lives=("delivered",))
        await world.register(order, order)
        await world.until_closed(order)
        assert_told(world.now(order), await world.arrived())
        await world.stop()
        assert await world.ready("bridge.altinn.orders") == 0


async def test_an_order_added_by_the_command_is_watched_by_the_bridge_that_runs(bridged: BridgedOrders) -> None:
    async with bridged() as world:
        order = world.create(email_lives=("quarantined",))
        await world.until_migrated()
        add = partial(CliRunner().invoke, main, ["orders", "add", order.id], env=dict(world.environment))
        assert (await asyncio.to_thread(add)).exit_code == 0
        await world.until_closed(order)
        assert_told(world.now(order), await world.arrived())


async def test_an_order_that_nobody_registered_is_found_by_the_feed(bridged: BridgedOrders) -> None:
    async with bridged(settings={"BRIDGE_ALTINN__DISCOVERY": "feed", "BRIDGE_ALTINN__FEED_START": "earliest"}) as world:
        order = world.create(email_lives=("delivered", "failed"))
        await world.until_closed(order)
        events = await world.arrived()
        assert_told(world.now(order), events)
        assert {event["data"]["status"] for event in events if "status" in event["data"]} == {"Delivered", "Failed"}


async def test_the_feed_started_at_its_end_names_only_what_ends_from_then_on(bridged: BridgedOrders) -> None:
    async with bridged(start=False, settings={"BRIDGE_ALTINN__DISCOVERY": "feed"}) as world:
        before = world.create(email_lives=("not-identified",))
        await world.until_in_feed(before)
        await world.start()
        await world.until_stream_stands("altinn/feed", at=world.now(before).sequence_number)
        after = world.create(email_lives=("delivered",))
        await world.until_closed(after)
        assert await world.state(before) is None
        assert {event["data"]["orderId"] for event in await world.arrived()} == {after.id}


async def test_each_change_of_an_email_is_published_with_the_status_before_it(bridged: BridgedOrders) -> None:
    async with bridged() as world:
        order = world.create(email_paths=(("New",), ("New",)), is_processed=True)
        email, other = order.notifications
        await world.register(order)
        passed = ["New", "Sending", "New", "Sending", "Succeeded", "Delivered", "Failed_Bounced"]
        for count, status in enumerate(passed, start=1):
            if count > 1:
                world.sandbox.altinn.move(order.id, email.id, status)
            await world.until_waiting(count + 1)
        events = await world.arrived()
        assert statuses(events, email.id) == passed
        assert statuses(events, other.id) == ["New"]
        told = [event["data"] for event in events if event["subject"] == email.id]
        assert [each["previousStatus"] for each in told] == [None, *passed[:-1]]
        assert [each["final"] for each in told] == [False] * 5 + [True, True]


@pytest.mark.parametrize(
    ("life", "end"),
    [("sms-only", "completed"), ("cancelled", "cancelled"), ("condition-not-met", "condition-not-met")],
)
async def test_an_order_without_emails_ends_as_the_api_says(bridged: BridgedOrders, life: str, end: str) -> None:
    async with bridged() as world:
        order = world.create(life=life)
        await world.register(order)
        await world.until_closed(order)
        events = await world.arrived()
        assert [event["data"] for event in events] == [
            {
                "orderId": order.id,
                "sendersReference": order.senders_reference,
                "reason": end,
                "generated": 0,
                "succeeded": 0,
                "lastUpdate": world.now(order).history[-1].last_update,
            }
        ]


async def test_an_order_that_never_ends_is_given_up_told_once_and_shown(bridged: BridgedOrders) -> None:
    async with bridged(settings={"BRIDGE_ALTINN__GIVE_UP_AFTER_S": "0.5"}) as world:
        order = world.create(email_lives=("stuck-in-sending",))
        await world.register(order)
        await world.until_state(order, "given-up")
        events = await world.arrived()
        assert closed(events) == {order.id: "given-up"}
        assert [line["order_id"] for line in world.log("order.given-up")] == [order.id]
        assert await world.metric("bridge_orders_closed_total", reason="given-up") == 1


@pytest.mark.timeout(90)
async def test_ten_thousand_emails_of_one_order_arrive(bridged: BridgedOrders) -> None:
    async with bridged() as world:
        order = world.create(emails=10_000, email_lives=("not-identified",), is_processed=True)
        await world.register(order)
        await world.until_state(order, "completed", timeout_s=60)
        events = await world.arrived()
        assert len({event["id"] for event in events}) == 10_001
        assert {event["data"]["notificationId"] for event in events if "notificationId" in event["data"]} == {
            email.id for email in world.now(order).notifications
        }


@pytest.mark.parametrize(
    ("detail", "names"),
    [
        ("none", None),
        ("address", {"emailAddress", "organizationNumber"}),
        ("full", {"emailAddress", "organizationNumber", NATIONAL_IDENTITY_NUMBER}),
    ],
)
async def test_an_event_carries_of_the_recipient_what_the_setting_says_and_the_log_nothing(
    bridged: BridgedOrders, detail: str, names: set[str] | None
) -> None:
    async with bridged(settings={"BRIDGE_ALTINN__RECIPIENT": detail, "BRIDGE_LOG__LEVEL": "debug"}) as world:
        order = world.create(email_lives=("not-identified", "delivered"))
        await world.register(order)
        await world.until_closed(order)
        recipients = [event["data"]["recipient"] for event in await world.arrived() if "recipient" in event["data"]]
        assert recipients
        assert all((None if each is None else set(each)) == names for each in recipients)
        answer = world.sandbox.altinn.emails(order.id, ORGANISATION)
        assert answer is not None
        shown = msgspec.json.decode(answer.body)["notifications"]
        personal = [value for each in shown for value in each["recipient"].values() if value]
        assert personal
        assert not [value for value in personal if value in world.whole_log()]


async def test_orders_are_counted_by_state_in_status_and_metrics(bridged: BridgedOrders) -> None:
    async with bridged() as world:
        ended = world.create(email_lives=("not-identified",))
        stuck = world.create(email_lives=("stuck-in-new",), is_processed=True)
        await world.register(ended, stuck)
        await world.until_closed(ended)
        await world.until_state(stuck, "sending")
        await world.stop()
        await world.start()

        async def is_counted() -> bool:
            orders = (await world.status())["orders"] or {}
            return (orders.get("completed"), orders.get("sending")) == (1, 1)

        await world.until(is_counted)
        assert await world.metric("bridge_orders_watched", state="completed") == 1
