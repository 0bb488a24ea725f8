"""Events that the broker returns or refuses (product.md §8): parked, held or sent again, while the others flow."""

from collections import Counter

import msgspec
from pamqp.common import Arguments

from bridge.sandbox.faults import FaultKind, FaultRule
from tests.support.broker import declare_queue, unbind
from tests.support.system import EXCHANGE, QUEUE, assert_delivered
from tests.support.world import AT_THE_START, PARKED, Bridged, assert_parked


async def test_events_whose_binding_is_removed_are_parked_whole_while_the_others_flow(bridged: Bridged) -> None:
    async with bridged(is_bound=False, start=False) as world:
        await declare_queue(world.url, QUEUE, EXCHANGE, "*.7001", "*.7002", "*.7003", "*.7004")
        await world.start()
        before = world.create(20)
        await world.until_committed()
        await unbind(world.url, QUEUE, EXCHANGE, "*.7003")
        after = world.create(20)
        await world.until_committed()

        parked = await world.taken(PARKED)
        assert [message.message_id for message in parked] == [row.id for row in after if row.her_id == 7003]
        for message in parked:
            event = msgspec.json.decode(message.body)
            name = event["type"].removeprefix("no.nhn.notification.").removesuffix(".v1")
            assert event["id"] == message.message_id
            assert message.content_type == "application/cloudevents+json; charset=utf-8"
            assert_parked(message, reason="unroutable", exchange="nhn.notifications", routing_key=f"{name}.7003")
        flowed = [*before, *(row for row in after if row.her_id != 7003)]
        assert [event.id for event in await world.arrived()] == [row.id for row in flowed]
        assert await world.metric("bridge_events_parked_total", reason="unroutable") == 5
        assert await world.reasons() == {}


async def test_with_hold_an_event_without_a_queue_stops_its_stream_until_one_is_bound(bridged: Bridged) -> None:
    async with bridged(total=10, is_bound=False, settings={"BRIDGE_BROKER__UNROUTABLE": "hold"}) as world:
        sentence = await world.until_reason("held")

        assert "no queue is bound for an event, and it may not be parked" in sentence
        assert await world.taken(PARKED) == []
        assert await world.offsets() == AT_THE_START
        assert await world.metric("bridge_publish_retries_total", outcome="held") >= 10

        await declare_queue(world.url, QUEUE, EXCHANGE, "#")
        await world.until_committed()
        await world.until_ready()
        assert_delivered(await world.arrived(), world.created_ids())


async def test_parking_becomes_holding_when_the_parked_queue_has_reached_its_limit(bridged: Bridged) -> None:
    async with bridged(total=20, is_bound=False, settings={"BRIDGE_BROKER__PARKED_LIMIT": "20"}) as world:
        await world.until_committed()
        world.create(20)

        await world.until_reason("held")

        parked = [message.message_id for message in await world.taken(PARKED)]
        assert parked == world.created_ids()[:20]
        assert (await world.stream())["parked"] == {"unroutable": 20}
        await world.until_committed()
        await world.until_ready()
        assert [message.message_id for message in await world.taken(PARKED)] == world.created_ids()[20:]


async def test_an_event_over_1_mib_is_parked_and_passed(bridged: Bridged) -> None:
    async with bridged() as world:
        world.create(3)
        (large,) = world.create(1, fault=FaultRule(kind=FaultKind.OVERSIZED_ITEM, size_bytes=1_100_000))
        world.create(3)
        await world.until_committed()

        (parked,) = await world.taken(PARKED)
        assert msgspec.json.decode(parked.body)["id"] == large.id
        assert len(parked.body) > 1_048_576
        name = msgspec.json.decode(parked.body)["type"].removeprefix("no.nhn.notification.").removesuffix(".v1")
        assert_parked(parked, reason="poison", exchange="nhn.notifications", routing_key=f"{name}.{large.her_id}")
        others = [id_ for id_ in world.created_ids() if id_ != large.id]
        assert [event.id for event in await world.arrived()] == others


async def test_what_a_full_queue_refuses_goes_again_with_backoff_and_a_healthy_queue_is_not_flooded(
    bridged: Bridged,
) -> None:
    async with bridged() as world:
        overflow: Arguments = {"x-max-length": 5, "x-overflow": "reject-publish"}
        await declare_queue(world.url, "full", EXCHANGE, "#", arguments=overflow)
        await world.until_ready()
        world.create(20)
        sentence = await world.until_reason("publish-failing", "degraded")
        assert "refuses messages (nack), as a queue that is full" in sentence
        assert await world.offsets() == AT_THE_START

        drained: list[str] = []

        async def is_drained() -> bool:
            drained.extend(event.id for event in await world.arrived("full"))
            return set(drained) == set(world.created_ids())

        await world.until(is_drained)
        await world.until_committed()

        assert sorted(drained) == sorted(world.created_ids()), "each once where there was room"
        copies = Counter(event.id for event in await world.arrived())
        refused = await world.metric("bridge_publish_retries_total", outcome="refused")
        assert copies.total() == 20 + refused, "only what was refused went again"
        assert [copies[id_] for id_ in world.created_ids()[:5]] == [1] * 5
        assert max(copies.values()) <= 12
        await world.until_ready()
