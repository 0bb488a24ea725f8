"""Several `bridge run` processes on one PostgreSQL: the streams are shared, and survive whoever runs them (G7)."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from bridge.demo.process import BridgeProcess
from tests.support.cluster import MakeCluster
from tests.support.command import run_command
from tests.support.postgres import pg_ctl
from tests.support.system import until

pytestmark = pytest.mark.timeout(300)


async def test_three_replicas_share_the_streams_and_every_event_comes_once(cluster_of: MakeCluster) -> None:
    async with cluster_of(3, total=120) as cluster:
        await cluster.until_shared({1})
        cluster.create(120)
        await cluster.until_all_committed()
        for replica in cluster.replicas:
            status = await replica.status()
            assert status is not None
            assert status["replicas"] == 3
            assert {each["name"] for each in status["owners"]} >= {"nhn/t0/1", "nhn/t1/1", "nhn/t2/1"}
        assert [await replica.stop() for replica in cluster.replicas] == [0, 0, 0]
        await cluster.check(repeats=0)


async def test_a_killed_replicas_streams_go_on_elsewhere(cluster_of: MakeCluster) -> None:
    async with cluster_of(3) as cluster:
        await cluster.until_shared({1})
        await cluster.until_all_committed()
        await cluster.replicas[0].kill()
        cluster.create(60)
        await cluster.until_all_committed()
        await cluster.until_shared({1, 2}, among=cluster.replicas[1:])
        await cluster.check()


async def test_a_replica_that_slept_past_its_lease_commits_and_publishes_nothing_when_it_wakes_up(
    cluster_of: MakeCluster,
) -> None:
    async with cluster_of(2, tenants=2) as cluster:
        await cluster.until_shared({1})
        await cluster.until_all_committed()
        sleeper = cluster.replicas[0]
        os.kill(sleeper.pid, signal.SIGSTOP)
        try:
            await cluster.until_shared({2}, among=cluster.replicas[1:])
            cluster.create(60)
            await cluster.until_all_committed()
        finally:
            os.kill(sleeper.pid, signal.SIGCONT)
        await cluster.until_shared({1})
        cluster.create(60)
        await cluster.until_all_committed()
        await cluster.check(repeats=0)


async def test_a_replica_that_sleeps_in_the_midst_of_its_work_repeats_no_more_than_was_in_flight(
    cluster_of: MakeCluster,
) -> None:
    async with cluster_of(2, tenants=2, NHN__PAGE_SIZE="10") as cluster:
        await cluster.until_shared({1})
        cluster.create(2000)
        before = await cluster.commit_count()

        async def is_under_way() -> bool:
            return await cluster.commit_count() > before + 5

        await until(is_under_way)
        sleeper = cluster.replicas[0]
        os.kill(sleeper.pid, signal.SIGSTOP)
        try:
            await cluster.until_shared({2}, among=cluster.replicas[1:])
            await cluster.until_all_committed()
        finally:
            os.kill(sleeper.pid, signal.SIGCONT)
        await cluster.until_shared({1})
        cluster.create(60)
        await cluster.until_all_committed()
        await cluster.check(repeats=2 * 3 * 10)  # sent before it slept, and when it woke: three pages in flight each


async def test_a_rolling_restart_repeats_nothing(cluster_of: MakeCluster) -> None:
    async with cluster_of(3) as cluster:
        await cluster.until_shared({1})
        for replica in cluster.replicas:
            cluster.create(60)
            assert await replica.stop() == 0
            cluster.create(60)
            await replica.start()
            await cluster.until_shared({1})
        await cluster.until_all_committed()
        await cluster.check(repeats=0)


async def test_a_database_that_is_down_for_a_while_stops_all_and_loses_nothing(
    cluster_of: MakeCluster, pg_ctl_command: str
) -> None:
    async with cluster_of(3) as cluster:
        await cluster.until_shared({1})
        await pg_ctl(pg_ctl_command, "stop", "-m", "immediate")
        try:
            cluster.create(60)
            await asyncio.gather(*(until_shown_failing(replica) for replica in cluster.replicas))
        finally:
            await pg_ctl(pg_ctl_command, "start", "-w")
        cluster.create(60)
        await cluster.until_all_committed()
        await cluster.until_shared({1})
        await cluster.check()


async def until_shown_failing(replica: BridgeProcess) -> None:
    async def is_failing() -> bool:
        status = await replica.status()
        return status is not None and not status["is_ready"] and not status["store"]["is_working"]

    await until(is_failing, timeout_s=60)


async def test_from_one_to_five_and_back_to_one_under_load(cluster_of: MakeCluster) -> None:
    async with cluster_of(1, tenants=5) as cluster:
        await cluster.until_shared({5})
        cluster.create(200)
        await cluster.start(4)
        await cluster.until_shared({1})
        cluster.create(200)
        assert [await replica.stop() for replica in cluster.replicas[1:]] == [0, 0, 0, 0]
        cluster.create(200)
        await cluster.until_shared({5}, among=cluster.replicas[:1])
        await cluster.until_all_committed()
        await cluster.check(repeats=0)


async def test_who_is_set_back_under_load_gets_it_all_again_and_nobody_else_notices(
    cluster_of: MakeCluster,
) -> None:
    async with cluster_of(2, tenants=2, total=120) as cluster:
        await cluster.until_shared({1})
        await cluster.until_all_committed()
        had = {offer.id for offer in cluster.offers() if offer.her_id == 7001}
        cluster.create(300)
        command = await run_command(cluster.settings, "offsets", "set", "7001", "--to", "earliest", "--yes")
        assert command.code == 0, command.stderr
        cluster.create(60)
        await cluster.until_all_committed()
        await cluster.until_shared({1})
        arrivals = (await cluster.check()).arrivals
        times = Counter(arrival.id for arrival in arrivals)
        assert {times[each] for each in had} == {2}
        assert {times[arrival.id] for arrival in arrivals if arrival.her_id != 7001} == {1}


async def test_the_receivers_of_all_replicas_are_served(cluster_of: MakeCluster) -> None:
    one, other = '[{"name": "t0", "her_ids": [7001, 7002]}]', '[{"name": "t0", "her_ids": [7003, 7004]}]'
    async with cluster_of(1, tenants=1, NHN__TENANTS=one) as cluster:
        await cluster.until_shared({1})
        await cluster.start(1, NHN__TENANTS=other)
        await cluster.until_all_committed()
        await cluster.check(repeats=0)


async def test_two_streams_of_two_replicas_that_have_become_small_are_made_one_under_load(
    cluster_of: MakeCluster, tmp_path: Path
) -> None:
    file = tmp_path / "her-ids"

    def write_her_ids(count: int) -> None:
        new = file.with_suffix(".new")
        new.write_text("".join(f"{her_id}\n" for her_id in range(7001, 7001 + count)))
        new.rename(file)

    write_her_ids(1501)
    tenants = f'[{{"name": "t0", "her_ids_file": "{file}"}}]'
    async with cluster_of(2, tenants=1, NHN__TENANTS=tenants) as cluster:
        await cluster.until_shared({1})
        cluster.create(60)
        write_her_ids(4)
        cluster.create(60)
        await cluster.until_shared({0, 1})
        cluster.create(60)
        await cluster.until_all_committed()
        await cluster.check(repeats=0)
