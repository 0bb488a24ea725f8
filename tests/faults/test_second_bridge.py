"""Two bridges on one file of SQLite: the second is told who has it, and a dead one's successor need not wait."""

from pathlib import Path

import pytest

from bridge.demo.process import BridgeProcess
from bridge.sandbox.records import Creation
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
