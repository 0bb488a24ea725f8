"""How `bridge run` ends, as a process: drained, cut off, killed or died; its exit status tells which."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest

from bridge.sandbox.records import Creation
from bridge.sandbox.tcp_proxy import Direction
from tests.support.broker import declare_queue, ready_count, unbind
from tests.support.system import EXCHANGE, QUEUE, System, assert_delivered, running_system, until

pytestmark = pytest.mark.timeout(60)
TO_CLIENT = frozenset({Direction.TO_CLIENT})
END_TIMEOUT_S = 10.0


@asynccontextmanager
async def in_flight(directory: Path, url: str, **settings: str) -> AsyncIterator[System]:
    """A bridge that has committed 100 notifications and published 50 more, whose confirms are held back."""
    async with running_system(directory, url, total=100, settings=settings) as system:
        await system.until_all_committed()
        system.proxy.pause(TO_CLIENT)
        system.sandbox.nhn.create(Creation(count=50))

        async def are_published() -> bool:
            return await ready_count(url, QUEUE) == 150

        await until(are_published)
        yield system


async def until_draining(system: System) -> None:
    async def is_draining() -> bool:
        status = await system.bridge.status()
        return status is not None and status["is_draining"]

    await until(is_draining)


async def exit_status(system: System) -> int:
    """That of the process, as soon as it ends by itself; negative: the number of the signal that ended it."""
    async with asyncio.timeout(END_TIMEOUT_S):
        return await system.bridge._running.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_asked_to_end_it_commits_what_is_in_flight_fetches_no_more_and_exits_0(
    tmp_path: Path, broker_vhost: str, number: signal.Signals
) -> None:
    async with in_flight(tmp_path, broker_vhost) as system:
        committed, last_in_flight = await system.offsets(), system.sandbox.nhn.state().last_offset
        os.kill(system.bridge.pid, number)
        await until_draining(system)
        system.sandbox.nhn.create(Creation(count=30))
        assert await system.offsets() == committed
        system.proxy.resume()

        assert await exit_status(system) == 0
        assert await system.offsets() == {last_in_flight}
        assert [event.id for event in await system.arrived()] == system.created_ids()[:150], "each once"


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once_with_that_signals_status(
    tmp_path: Path, broker_vhost: str, second: signal.Signals
) -> None:
    async with in_flight(tmp_path, broker_vhost) as system:
        os.kill(system.bridge.pid, signal.SIGTERM)
        await until_draining(system)
        os.kill(system.bridge.pid, second)

        assert await exit_status(system) == -second


async def test_a_drain_cut_off_at_its_deadline_exits_1_says_so_and_loses_nothing(
    tmp_path: Path, broker_vhost: str
) -> None:
    """It cannot end well: an event waits for a queue to be bound."""
    settings = {"BRIDGE_BROKER__UNROUTABLE": "hold", "BRIDGE_SHUTDOWN_DEADLINE_S": "0.5"}
    async with running_system(tmp_path, broker_vhost, total=100, settings=settings) as system:
        await system.until_all_committed()
        before = await system.offsets()
        await unbind(broker_vhost, QUEUE, EXCHANGE, "#")
        system.sandbox.nhn.create(Creation(count=50))
        await until(partial(is_held, system))
        os.kill(system.bridge.pid, signal.SIGTERM)

        assert await exit_status(system) == 1
        assert "The drain was cut off after BRIDGE_SHUTDOWN_DEADLINE_S (0.5 s)" in system.bridge.end_of_log()
        assert await system.offsets() == before

        await declare_queue(broker_vhost, QUEUE, EXCHANGE, "#")
        await system.bridge.start()
        await system.until_all_committed()
        assert_delivered(await system.arrived(), system.created_ids())


async def is_held(system: System) -> bool:
    status = await system.bridge.status()
    return status is not None and any(stream["held_reason"] for stream in status["streams"])


async def test_asked_to_end_while_the_broker_is_away_and_nothing_in_flight_it_exits_0(
    tmp_path: Path, broker_vhost: str
) -> None:
    async with running_system(tmp_path, broker_vhost, total=10) as system:
        await system.until_all_committed()
        system.proxy.refuse()
        system.proxy.cut()
        os.kill(system.bridge.pid, signal.SIGTERM)

        assert await exit_status(system) == 0


async def test_without_a_broker_for_what_is_in_flight_it_ends_at_once_exits_1_says_so_and_loses_nothing(
    tmp_path: Path, broker_vhost: str
) -> None:
    """There is nothing that could be finished: it waits for no deadline, which is 25 s here."""
    async with in_flight(tmp_path, broker_vhost) as system:
        before = await system.offsets()
        system.proxy.refuse()
        system.proxy.cut()
        await until(partial(is_in_state, system, "waits-for-broker"))
        os.kill(system.bridge.pid, signal.SIGTERM)

        assert await exit_status(system) == 1
        assert "The drain was cut off as there has been no broker for" in system.bridge.end_of_log()
        assert await system.offsets() == before

        system.proxy.accept()
        system.proxy.resume()
        await system.bridge.start()
        await system.until_all_committed()
        assert_delivered(await system.arrived(), system.created_ids())


async def test_a_broker_that_is_back_in_a_moment_is_waited_for_and_it_exits_0(
    tmp_path: Path, broker_vhost: str
) -> None:
    """As when one node of a cluster ends, and the next one is there."""
    async with in_flight(tmp_path, broker_vhost) as system:
        last_in_flight = system.sandbox.nhn.state().last_offset
        os.kill(system.bridge.pid, signal.SIGTERM)
        await until_draining(system)
        system.proxy.cut()
        system.proxy.resume()

        assert await exit_status(system) == 0
        assert await system.offsets() == {last_in_flight}
        assert_delivered(await system.arrived(), system.created_ids())


async def is_in_state(system: System, state: str) -> bool:
    status = await system.bridge.status()
    return status is not None and [stream["state"] for stream in status["streams"]] == [state]


async def test_a_stream_that_dies_of_a_contradiction_ends_the_process_with_its_cause(
    tmp_path: Path, broker_vhost: str
) -> None:
    async with running_system(tmp_path, broker_vhost, total=10) as system:
        await system.until_all_committed()
        with closing(sqlite3.connect(tmp_path / "bridge.db", timeout=10)) as other_process, other_process:
            other_process.execute("UPDATE nhn_stream SET cursor = 1")
        system.sandbox.nhn.create(Creation(count=10))

        assert await exit_status(system) == 1
        assert "nhn/default/1" in system.bridge.end_of_log(1)
        assert await system.offsets() == {1}, "whoever moved the cursor is not overruled"
