"""Organisations that come and go while the bridge runs, and one that has not delegated: each concerns itself alone."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from bridge.sandbox.sign_in.clients import new_client
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.sign_in.switches import Switches
from tests.support.system import Event, assert_delivered, running_system, until
from tests.support.world import World, bridged

pytestmark = pytest.mark.timeout(90)

Receivers = Mapping[str, tuple[int, ...]]
"""Tenant → its receivers."""
NORTH: dict[str, tuple[int, ...]] = {"north": (7001, 7002)}
SOUTH: dict[str, tuple[int, ...]] = {"south": (7003,)}
WEST: dict[str, tuple[int, ...]] = {"west": (7004,)}


def write_tenants(file: Path, tenants: Receivers) -> None:
    """By a rename, as Kubernetes changes a ConfigMap."""
    entries = [{"name": name, "her_ids": list(her_ids)} for name, her_ids in tenants.items()]
    new = file.with_suffix(".new")
    new.write_text(msgspec.json.encode({"nhn": {"tenants": entries}}).decode())
    new.rename(file)


async def served(world: World) -> set[str]:
    return {stream["name"] for stream in (await world.status())["streams"]}


async def until_served(world: World, *streams: str) -> None:
    async def are_served() -> bool:
        return await served(world) == set(streams)

    await world.until(are_served, timeout_s=30)


def created_for(world: World, tenants: Receivers) -> int:
    her_ids = {her_id for each in tenants.values() for her_id in each}
    return sum(1 for each in world.created() if each.her_id in her_ids)


async def test_tenants_begin_and_end_as_the_settings_file_says_and_nobody_loses_or_repeats_anything(
    tmp_path: Path, broker_vhost: str
) -> None:
    file = tmp_path / "bridge.yaml"
    write_tenants(file, NORTH | SOUTH)
    settings = {"BRIDGE_NHN__HER_IDS": "", "BRIDGE_CONFIG_FILE": str(file)}
    async with bridged(tmp_path, broker_vhost, total=60, settings=settings) as world:
        await world.until_waiting(created_for(world, NORTH | SOUTH))

        write_tenants(file, NORTH | SOUTH | WEST)
        await world.until_waiting(60)

        write_tenants(file, SOUTH | WEST)
        await until_served(world, "nhn/south/1", "nhn/west/1")
        await world.until(lambda: [line["tenant"] for line in world.log("tenant.ended")] == ["north"])
        assert {"nhn/north/1", "nhn/north/receivers"}.isdisjoint(
            each["name"] for each in (await world.status())["owners"] if each["owner"] is not None
        )
        stood_at = (await world.offsets())[7001]
        for_north = created_for(world, NORTH)
        world.create(40)
        await world.until_waiting(created_for(world, SOUTH | WEST) + for_north)
        assert (await world.offsets())[7001] == stood_at, "its place is kept for its return"

        write_tenants(file, NORTH | SOUTH | WEST)
        await world.until_waiting(100)
        assert await world.stop()
        events = await world.arrived()
        assert len(events) == 100, "nothing was repeated"
        assert_delivered(events, world.created_ids())


async def test_a_file_that_is_not_right_leaves_the_last_good_tenants_and_says_so(
    tmp_path: Path, broker_vhost: str
) -> None:
    file = tmp_path / "bridge.yaml"
    write_tenants(file, NORTH | SOUTH)
    settings = {"BRIDGE_NHN__HER_IDS": "", "BRIDGE_CONFIG_FILE": str(file)}
    async with bridged(tmp_path, broker_vhost, her_ids=(7001, 7002, 7003), total=30, settings=settings) as world:
        await world.until_waiting(30)
        write_tenants(file, NORTH | SOUTH | {"East": (7004,)})
        sentence = await world.until_reason("settings-not-usable", "degraded")
        assert "The last good settings hold" in sentence
        assert "nhn.tenants[2].name" in sentence
        assert "must be 1 to 40 of the characters a-z, 0-9 and -" in sentence
        assert len(world.log("settings.file_not_usable")) == 1
        world.create(30)
        await world.until_waiting(60)
        assert await served(world) == {"nhn/north/1", "nhn/south/1"}

        write_tenants(file, NORTH | SOUTH)
        await world.until_ready()

        async def is_well() -> bool:
            return not await world.reasons("degraded")

        await world.until(is_well)


async def test_a_tenant_whose_delegation_is_missing_stops_only_itself(tmp_path: Path, broker_vhost: str) -> None:
    demanded = SignInPlan(
        client=new_client(tenancy="multi"), switches=Switches(refused_organisations=frozenset({"322222222"}))
    )
    tenants = [
        {"name": "north", "her_ids": [7001, 7002], "orgnr_parent": "311111111"},
        {"name": "south", "her_ids": [7003], "orgnr_parent": "322222222"},
    ]
    settings = {
        "BRIDGE_NHN__HER_IDS": "",
        "BRIDGE_NHN__TENANTS": msgspec.json.encode(tenants).decode(),
        "BRIDGE_NHN__AUTH__TENANCY": "multi",
    }
    async with running_system(
        tmp_path, broker_vhost, her_ids=(7001, 7002, 7003), total=60, settings=settings, sign_in=demanded
    ) as system:
        of_north = sum(1 for each in system.sandbox.nhn.created() if each.her_id in (7001, 7002))

        async def reasons() -> dict[str, str]:
            status = await system.bridge.status()
            return {} if status is None else {each["code"]: each["message"] for each in status["reasons"]}

        async def is_told_of_south_alone() -> bool:
            found = await reasons()
            return "nhn/south/1" in found.get("sign-in-failing", "") and "nhn/north" not in " ".join(found.values())

        await until(is_told_of_south_alone, timeout_s=30)
        arrived: list[Event] = []
        while len(arrived) < of_north:
            arrived += await system.arrived()
        assert {event.partitionkey for event in arrived} == {"7001", "7002"}
