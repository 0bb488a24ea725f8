"""The PostgreSQL server goes away under a running bridge and comes back: said, waited for, nothing lost."""

import pytest

from tests.support.postgres import end_bridge_connections, pg_ctl
from tests.support.system import assert_delivered
from tests.support.world import Bridged


@pytest.mark.timeout(90)
async def test_a_server_that_is_down_for_a_while_is_named_and_everything_is_committed_when_it_is_back(
    bridged: Bridged, postgres_url: str, pg_ctl_command: str
) -> None:
    patient = {"BRIDGE_STORE__URL": postgres_url, "BRIDGE_CLUSTER__HEARTBEAT_S": "20"}
    async with bridged(total=10, settings=patient) as world:
        await world.until_committed()
        await pg_ctl(pg_ctl_command, "stop", "-m", "immediate")
        try:
            world.create(100)
            sentence = await world.until_reason("store-failing")
        finally:
            await pg_ctl(pg_ctl_command, "start", "-w")
        assert "The store" in sentence
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids(), "each once"


async def test_connections_that_the_server_ends_cost_nothing(bridged: Bridged, postgres_url: str) -> None:
    async with bridged(total=10, settings={"BRIDGE_STORE__URL": postgres_url}) as world:
        await world.until_committed()
        await end_bridge_connections(postgres_url)
        world.create(100)
        await world.until_committed()
        assert_delivered(await world.arrived(), world.created_ids())
