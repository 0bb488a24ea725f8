"""The bound on requests a second to one host: even spacing, in turn, without bursts."""

import asyncio

import httpx
import pytest

from bridge.errors import SourceUnavailable
from bridge.http import HostGate, HttpReader
from tests.support.clock import FakeClock


class LateClock(FakeClock):
    """Whoever sleeps wakes so much later than it asked for."""

    def __init__(self, *, late_s: float) -> None:
        super().__init__()
        self._late_s = late_s

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self._late_s)


async def passed(gate: HostGate, clock: FakeClock, count: int) -> list[float]:
    """When each of so many calls at once got through, in the order of the calls."""

    async def call() -> float:
        await gate.wait()
        return round(clock.monotonic(), 6)

    return await asyncio.gather(*(call() for _ in range(count)))


class TestTheSpacing:
    async def test_is_even_and_in_turn(self) -> None:
        clock = FakeClock()
        assert await passed(HostGate(clock, max_requests_per_s=20.0), clock, 5) == [0.0, 0.05, 0.1, 0.15, 0.2]

    async def test_is_none_without_a_bound(self) -> None:
        clock = FakeClock()
        assert await passed(HostGate(clock), clock, 100) == [0.0] * 100
        assert clock.slept == []

    async def test_is_kept_on_the_whole_where_each_wakes_late(self) -> None:
        clock = LateClock(late_s=0.03)
        times = await passed(HostGate(clock, max_requests_per_s=20.0), clock, 100)
        assert times[-1] == pytest.approx(99 * 0.05, abs=0.04)
        assert max(sum(start <= at < start + 1.0 for at in times) for start in times) <= 22

    async def test_does_not_make_up_for_a_long_sleep_of_the_process(self) -> None:
        clock = FakeClock(auto=False)
        gate = HostGate(clock, max_requests_per_s=20.0)
        await gate.wait()
        waiting = [asyncio.create_task(gate.wait()) for _ in range(50)]
        await asyncio.sleep(0)
        clock.advance(60.0)
        for _ in range(200):
            await asyncio.sleep(0)
        assert sum(task.done() for task in waiting) == 3, "the one whose turn it was, and two that are 0.1 s late"
        for task in waiting:
            task.cancel()

    async def test_saves_nothing_up_in_a_quiet_time(self) -> None:
        clock = FakeClock()
        gate = HostGate(clock, max_requests_per_s=2.0)
        await gate.wait()
        clock.advance(1000.0)
        assert await passed(gate, clock, 3) == [1000.0, 1000.5, 1001.0]

    async def test_may_be_less_than_one_a_second(self) -> None:
        clock = FakeClock()
        assert await passed(HostGate(clock, max_requests_per_s=0.1), clock, 3) == [0.0, 10.0, 20.0]

    async def test_never_lets_more_through_in_any_second(self) -> None:
        clock = FakeClock()
        times = await passed(HostGate(clock, max_requests_per_s=20.0), clock, 200)
        assert max(sum(start <= at < start + 0.999 for at in times) for start in times) == 20

    async def test_changes_with_its_setting_from_the_next_call_on(self) -> None:
        clock = FakeClock()
        gate = HostGate(clock, max_requests_per_s=1.0)
        assert await passed(gate, clock, 2) == [0.0, 1.0]
        gate.max_requests_per_s = 4.0
        assert await passed(gate, clock, 2) == [1.25, 1.5]
        gate.max_requests_per_s = None
        assert await passed(gate, clock, 2) == [1.5, 1.5]

    async def test_takes_no_place_for_who_is_cancelled(self) -> None:
        clock = FakeClock(auto=False)
        gate = HostGate(clock, max_requests_per_s=1.0)
        await gate.wait()
        waiting = [asyncio.create_task(gate.wait()) for _ in range(10)]
        await asyncio.sleep(0)
        for task in waiting[:9]:
            task.cancel()
        await asyncio.wait(waiting[:9])
        clock.advance(1.0)
        await waiting[9]
        assert clock.monotonic() == 1.0


class TestAHold:
    async def test_lets_all_through_evenly_once_it_ends(self) -> None:
        clock = FakeClock()
        gate = HostGate(clock, max_requests_per_s=2.0)
        gate.hold(60.0)
        assert await passed(gate, clock, 3) == [60.0, 60.5, 61.0]

    async def test_that_comes_while_calls_wait_for_their_turn_holds_them(self) -> None:
        clock = FakeClock(auto=False)
        gate = HostGate(clock, max_requests_per_s=1.0)
        await gate.wait()
        waiting = asyncio.create_task(gate.wait())
        await asyncio.sleep(0)
        gate.hold(30.0)
        clock.advance(29.0)
        for _ in range(3):
            await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(1.0)
        await waiting


async def test_every_request_of_a_reader_waits_for_its_turn_whatever_its_answer() -> None:
    clock = FakeClock()
    asked_at: list[float] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        asked_at.append(round(clock.monotonic(), 6))
        return httpx.Response(200 if len(asked_at) % 2 else 500, content=b"{}")

    gate = HostGate(clock, max_requests_per_s=10.0)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        readers = [HttpReader(client, gate=gate, clock=clock, timeout_s=30.0, max_body_bytes=100) for _ in range(2)]
        for _ in range(2):
            await readers[0].get("https://api.test/a", headers={})
            with pytest.raises(SourceUnavailable):
                await readers[1].get("https://api.test/b", headers={})
    assert asked_at == [0.0, 0.1, 0.2, 0.3]
