"""Subscribers' queues that go and come back under a running bridge (product.md §5): held or gone on, told, mended."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from bridge.rabbitmq.management import open_management
from bridge.sandbox.tcp_proxy import TcpProxy
from bridge.tls import client_context
from tests.support.broker import declare_queue, open_channel, ready_count, unbind, vhost_of
from tests.support.system import EXCHANGE, QUEUE, assert_delivered
from tests.support.world import PARKED, POLL_INTERVAL_S, Bridged, World

JOURNAL = "journal"
PATTERNS = ("new-message.*", "#")

Contracted = Callable[..., Any]
"""`contracted` in a test's own directory and vhost."""


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.route_contract.LOOK_S", 0.2)
    monkeypatch.setattr("bridge.delivery.GATE_LOOK_S", 0.05)


@pytest.fixture
def contracted(bridged: Bridged, broker_management_url: str) -> Contracted:
    """A bridge with a contract of one line; its queue is there and bound, unless told not."""

    @asynccontextmanager
    async def contracted(*, is_there: bool = True, sees_bindings: bool = False, **line: Any) -> AsyncIterator[World]:
        contract = {"queue": JOURNAL, "exchange": EXCHANGE, "bindings": PATTERNS, **line}
        settings = {"BRIDGE_BROKER__SUBSCRIPTIONS": json.dumps([contract])}
        if sees_bindings:
            settings["BRIDGE_BROKER__MANAGEMENT_URL"] = broker_management_url
        async with bridged(settings=settings, start=False) as world:
            if is_there:
                await declare_queue(world.url, JOURNAL, EXCHANGE, *PATTERNS)
            await world.start()
            yield world

    return contracted


async def delete_queue(world: World) -> None:
    async with open_channel(world.url) as channel:
        await channel.queue_delete(JOURNAL)


async def is_bound(world: World, management_url: str) -> bool:
    async with open_management(management_url, vhost=vhost_of(world.url), tls=client_context()) as management:
        return "#" in await management.bound_with(EXCHANGE, JOURNAL)


async def route(world: World) -> dict[str, Any]:
    (line,) = (await world.status())["routes"]
    assert line["queue"] == JOURNAL
    return dict(line)


async def until_ok(world: World, value: float) -> None:
    async def is_so() -> bool:
        return await world.metric("bridge_route_contract_ok", queue=JOURNAL) == value

    await world.until(is_so)


async def polling_pauses(world: World) -> bool:
    asked = world.asked
    await asyncio.sleep(4 * POLL_INTERVAL_S)
    return world.asked == asked


async def until_state(world: World, state: str) -> None:
    async def is_so() -> bool:
        return bool((await route(world))["state"] == state)

    await world.until(is_so)


async def assert_all_arrived(world: World, *queues: str) -> None:
    await world.until_committed()
    for queue in queues:
        assert_delivered(await world.arrived(queue), world.created_ids())


async def test_while_a_required_queue_is_gone_nothing_is_published_and_then_everything_arrives(
    contracted: Contracted,
) -> None:
    async with contracted() as world:
        world.create(20)
        await world.until_committed()
        await world.until_ready()
        assert (await route(world))["state"] == "not-verifiable"
        assert await world.metric("bridge_route_contract_ok", queue=JOURNAL) == 1
        assert await ready_count(world.url, JOURNAL) == 20
        await world.arrived(JOURNAL)
        before = world.created_ids()

        await delete_queue(world)
        sentence = await world.until_reason("route-missing")
        assert "Queue journal of the route contract has been missing for" in sentence
        assert "the queue is not there. Have the subscriber declare it, bound to nhn.notifications with" in sentence
        assert await world.metric("bridge_route_contract_ok", queue=JOURNAL) == 0
        offsets = await world.offsets()

        world.create(100)
        held = await world.until_reason("held")
        assert held.endswith("queue journal of the route contract: the queue is not there.")
        await world.until(partial(polling_pauses, world))
        assert (await world.stream())["state"] == "held"
        assert await world.offsets() == offsets
        assert await ready_count(world.url, QUEUE) == 20, "nobody else gets what the missing subscriber would miss"
        assert await ready_count(world.url, PARKED) == 0

        await declare_queue(world.url, JOURNAL, EXCHANGE, *PATTERNS)
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived(JOURNAL)] == world.created_ids()[len(before) :]
        await assert_all_arrived(world, QUEUE)
        assert (await world.stream())["restarts"] == 0
        assert {(line["queue"], line["found"]) for line in world.log("route.missing")} == {
            (JOURNAL, "the queue is not there"),
            (JOURNAL, "the queue is back, and has a moment to be bound"),
        }
        assert [line["queue"] for line in world.log("route.mended")] == [JOURNAL]
        assert await world.metric("bridge_route_contract_ok", queue=JOURNAL) == 1


async def test_a_queue_that_is_missing_from_the_start_holds_and_the_connection_stands(contracted: Contracted) -> None:
    async with contracted(is_there=False) as world:
        world.create(10)
        await world.until_reason("held")
        assert set(await world.reasons()) == {"held", "route-missing"}
        assert await ready_count(world.url, QUEUE) == 0

        await declare_queue(world.url, JOURNAL, EXCHANGE, *PATTERNS)
        await assert_all_arrived(world, QUEUE, JOURNAL)


async def test_with_continue_whoever_is_bound_gets_everything_and_the_bridge_is_not_ready(
    contracted: Contracted,
) -> None:
    async with contracted(is_there=False, on_missing="continue") as world:
        world.create(40)
        await assert_all_arrived(world, QUEUE)
        sentence = await world.until_reason("route-missing")
        assert sentence.endswith("events go on to whoever is bound.")
        assert set(await world.reasons()) == {"route-missing"}
        assert await world.metric("bridge_route_contract_ok", queue=JOURNAL) == 0


async def test_a_queue_that_is_not_required_is_a_remark_and_holds_nothing(contracted: Contracted) -> None:
    async with contracted(is_there=False, required=False) as world:
        world.create(10)
        await assert_all_arrived(world, QUEUE)
        await world.until_reason("route-missing", "degraded")
        assert await world.reasons() == {}


async def test_a_contract_for_another_exchange_holds_nothing_of_this_one(contracted: Contracted) -> None:
    async with contracted(is_there=False, exchange="altinn.notifications") as world:
        world.create(10)
        await assert_all_arrived(world, QUEUE)
        assert set(await world.reasons()) == {"route-missing"}


async def test_an_unbinding_is_seen_through_the_management_api_and_holds(contracted: Contracted) -> None:
    async with contracted(sees_bindings=True) as world:
        await world.until_ready()
        await until_state(world, "there")

        await unbind(world.url, JOURNAL, EXCHANGE, "#")
        sentence = await world.until_reason("route-missing")
        assert "not bound to nhn.notifications with #. Have the subscriber bind it with #; what goes to" in sentence
        world.create(20)
        await world.until_reason("held")
        assert await ready_count(world.url, QUEUE) == 0

        await declare_queue(world.url, JOURNAL, EXCHANGE, "#")
        await assert_all_arrived(world, QUEUE, JOURNAL)
        await world.until_ready()


async def test_a_binding_that_is_missing_from_the_start_lets_not_one_event_pass(contracted: Contracted) -> None:
    async with contracted(is_there=False, sees_bindings=True) as world:
        await world.stop()
        await declare_queue(world.url, JOURNAL, EXCHANGE, "new-message.*")
        world.create(20)
        await world.start()
        await world.until_reason("held")
        assert await ready_count(world.url, QUEUE) == 0
        await until_ok(world, 0)


async def test_a_management_api_that_goes_away_is_not_a_missing_route(
    bridged: Bridged, broker_management_url: str
) -> None:
    api = httpx.URL(broker_management_url)
    line = {"queue": JOURNAL, "bindings": PATTERNS}
    async with TcpProxy(api.host, api.port or 15672) as proxy:
        settings = {
            "BRIDGE_BROKER__SUBSCRIPTIONS": json.dumps([line]),
            "BRIDGE_BROKER__MANAGEMENT_URL": str(api.copy_with(host=proxy.host, port=proxy.port)),
        }
        async with bridged(settings=settings, start=False) as world:
            await declare_queue(world.url, JOURNAL, EXCHANGE, *PATTERNS)
            await world.start()
            await world.until_ready()
            await until_state(world, "there")

            proxy.refuse()
            proxy.cut()
            await world.until_reason("routes-not-verifiable", "degraded")
            world.create(20)
            await assert_all_arrived(world, QUEUE, JOURNAL)
            assert (await route(world))["state"] == "there", "as it was known last"
            assert (await world.status())["bindings_unseen"].startswith("The management API at 127.0.0.1:")
            await world.until_ready()

            proxy.accept()
            await world.until(lambda: world.log("routes.verifiable"))
            assert len(world.log("routes.not-verifiable")) == 1


async def test_a_queue_of_the_bridge_s_own_is_declared_again_where_somebody_deletes_it(
    contracted: Contracted, broker_management_url: str
) -> None:
    async with contracted(is_there=False, declare=True) as world:
        world.create(10)
        await assert_all_arrived(world, QUEUE, JOURNAL)
        await delete_queue(world)
        await world.until(partial(is_bound, world, broker_management_url))
        later = [row.id for row in world.create(10)]
        await world.until_committed()
        assert [event.id for event in await world.arrived(JOURNAL)] == later
        assert await world.reasons() == {}


async def test_a_queue_of_the_bridge_s_own_is_bound_again_where_somebody_unbinds_it_and_that_is_told(
    contracted: Contracted, broker_management_url: str
) -> None:
    async with contracted(is_there=False, declare=True, sees_bindings=True) as world:
        world.create(10)
        await assert_all_arrived(world, QUEUE, JOURNAL)
        await unbind(world.url, JOURNAL, EXCHANGE, "#")
        await world.until(lambda: world.log("route.bound-anew"))
        await world.until(partial(is_bound, world, broker_management_url))
        (line,) = world.log("route.bound-anew")
        assert (line["queue"], line["bindings"]) == (JOURNAL, "#")


async def test_after_a_lost_connection_the_queues_are_looked_at_before_anything_is_published(
    contracted: Contracted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a broker comes back without the queue: no look in between may be what finds it."""
    monkeypatch.setattr("bridge.route_contract.LOOK_S", 3600.0)
    async with contracted() as world:
        await world.until_ready()
        await delete_queue(world)
        world.proxy.cut()
        await world.until_reason("route-missing")
        world.create(10)
        await world.until_reason("held")
        assert await ready_count(world.url, QUEUE) == 0


async def test_asked_to_end_while_held_it_ends_within_its_deadline_and_sends_again_at_the_next_start(
    contracted: Contracted,
) -> None:
    async with contracted(is_there=False) as world:
        world.environment["BRIDGE_SHUTDOWN_DEADLINE_S"] = "1"
        await world.stop()
        await world.start()
        world.create(10)
        await world.until_reason("held")
        async with asyncio.timeout(5):
            assert await world.stop() is False, "cut off, as any drain that cannot finish"

        await declare_queue(world.url, JOURNAL, EXCHANGE, *PATTERNS)
        await world.start()
        await assert_all_arrived(world, QUEUE, JOURNAL)
