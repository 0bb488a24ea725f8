"""Who owns every task: services run until asked to stop, drain within a deadline, and tell truthfully how it ended.

stop asked -> fetch no more, finish what is in flight -> deadline -> cancel the rest (it will be sent again)
"""

import asyncio
import os
import signal
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from bridge.errors import InvariantViolation
from bridge.ports import Clock

T = TypeVar("T")
Service = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Runs until the event is set, then drains and returns. Ending before is a defect or a death, and ends the process."""

HEARTBEAT_S = 1.0


class SupervisorObserver(Protocol):
    """What supervising tells: bridge.ops.service_telemetry."""

    def alive(self) -> None: ...
    def draining(self) -> None: ...


@contextmanager
def signals_set(stop: asyncio.Event) -> Iterator[None]:
    """SIGTERM or SIGINT asks to stop; a second one kills at once, and the exit status says that it did."""
    loop = asyncio.get_running_loop()
    watched = (signal.SIGTERM, signal.SIGINT)

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            os._exit(128 + number)  # process 1, in a container, does not die of it
        stop.set()

    for number in watched:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in watched:
            loop.remove_signal_handler(number)


async def supervise(
    services: Sequence[Service],
    *,
    stop: asyncio.Event,
    observer: SupervisorObserver,
    clock: Clock,
    shutdown_deadline_s: float,
) -> bool:
    """Run the services until `stop`; True if all drained within the deadline (seconds), False if some were cut off.

    Raises what a service died of, once the others have been drained or the deadline has passed.
    """
    running = {asyncio.create_task(_named(service, stop), name=f"service-{n}") for n, service in enumerate(services)}
    heart = asyncio.create_task(_beat(observer, clock), name="heartbeat")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({stopping, heart, *running}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        observer.draining()
        await asyncio.wait(running, timeout=shutdown_deadline_s)
        unfinished = {task for task in running if not task.done()}
    finally:
        await end({heart, stopping, *running})
    for task in (*running, heart):
        if not task.cancelled() and (error := task.exception()) is not None:
            raise innermost(error)
    return not unfinished


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The work's result; None if asked to stop before it was done (it is then cancelled)."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await end({working, stopping})


async def run_watched(
    work: Coroutine[Any, Any, None], *, find_stall: Callable[[], str | None], clock: Clock, every_s: float = HEARTBEAT_S
) -> str | None:
    """Run the work to its end: None. Cut it off when the watchdog finds a stall (G6): what it found."""
    working = asyncio.create_task(work, name="watched")
    watching = asyncio.create_task(_watch(find_stall, clock, every_s), name="watchdog")
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return None
        return watching.result()
    finally:
        await end({working, watching})


def innermost(error: BaseException) -> BaseException:
    """The first cause in a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _named(service: Service, stop: asyncio.Event) -> None:
    await service(stop)
    if not stop.is_set():
        raise InvariantViolation("a service ended although nobody asked it to")


async def _watch(find_stall: Callable[[], str | None], clock: Clock, every_s: float) -> str:
    while (reason := find_stall()) is None:
        await clock.sleep(every_s)
    return reason


async def _beat(observer: SupervisorObserver, clock: Clock) -> None:
    while True:
        observer.alive()
        await clock.sleep(HEARTBEAT_S)


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel what still runs and wait until it has ended; none outlives its owner."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
