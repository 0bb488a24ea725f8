"""The API refuses some of the HER-ids (product.md §8): they are isolated and shown, the others go on (G5, G4)."""

import pytest

from bridge.sandbox.faults import FaultKind, FaultRule
from tests.support.system import assert_delivered
from tests.support.world import Bridged, World

QUICK_RETRY = {"BRIDGE_NHN__RETRY_REFUSED_S": "0.2"}
PROBLEMS = {
    "400": "400, error 1001: Bad Request",
    "403": "403, error 1202: Forbidden",
    "404": "404, error 1010: Not Found",
    "423": "423, error 1210: Locked",
}
HINT = "they may lack their configuration or delegation"


async def refused(world: World) -> dict[int, str]:
    return {each["her_id"]: each["problem"] for each in (await world.stream())["refused"]}


async def until_delivered(world: World, *her_ids: int) -> None:
    """Return once all that was created for these receivers is in the queue."""
    await world.until_waiting(sum(each.her_id in her_ids for each in world.created()))


@pytest.mark.parametrize("kind", PROBLEMS)
async def test_a_refused_her_id_is_isolated_and_shown_while_the_others_go_on(bridged: Bridged, kind: str) -> None:
    refusing = FaultRule(kind=FaultKind(kind), her_id=7002)
    async with bridged(total=40, faults=[refusing], settings=QUICK_RETRY) as world:
        await until_delivered(world, 7001, 7003, 7004)

        assert await refused(world) == {7002: PROBLEMS[kind]}
        assert await world.metric("bridge_receivers_refused", source="nhn") == 1
        assert [line["her_id"] for line in world.log("receiver.refused")] == [7002]
        assert await world.reasons() == {}
        assert HINT in (await world.reasons("degraded"))["receivers-refused"]

        world.create(40)
        await until_delivered(world, 7001, 7003, 7004)
        assert (await world.offsets())[7002] == 0

        world.mend()
        await world.until_committed()
        await world.until_in_step()
        assert await refused(world) == {}
        assert await world.reasons("degraded") == {}
        assert sorted(event.id for event in await world.arrived()) == sorted(world.created_ids()), "each once"


async def test_a_her_id_refused_in_mid_stream_comes_back_with_nothing_missing_and_nothing_repeated(
    bridged: Bridged,
) -> None:
    async with bridged(total=40, settings=QUICK_RETRY) as world:
        await world.until_committed()
        world.fault("403", her_id=7003)
        for _ in range(3):
            world.create(20)
            await until_delivered(world, 7001, 7002, 7004)
        world.mend()
        world.create(20)
        await world.until_committed()
        await world.until_in_step()

        events = await world.arrived()
        assert_delivered(events, world.created_ids())
        assert len(events) == len(world.created_ids())


async def test_several_refused_her_ids_are_found_among_many(bridged: Bridged) -> None:
    her_ids = range(7001, 7041)
    async with bridged(her_ids=her_ids, total=200, start=False) as world:
        for her_id, kind in ((7003, "403"), (7017, "423"), (7040, "404")):
            world.fault(kind, her_id=her_id)
        await world.start()
        await until_delivered(world, *(set(her_ids) - {7003, 7017, 7040}))

        assert await refused(world) == {7003: PROBLEMS["403"], 7017: PROBLEMS["423"], 7040: PROBLEMS["404"]}
        assert await world.metric("bridge_receivers_refused", source="nhn") == 3
        assert "3 receivers" in (await world.reasons("degraded"))["receivers-refused"]


async def test_a_stream_whose_every_her_id_is_refused_is_not_ready(bridged: Bridged) -> None:
    async with bridged(her_ids=(7001,), total=10, start=False, settings=QUICK_RETRY) as world:
        world.fault("403", her_id=7001)
        await world.start()

        sentence = await world.until_reason("all-receivers-refused")

        assert "all its 1 receivers refused by the API" in sentence
        world.mend()
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids()


async def test_a_refused_her_id_stays_where_it_was_over_a_restart(bridged: Bridged) -> None:
    async with bridged(total=40, settings=QUICK_RETRY) as world:
        await world.until_committed()
        stood_at = world.last_offset
        world.fault("423", her_id=7004)
        world.create(20)
        await world.until_waiting(55)
        assert await world.stop()
        assert (await world.offsets())[7004] == stood_at
        await world.start()
        world.mend()
        await world.until_committed()
        await world.until_in_step()

        assert sorted(event.id for event in await world.arrived()) == sorted(world.created_ids())
