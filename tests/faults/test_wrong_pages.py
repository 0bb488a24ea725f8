"""Pages that are not as documented (product.md §6): checked, not trusted; each event once, each item accounted for."""

import msgspec
import pytest

from bridge.sandbox.faults import FaultKind, FaultRule
from tests.support.world import PARKED, Bridged, World, assert_parked

FORWARD = {"BRIDGE_NHN__OVERLAP_S": "0"}
"""Nothing is read again for late rows, so that `Offset` is always the cursor."""
MALFORMED = ("missing-type", "wrong-types", "null-receiver", "negative-offset", "string-offset")
"""Items that cannot be understood, but passed by an offset, their own or the next one's."""


async def arrived_ids(world: World) -> list[str]:
    return [event.id for event in await world.arrived()]


async def anomalies(world: World, kind: str) -> float:
    counted = await world.metric("bridge_feed_anomalies_total", kind=kind)
    assert (await world.stream())["anomalies"].get(kind, 0) == counted
    return counted


async def test_a_page_in_any_order_is_published_in_offset_order(bridged: Bridged) -> None:
    async with bridged(total=20, faults=[FaultRule(kind=FaultKind.UNSORTED_PAGE)]) as world:
        await world.until_committed()

        assert await arrived_ids(world) == world.created_ids()
        assert await anomalies(world, "unsorted") >= 19


async def test_items_shown_twice_in_a_page_are_published_once(bridged: Bridged) -> None:
    async with bridged(total=30, faults=[FaultRule(kind=FaultKind.DUPLICATE_ITEMS)]) as world:
        await world.until_committed()

        assert await arrived_ids(world) == world.created_ids()
        assert await anomalies(world, "repeated") >= 30


@pytest.mark.parametrize("kind", ["repeated-page", "offsets-going-back"])
async def test_offsets_already_passed_are_not_published_again(bridged: Bridged, kind: str) -> None:
    async with bridged(total=15, settings=FORWARD) as world:
        await world.until_committed()
        world.fault(kind, count=3)
        world.create(3)
        await world.until_committed()
        await world.until_polled(3)

        assert await arrived_ids(world) == world.created_ids()
        assert await anomalies(world, "already-seen") >= 3
        assert set((await world.offsets()).values()) == {world.last_offset}


async def test_a_full_page_without_progress_is_a_failed_poll(bridged: Bridged) -> None:
    async with bridged(total=30, settings=FORWARD) as world:
        await world.until_committed()
        worked = await world.metric("bridge_polls_total", outcome="full")
        world.fault("no-progress")

        sentence = await world.until_reason("poll-failing", "degraded")

        assert "the API gave a full page with nothing after the offset that was asked for" in sentence
        assert await anomalies(world, "no-progress") >= 1
        assert await world.metric("bridge_polls_total", outcome="unavailable") >= 1
        assert await world.metric("bridge_polls_total", outcome="full") == worked
        world.mend()
        world.create(10)
        await world.until_committed()
        assert await arrived_ids(world) == world.created_ids()


async def test_items_that_cannot_be_understood_are_parked_whole_and_passed(bridged: Bridged) -> None:
    async with bridged() as world:
        parked = []
        for kind in MALFORMED:
            world.create(2)
            rule = FaultRule(kind=FaultKind(kind))
            parked += [row.encoded for row in world.create(1, fault=rule)]
        good = [row.id for row in world.create(2)]
        await world.until_committed()
        await world.until_polled(3)

        taken = await world.taken(PARKED)
        assert sorted(message.body for message in taken) == sorted(parked)
        for message in taken:
            assert_parked(message, reason="invalid")
            assert message.content_type == "application/json"
        assert (await arrived_ids(world))[-2:] == good
        assert await world.metric("bridge_events_parked_total", reason="invalid") == 5
        assert (await world.stream())["parked"] == {"invalid": 5}
        assert await world.reasons() == {}


@pytest.mark.parametrize("kind", ["not-an-object", "huge-offset"])
async def test_an_item_that_nothing_passes_is_parked_once_over_many_polls(bridged: Bridged, kind: str) -> None:
    async with bridged(total=5) as world:
        await world.until_committed()
        (row,) = world.create(1, fault=FaultRule(kind=FaultKind(kind)))
        await world.until_waiting(1, PARKED)
        await world.until_polled(5)
        later = [row.id for row in world.create(5)]
        await world.until_committed()
        await world.until_polled(5)

        assert [message.body for message in await world.taken(PARKED)] == [row.encoded]
        assert (await arrived_ids(world))[-5:] == later


@pytest.mark.parametrize("kind", ["without-offset", "sticky-without-offset"])
async def test_an_item_without_an_offset_is_published_once_over_many_polls_and_restarts(
    bridged: Bridged, kind: str
) -> None:
    async with bridged(total=5) as world:
        world.create(1, fault=FaultRule(kind=FaultKind(kind)))
        await world.until_waiting(6)
        await world.until_polled(5)
        assert await world.stop()
        await world.start()
        await world.until_polled(5)
        world.create(5)
        await world.until_committed()
        await world.until_polled(5)

        assert sorted(await arrived_ids(world)) == sorted(world.created_ids())
        assert (await world.stream())["anomalies"].get("without-offset", 0) == 0, "counted before the restart"


async def test_an_item_without_an_id_is_published_under_its_receiver_and_offset(bridged: Bridged) -> None:
    async with bridged() as world:
        world.create(1, her_ids=(7003,), position=4711, fault=FaultRule(kind=FaultKind.WITHOUT_ID))
        await world.until_committed()

        assert await arrived_ids(world) == ["7003-4711"]


async def test_late_rows_are_published_once_and_counted(bridged: Bridged) -> None:
    async with bridged(total=5, settings={"BRIDGE_NHN__OVERLAP_S": "8"}) as world:
        world.create(3, fault=FaultRule(kind=FaultKind.LATE_ROW, visible_after_polls=4))
        world.create(5)
        await world.until_waiting(13)
        await world.until_polled(5)

        arrived = await arrived_ids(world)
        assert arrived == [*world.created_ids()[:5], *world.created_ids()[8:], *world.created_ids()[5:8]]
        assert await anomalies(world, "late") == 3


async def test_an_item_too_large_to_be_taken_in_is_parked_by_its_offset_and_passed(bridged: Bridged) -> None:
    async with bridged(total=10, settings={"BRIDGE_HTTP__MAX_BODY_BYTES": "65536"}) as world:
        await world.until_committed()
        world.create(3)
        (row,) = world.create(1, fault=FaultRule(kind=FaultKind.OVERSIZED_ITEM, size_bytes=2_000_000))
        world.create(3)
        await world.until_committed()

        (parked,) = await world.taken(PARKED)
        remains = {"offset": row.position, "problem": "oversized", "limitBytes": 65536}
        assert msgspec.json.decode(parked.body) == remains
        assert_parked(parked, reason="oversized")
        assert await arrived_ids(world) == [id_ for id_ in world.created_ids() if id_ != row.id]
        assert await world.reasons() == {}
