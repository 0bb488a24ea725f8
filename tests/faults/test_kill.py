"""SIGKILL at every station between fetch and commit, a real process on a real broker: nothing is lost (G1, G2, G3)."""

import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.records import Creation
from bridge.sandbox.tcp_proxy import Direction
from tests.support.broker import ready_count
from tests.support.system import QUEUE, System, assert_delivered, running_system, until

pytestmark = pytest.mark.timeout(60)
TO_CLIENT = frozenset({Direction.TO_CLIENT})


@pytest.fixture
async def system(tmp_path: Path, broker_vhost: str) -> AsyncIterator[System]:
    async with running_system(tmp_path, broker_vhost, start=False) as system:
        yield system


async def _is_waiting(system: System) -> bool:
    return await ready_count(system.url, QUEUE) > 0


async def _restart_and_finish(system: System) -> None:
    """Kill, mend everything, start again: all has to be there in the end."""
    await system.bridge.kill()
    await _finish(system)


async def _finish(system: System) -> None:
    system.sandbox.nhn.clear_faults()
    system.proxy.resume()
    system.proxy.accept()
    await system.bridge.start()
    await system.until_all_committed()
    assert await system.bridge.stop() == 0
    assert_delivered(await system.arrived(), system.created_ids())
    assert await system.offsets() == {system.sandbox.nhn.state().last_offset}


async def test_killed_while_a_page_is_fetched(system: System) -> None:
    system.sandbox.nhn.add_fault(FaultRule(kind=FaultKind.TIMEOUT))
    await system.bridge.start()
    await until(lambda: system.sandbox.nhn.state().requests > 0)
    await _restart_and_finish(system)


async def test_killed_when_part_of_a_page_has_reached_the_broker(system: System) -> None:
    system.proxy.cut_after(200_000, Direction.TO_TARGET)
    await system.bridge.start()
    await until(lambda: system.proxy.accepted > 0)
    system.proxy.refuse()
    await until(lambda: _is_waiting(system))
    await _restart_and_finish(system)


async def test_killed_when_published_and_not_yet_confirmed(system: System) -> None:
    await system.bridge.start()
    await system.until_all_committed()
    known = await ready_count(system.url, QUEUE)
    system.proxy.pause(TO_CLIENT)
    system.sandbox.nhn.create(Creation(count=500))
    await until(partial(_is_beyond, system, known))
    await _restart_and_finish(system)


async def test_killed_when_confirmed_and_not_yet_committed(system: System, tmp_path: Path) -> None:
    """Another process holds SQLite's write lock: the bridge has every confirm and cannot commit."""
    await system.bridge.start()
    await until((tmp_path / "bridge.db").exists)
    await until(lambda: system.sandbox.nhn.state().requests > 0)
    lock = sqlite3.connect(tmp_path / "bridge.db", isolation_level=None, timeout=10)
    lock.execute("BEGIN IMMEDIATE")
    try:
        await until(lambda: _is_waiting(system))
        await until(lambda: _has_uncommitted(system))
        await system.bridge.kill()
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    await _finish(system)


async def _has_uncommitted(system: System) -> bool:
    status = await system.bridge.status()
    return status is not None and any(stream["uncommitted_pages"] for stream in status["streams"])


async def test_killed_between_two_commits(system: System) -> None:
    await system.bridge.start()
    await until(lambda: _has_committed(system))
    await _restart_and_finish(system)


async def _has_committed(system: System) -> bool:
    status = await system.bridge.status()
    return status is not None and any(stream["cursor"] for stream in status["streams"])


async def test_killed_when_all_is_done_repeats_nothing(system: System) -> None:
    await system.bridge.start()
    await system.until_all_committed()
    await system.bridge.kill()
    await system.bridge.start()
    await system.until_all_committed()
    assert await system.bridge.stop() == 0
    events = await system.arrived()
    assert [event.id for event in events] == system.created_ids()


async def test_killed_again_and_again_while_notifications_come(system: System) -> None:
    """At moments that nothing is tuned to: as soon as a little more has arrived than the last time."""
    for _ in range(4):
        await system.bridge.start()
        known = await ready_count(system.url, QUEUE)
        await until(partial(_is_beyond, system, known))
        await system.bridge.kill()
        system.sandbox.nhn.create(Creation(count=200))
    await system.bridge.start()
    await system.until_all_committed()
    assert await system.bridge.stop() == 0
    assert_delivered(await system.arrived(), system.created_ids())


async def _is_beyond(system: System, known: int) -> bool:
    return await ready_count(system.url, QUEUE) > known
