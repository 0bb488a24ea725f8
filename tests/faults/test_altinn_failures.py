"""Altinn's API, the broker and the bridge itself fail (product.md §8): named, retried, and no change is lost."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from bridge.sandbox.altinn.faults import Endpoint
from bridge.sandbox.altinn.lives import Pace
from bridge.sandbox.altinn.records import AltinnPlan
from bridge.sandbox.faults import FaultKind
from tests.support.broker import declare_queue, unbind
from tests.support.in_process import Bridge
from tests.support.orders_world import (
    ENDS,
    EXCHANGE,
    QUEUE,
    BridgedOrders,
    assert_told,
    bridged_orders,
    closed,
    statuses,
)

PARKED = "bridge.parked"
ORDER_STREAMS = {f"altinn/orders/{number}" for number in range(4)} | {"altinn/registrations"}


@pytest.fixture(name="bridged")
def _bridged(tmp_path: Path, broker_vhost: str) -> BridgedOrders:
    """`bridged_orders` in this test's directory and vhost."""
    return partial(bridged_orders, tmp_path, broker_vhost)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (FaultKind.SERVER_ERROR, "the API answered 500"),
        (FaultKind.CONNECTION_RESET, "the connection failed"),
        (FaultKind.BODY_CUT, "the answer was cut off or is no HTTP"),
        (FaultKind.HTML, "the API's answer is no JSON"),
        (FaultKind.NESTED_JSON, "the API's answer on e-mails is not the documented JSON"),
    ],
)
async def test_failed_polls_are_named_and_retried_and_never_taken_for_an_order_without_emails(
    bridged: BridgedOrders, kind: FaultKind, cause: str
) -> None:
    async with bridged() as world:
        order = world.create(email_lives=("delivered", "bounced"))
        world.fault(kind)
        await world.register(order)
        await world.until(lambda: any(cause in line["error"] for line in world.log("poll.failed")))
        assert await world.state(order) == "registered"
        assert await world.ready(QUEUE) == 0
        world.mend()
        await world.until_closed(order)
        assert_told(world.now(order), await world.arrived())
        await world.until_ready()


@pytest.mark.parametrize("kind", [FaultKind.UNAUTHORIZED, FaultKind.FORBIDDEN])
async def test_refused_rights_make_the_source_not_ready_and_lose_nothing(
    bridged: BridgedOrders, kind: FaultKind
) -> None:
    async with bridged() as world:
        order = world.create(email_lives=("delivered",))
        world.fault(kind)
        await world.register(order)
        await world.until_reason("sign-in-failing")
        world.mend()
        await world.until_closed(order)
        assert_told(world.now(order), await world.arrived())
        await world.until_ready()


async def test_retry_after_holds_all_calls_to_the_host(bridged: BridgedOrders) -> None:
    async with bridged() as world:
        order = world.create(email_lives=("delivered",))
        world.fault(FaultKind.TOO_MANY_REQUESTS, count=1, retry_after_s=1)
        await world.register(order)
        await world.until(lambda: world.log("poll.failed"))
        asked = world.sandbox.altinn.state().requests
        await asyncio.sleep(0.3)
        assert world.sandbox.altinn.state().requests == asked
        await world.until_closed(order)


async def test_an_order_that_is_not_there_yet_is_asked_for_again(bridged: BridgedOrders) -> None:
    async with bridged() as world:
        order = world.create(email_lives=("delivered",))
        world.fault(FaultKind.NOT_FOUND, order_id=order.id)
        await world.register(order)
        await world.until_state(order, "missing")
        assert [line["order_id"] for line in world.log("order.missing")] == [order.id]
        world.mend()
        await world.until_closed(order)
        assert_told(world.now(order), await world.arrived())


async def test_one_order_whose_polls_fail_holds_up_no_other(bridged: BridgedOrders) -> None:
    async with bridged() as world:
        bad = world.create(email_lives=("delivered",))
        good = [world.create(email_lives=("delivered",)) for _ in range(5)]
        world.fault(FaultKind.SERVER_ERROR, order_id=bad.id)
        await world.register(bad, *good)
        await world.until_closed(*good)
        world.mend()
        await world.until_closed(bad)
        events = await world.arrived()
        for order in (bad, *good):
            assert_told(world.now(order), events)


async def test_a_malformed_email_is_parked_once_and_the_others_of_its_order_arrive(bridged: BridgedOrders) -> None:
    async with bridged() as world:
        order = world.create(email_lives=("not-identified",), emails=3, is_processed=True)
        world.fault(FaultKind.MISSING_STATUS, endpoint=Endpoint.EMAILS)
        await world.register(order)
        await world.until_state(order, "completed")
        told = [event for event in await world.arrived() if "status" in event["data"]]
        assert len(told) == 2
        assert await world.ready(PARKED) == 1


async def test_an_event_without_a_queue_is_parked_and_its_order_goes_on(bridged: BridgedOrders) -> None:
    async with bridged(is_bound=False) as world:
        await declare_queue(world.url, QUEUE, EXCHANGE, "email-status.delivered")
        order = world.create(email_lives=("delivered",))
        await world.register(order)
        await world.until_closed(order)
        events = await world.arrived()
        assert statuses(events, world.now(order).notifications[0].id) == ["Delivered"]
        assert await world.ready(PARKED) >= 1
        await unbind(world.url, QUEUE, EXCHANGE, "email-status.delivered")


async def test_cut_off_again_and_again_every_last_status_arrives_in_order(bridged: BridgedOrders) -> None:
    """The bridge is cancelled in the middle of whatever it does, the broker's confirms held back before."""
    plan = AltinnPlan(pace=Pace(factor=0.02, expiry_s=2.0), feed_delay_s=0.1, late_share=0)
    async with bridged(plan=plan) as world:
        orders = []
        for _ in range(3):
            new = [world.create(email_lives=("delivered", "retried", "failed")) for _ in range(2)]
            orders += new
            held = await world.ready(QUEUE)
            await world.register(*new)
            world.proxy.pause()
            await asyncio.sleep(0.1)
            await world.cut_off()
            world.proxy.resume()
            await world.start()
            await world.until_waiting(held + 1)
        await world.until_closed(*orders)
        events = await world.arrived()
        for order in orders:
            assert_told(world.now(order), events)
        assert closed(events) == {order.id: ENDS[world.now(order).ended or ""] for order in orders}


async def test_two_bridges_on_one_store_never_poll_the_same_order(
    bridged: BridgedOrders, own_postgres_url: str
) -> None:
    """Each stream of orders is one replica's; so no change is seen, and published, by both."""
    async with bridged(settings={"BRIDGE_STORE__URL": own_postgres_url}) as world:
        other = Bridge(world.environment, world._log)
        try:
            await other.start()
            await other.until(partial(_share_all, world, other))
            orders = [world.create(email_lives=("delivered", "bounced")) for _ in range(20)]
            await world.register(*orders)
            await world.until_closed(*orders)
            events = await world.arrived()
            for order in orders:
                assert_told(world.now(order), events)
            assert len({event["id"] for event in events}) == len(events)
        finally:
            await other.close()


async def _share_all(one: Bridge, other: Bridge) -> bool:
    """Whether each stream is run by one of the two, and each runs some."""
    ours = {each["name"] for each in (await one.status())["streams"]}
    theirs = {each["name"] for each in (await other.status())["streams"]}
    return bool(ours) and bool(theirs) and not ours & theirs and ours | theirs == ORDER_STREAMS
