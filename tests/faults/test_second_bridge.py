"""Two bridges on one file of SQLite: the second is told who has it, and a dead one's successor need not wait."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.demo.process import BridgeProcess
from bridge.leases import STORE, Process, Replica
from bridge.sandbox.records import Creation
from bridge.store import SqlLeases, open_store
from tests.support.system import assert_delivered, running_system

pytestmark = pytest.mark.timeout(120)


async def test_a_second_bridge_on_the_same_file_is_refused_by_the_name_of_the_first(
    tmp_path: Path, broker_vhost: str
) -> None:
    async with running_system(tmp_path, broker_vhost, total=50) as system:
        await system.until_all_committed()
        second = BridgeProcess(system.settings, tmp_path / "second.log")
        await second.start()
        try:
            assert await second.ended() == 2
            assert f"pid {system.bridge.pid}) owns this store" in second.end_of_log()
        finally:
            await second.close()
        system.sandbox.nhn.create(Creation(count=50))
        await system.until_all_committed()
        assert await system.bridge.stop() == 0
        assert_delivered(await system.arrived(), system.created_ids())


async def test_of_bridges_that_start_at_the_same_moment_one_runs_and_the_others_are_refused_by_its_name(
    tmp_path: Path, broker_vhost: str
) -> None:
    """Where one of another host was before, of which nobody here knows that it is dead: they wait together."""
    async with running_system(tmp_path, broker_vhost, total=50, start=False) as system:
        await stand_in(system.settings["BRIDGE_STORE__URL"], Process(host="elsewhere", pid=7))
        others = [BridgeProcess(system.settings, tmp_path / f"{name}.log") for name in ("second", "third")]
        bridges = [system.bridge, *others]
        async with AsyncExitStack() as running:
            for bridge in bridges:
                running.push_async_callback(bridge.close)
                await bridge.start()
            ends = {asyncio.create_task(bridge.ended()): bridge for bridge in bridges}
            while len(ends) > 1:
                done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED, timeout=30)
                assert done, "more than one runs"
                refused = [ends.pop(task) for task in done if task.result() == 2]
                assert len(refused) == len(done)
            ((ending, winner),) = ends.items()
            system.bridge = winner
            await system.until_all_committed()
            for bridge in bridges:
                assert bridge is winner or f"pid {winner.pid}) owns this store" in bridge.end_of_log()
            assert await winner.stop() == 0
            await ending
        assert [event.id for event in await system.arrived()] == system.created_ids(), "each once"


async def stand_in(url: str, process: Process) -> None:
    """A bridge that has the store for itself, for five seconds from now on."""
    async with open_store(url, clock=SystemClock()) as stores:
        leases = SqlLeases(stores.for_leases, lease_s=5)
        await leases.beat(Replica(id="other", process=process, serves=frozenset({STORE})), wanted=None)
        assert await leases.take("other", [STORE])


async def test_after_a_kill_the_next_bridge_goes_on_without_waiting_for_the_dead_ones_lease(
    tmp_path: Path, broker_vhost: str
) -> None:
    long = {"BRIDGE_CLUSTER__HEARTBEAT_S": "60"}
    async with running_system(tmp_path, broker_vhost, total=50, settings=long) as system:
        await system.until_all_committed()
        await system.bridge.kill()
        system.sandbox.nhn.create(Creation(count=50))
        await system.bridge.start()
        await system.until_all_committed(timeout_s=100)  # a lease is 180 s here
