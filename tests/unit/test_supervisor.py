"""Who ends when, and how truthfully."""

import asyncio

import pytest

from bridge.errors import InvariantViolation
from bridge.supervisor import Service, run_watched, supervise, unless_stopped
from tests.support.clock import FakeClock
from tests.support.observers import Recorder


async def run(*services: Service, stop: asyncio.Event, deadline_s: float = 5.0) -> bool:
    return await supervise(
        services, stop=stop, observer=Recorder(), clock=FakeClock(auto=False), shutdown_deadline_s=deadline_s
    )


async def test_services_that_drain_in_time_are_drained() -> None:
    stop = asyncio.Event()
    drained = []

    async def service(stop: asyncio.Event) -> None:
        await stop.wait()
        drained.append("yes")

    stop.set()
    assert await run(service, service, stop=stop) is True
    assert drained == ["yes", "yes"]


async def test_what_does_not_drain_in_time_is_cut_off_and_told() -> None:
    stop = asyncio.Event()
    stop.set()

    async def never(stop: asyncio.Event) -> None:
        await asyncio.Event().wait()

    assert await run(never, stop=stop, deadline_s=0.01) is False


async def test_a_service_that_dies_stops_the_others_and_its_cause_is_raised() -> None:
    stop = asyncio.Event()
    others: list[str] = []

    async def dying(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_die())

    async def draining(stop: asyncio.Event) -> None:
        await stop.wait()
        others.append("drained")

    with pytest.raises(InvariantViolation, match="went backwards"):
        await run(dying, draining, stop=stop)
    assert others == ["drained"]


async def _die() -> None:
    raise InvariantViolation("the cursor went backwards")


async def test_a_service_that_ends_unasked_is_a_death() -> None:
    async def ending(stop: asyncio.Event) -> None:
        return

    with pytest.raises(InvariantViolation, match="nobody asked"):
        await run(ending, stop=asyncio.Event())


async def test_the_watchdog_cuts_off_what_stalls_and_says_why() -> None:
    looks: list[str | None] = [None, None, "no successful poll"]
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    assert await run_watched(work(), find_stall=lambda: looks.pop(0), clock=FakeClock()) == "no successful poll"
    assert ended.is_set()


async def test_work_that_ends_is_not_watched_any_longer() -> None:
    async def work() -> None:
        return

    assert await run_watched(work(), find_stall=lambda: None, clock=FakeClock(auto=False)) is None
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_watched_work_dies_of_is_raised() -> None:
    with pytest.raises(InvariantViolation):
        await run_watched(_die(), find_stall=lambda: None, clock=FakeClock(auto=False))


async def test_waiting_for_work_ends_when_asked_to_stop() -> None:
    stop = asyncio.Event()
    waiting = asyncio.create_task(unless_stopped(stop, asyncio.Event().wait()))
    await asyncio.sleep(0)
    stop.set()
    assert await waiting is None
