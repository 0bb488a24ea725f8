"""A clock that moves only when it is told to, so that no test waits."""

import asyncio
import heapq
import random
from datetime import UTC, datetime, timedelta
from typing import Any


class LongestWait(random.Random):
    """Dice for a backoff without jitter: it always waits as long as it may."""

    def uniform(self, a: float, b: float) -> float:
        assert a <= b
        return b


class FakeClock:
    """Time stands still; `sleep` ends when a test (or `auto`) has moved time past it.

    With `auto=True` a sleep moves time itself, in order of the sleepers' deadlines, once nothing else is ready.
    """

    def __init__(self, *, auto: bool = True, start: datetime = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._auto = auto
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self.slept: list[float] = []
        """Every duration that was asked for, in order."""

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, self._count, woken))
        if self._auto:
            asyncio.get_running_loop().call_soon(self._settle, 3)
        await woken

    def advance(self, seconds: float) -> None:
        """Move time; those whose time has come wake up."""
        self._elapsed_s += seconds
        self._wake()

    def _settle(self, turns: int) -> None:
        """Let everything that is ready run first, then move time to the next sleeper."""
        if turns:
            asyncio.get_running_loop().call_soon(self._settle, turns - 1)
            return
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        if self._sleepers:
            self._elapsed_s = max(self._elapsed_s, self._sleepers[0][0])
            self._wake()

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_s:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)


class PatientClock(FakeClock):
    """Moves time by itself, sleeper by sleeper, but only while nothing at all is ready to run: for several tasks."""

    def __init__(self) -> None:
        super().__init__(auto=False)
        self._is_watching = False

    async def sleep(self, seconds: float) -> None:
        if not self._is_watching:
            self._is_watching = True
            asyncio.get_running_loop().call_soon(self._watch)
        await super().sleep(seconds)

    def _watch(self) -> None:
        self._sleepers = sorted(sleeper for sleeper in self._sleepers if not sleeper[2].done())
        if not self._sleepers:
            self._is_watching = False
            return
        loop: Any = asyncio.get_running_loop()
        if not loop._ready:
            self.advance(max(self._sleepers[0][0] - self._elapsed_s, 0.0))
        loop.call_soon(self._watch)
