"""HER-ids added and removed while the bridge runs: nobody else's notifications are skipped or repeated (G4)."""

from pathlib import Path

import pytest

from bridge.sandbox.records import Creation
from tests.support.broker import ready_count
from tests.support.system import QUEUE, System, assert_delivered, running_system, until
from tests.support.world import HER_IDS, World, bridged


def write_her_ids(file: Path, *her_ids: int) -> None:
    """By a rename, as Kubernetes changes a ConfigMap."""
    new = file.with_suffix(".new")
    new.write_text("".join(f"{her_id}\n" for her_id in her_ids))
    new.rename(file)


async def until_arrived(system: System, count: int) -> None:
    async def are_there() -> bool:
        return await ready_count(system.url, QUEUE) >= count

    await until(are_there, timeout_s=30)


async def test_a_newcomer_gets_its_own_from_its_own_start_and_one_that_returns_misses_nothing(
    tmp_path: Path, broker_vhost: str
) -> None:
    file = tmp_path / "her-ids"
    write_her_ids(file, 7001, 7002)
    from_file = {"BRIDGE_NHN__HER_IDS": "", "BRIDGE_NHN__HER_IDS_FILE": str(file)}
    async with running_system(
        tmp_path, broker_vhost, her_ids=(7001, 7002, 7003), total=300, settings=from_file
    ) as system:
        await until_arrived(system, created_for(system, 7001, 7002))

        write_her_ids(file, 7001, 7002, 7003)
        await until_arrived(system, 300)

        write_her_ids(file, 7001, 7003)
        await until(lambda: _serves(system, 2))
        system.sandbox.nhn.create(Creation(count=30, her_ids=(7001, 7002, 7003)))
        await until_arrived(system, 320)

        write_her_ids(file, 7001, 7002, 7003)
        await until_arrived(system, 330)
        assert await system.bridge.stop() == 0
        events = await system.arrived()
        assert len(events) == 330, "nothing was repeated"
        assert_delivered(events, system.created_ids())


def created_for(system: System, *her_ids: int) -> int:
    return sum(1 for each in system.sandbox.nhn.created(limit=1000) if each.her_id in her_ids)


async def _serves(system: System, receivers: int) -> bool:
    status = await system.bridge.status()
    return status is not None and [stream["receivers"] for stream in status["streams"]] == [receivers]


async def test_two_streams_that_have_become_small_are_made_one_and_nobody_loses_or_repeats_anything(
    tmp_path: Path, broker_vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.nhn.streams.MAX_RECEIVERS", 2)
    monkeypatch.setattr("bridge.nhn.streams.MERGED_AT_MOST", 2)
    file = tmp_path / "her-ids"
    write_her_ids(file, *HER_IDS)
    from_file = {"BRIDGE_NHN__HER_IDS": "", "BRIDGE_NHN__HER_IDS_FILE": str(file)}
    async with bridged(tmp_path, broker_vhost, total=60, settings=from_file) as world:
        await world.until_waiting(60)
        assert await served(world) == {"nhn/default/1": 2, "nhn/default/2": 2}

        write_her_ids(file, *HER_IDS[:2])
        await world.until(lambda: is_served_by_one(world))
        world.create(40)
        await world.until_waiting(80)
        assert len(await served(world)) == 1
        assert await world.metric("bridge_streams_owned") == 1
        (gone,) = {"nhn/default/1", "nhn/default/2"} - (await served(world)).keys()
        assert gone not in await world.metrics(), "what is no more is not shown"

        write_her_ids(file, *HER_IDS)
        await world.until_waiting(100)
        assert await world.stop()
        events = await world.arrived()
        assert len(events) == 100, "nothing was repeated"
        assert_delivered(events, world.created_ids())


async def served(world: World) -> dict[str, int]:
    return {stream["name"]: stream["receivers"] for stream in (await world.status())["streams"]}


async def is_served_by_one(world: World) -> bool:
    return list((await served(world)).values()) == [2]
