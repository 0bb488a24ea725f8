"""The broker or the way to it fails (product.md §8): named, waited for, published again, and nothing is lost."""

from collections.abc import AsyncIterator

import pytest

from bridge.sandbox.tcp_proxy import Direction
from tests.support.broker import Rabbitmqctl, close_all_connections, declare_queue, open_channel
from tests.support.system import EXCHANGE, QUEUE, assert_delivered
from tests.support.world import AT_THE_START, PAGE_SIZE, PAGES_IN_FLIGHT, PARKED, Bridged, World

TO_CLIENT = frozenset({Direction.TO_CLIENT})


@pytest.mark.parametrize(
    ("direction", "count_bytes"),
    [(Direction.TO_TARGET, 40_000), (Direction.TO_CLIENT, 10)],
    ids=["before the broker has all of it", "in the middle of the first confirm, which may be of many"],
)
async def test_a_connection_cut_mid_page_costs_repeats_and_no_gap(
    bridged: Bridged, direction: Direction, count_bytes: int
) -> None:
    async with bridged(total=100, settings={"BRIDGE_NHN__PAGE_SIZE": "100"}) as world:
        await world.until_committed()  # so that its session is open, and what is cut is a page
        world.proxy.cut_after(count_bytes, direction)
        world.create(200)
        await world.until_committed()

        assert world.log("broker.lost")
        assert await world.metric("bridge_publish_retries_total", outcome="unknown") >= 1
        assert_delivered(await world.arrived(), world.created_ids())


async def test_a_connection_closed_by_the_operator_is_opened_again(bridged: Bridged, rabbitmqctl: Rabbitmqctl) -> None:
    async with bridged(total=30) as world:
        await world.until_committed()
        world.proxy.pause(TO_CLIENT)
        world.create(30)
        await world.until_waiting(50)
        await close_all_connections(rabbitmqctl, world.url)
        world.proxy.resume()
        await world.until_committed()

        assert "closed by a test" in world.log("broker.lost")[0]["error"]
        await world.until_ready()
        assert_delivered(await world.arrived(), world.created_ids())


async def test_a_connection_lost_while_nothing_is_to_be_published_is_opened_again(bridged: Bridged) -> None:
    async with bridged() as world:
        await world.until_ready()
        world.proxy.refuse()
        world.proxy.cut()
        sentence = await world.until_reason("broker-disconnected")
        assert "has not been connected for" in sentence
        assert await world.metric("bridge_broker_connected") == 0
        world.proxy.accept()
        await world.until_ready()
        assert await world.metric("bridge_broker_connected") == 1


async def test_a_broker_that_stops_confirming_is_given_up_and_sent_all_of_it_again(bridged: Bridged) -> None:
    async with bridged(total=1, settings={"BRIDGE_BROKER__CONFIRM_TIMEOUT_S": "0.3"}) as world:
        await world.until_committed()
        stood_at = await world.offsets()
        world.proxy.pause(TO_CLIENT)
        world.create(10)
        await world.until(lambda: world.log("broker.session-ended"))
        assert await world.offsets() == stood_at
        world.proxy.resume()
        await world.until_committed()

        assert world.log("broker.session-ended")[0]["error"] == "no confirm came for 0.3 s"
        assert_delivered(await world.arrived(), world.created_ids())


async def test_where_the_first_url_is_dead_the_second_is_used(bridged: Bridged) -> None:
    async with bridged(total=30, start=False) as world:
        works = world.environment["BRIDGE_BROKER__URLS"]
        world.environment["BRIDGE_BROKER__URLS"] = f"amqp://guest:guest@127.0.0.1:1/,{works}"
        await world.start()
        await world.until_committed()

        assert await world.reasons() == {}
        assert (await world.status())["broker"]["address"] == f"127.0.0.1:{world.proxy.port}"
        assert [event.id for event in await world.arrived()] == world.created_ids()


async def test_subscribers_can_bind_before_the_first_event(bridged: Bridged) -> None:
    async with bridged(is_bound=False) as world:
        await world.until_ready()
        async with open_channel(world.url) as channel:
            exchange = await channel.get_exchange(EXCHANGE)
            queue = await channel.get_queue(QUEUE)
            await queue.bind(exchange, "#")
        world.create(5)
        await world.until_committed()
        assert [event.id for event in await world.arrived()] == world.created_ids()


async def test_topology_that_may_not_be_declared_and_is_missing_is_named(bridged: Bridged) -> None:
    async with bridged(total=10, is_bound=False, start=False) as world:
        world.environment["BRIDGE_BROKER__TOPOLOGY"] = "check"
        await world.start()

        sentence = await world.until_reason("broker-unavailable")

        assert "lacks what the bridge needs" in sentence
        for name in ("exchange nhn.notifications", "exchange bridge.parked", "queue bridge.parked"):
            assert name in sentence

        async def are_at_the_start() -> bool:
            return await world.offsets() == AT_THE_START

        await world.until(are_at_the_start)

        await declare_queue(world.url, QUEUE, EXCHANGE, "#")
        await _declare_parked(world)
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids()


async def _declare_parked(world: World) -> None:
    async with open_channel(world.url) as channel:
        exchange = await channel.declare_exchange(PARKED, "fanout", durable=True)
        queue = await channel.declare_queue(PARKED, durable=True)
        await queue.bind(exchange)


class Alarm:
    """The broker's memory alarm, on and off."""

    def __init__(self, rabbitmqctl: Rabbitmqctl, watermark: str) -> None:
        self._rabbitmqctl = rabbitmqctl
        self._watermark = watermark
        self._is_on = False

    async def begin(self) -> None:
        self._is_on = True
        await self._rabbitmqctl("set_vm_memory_high_watermark", "0.00001")

    async def end(self) -> None:
        """Also where it is off already."""
        if self._is_on:
            await self._rabbitmqctl("set_vm_memory_high_watermark", self._watermark)
        self._is_on = False


@pytest.fixture
async def alarm(rabbitmqctl: Rabbitmqctl) -> AsyncIterator[Alarm]:
    """Off before and afterwards."""
    watermark = await rabbitmqctl("--quiet", "eval", "vm_memory_monitor:get_vm_memory_high_watermark().")
    alarm = Alarm(rabbitmqctl, watermark.strip())
    try:
        yield alarm
    finally:
        await alarm.end()


async def test_while_the_broker_blocks_polling_and_publishing_pause_and_nothing_piles_up(
    bridged: Bridged, alarm: Alarm
) -> None:
    async with bridged() as world:
        await world.until_ready()
        await alarm.begin()
        world.create(500)
        sentence = await world.until_reason("broker-blocked")
        assert "its memory or disk alarm is on" in sentence
        assert await world.metric("bridge_broker_blocked") == 1

        async def are_in_flight() -> bool:
            return bool((await world.stream())["in_flight"] == PAGES_IN_FLIGHT * PAGE_SIZE)

        await world.until(are_in_flight)
        await world.assert_polling_pauses()
        assert await are_in_flight()

        await alarm.end()
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids(), "each once"


async def test_a_broker_stopped_and_started_again_finds_the_bridge_waiting(
    bridged: Bridged, rabbitmqctl: Rabbitmqctl
) -> None:
    async with bridged(total=30) as world:
        await world.until_committed()
        await rabbitmqctl("stop_app")
        try:
            world.create(30)
            assert "has not been connected for" in await world.until_reason("broker-disconnected")
        finally:
            await rabbitmqctl("start_app")
        await world.until_committed(timeout_s=25)
        await world.until_ready()
        assert_delivered(await world.arrived(), world.created_ids())
