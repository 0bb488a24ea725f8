"""How many messages may be written and unconfirmed at a time, over all sessions of the process."""

import asyncio
from collections import deque

STEP = 4
"""Who waits for room is served once a quarter of the limit is free, so that pages go out in a few large pieces."""


class InFlightBudget:
    """A weighted semaphore, strictly first come, first served: a page that waits is not overtaken by smaller ones."""

    def __init__(self, limit: int) -> None:
        """`limit` ≥ 1."""
        self.limit = limit
        self._free = limit
        self._waiting: deque[tuple[int, int, asyncio.Future[int]]] = deque()

    @property
    def in_flight(self) -> int:
        """Messages that were granted and not released."""
        return self.limit - self._free

    async def acquire(self, wanted: int = 1) -> int:
        """Wait for room for `wanted` ≥ 1 messages, or for as many as a quarter of the limit; returns for how many there
        is room now, at most `wanted`. Returns at once where there is room and nobody waits for it.
        """
        least = min(wanted, max(self.limit // STEP, 1))
        if not self._waiting and least <= self._free:
            return self._take(wanted)
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((least, wanted, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._grant()  # those behind may have waited for this one's turn alone
            else:
                self.release(turn.result())  # granted and cancelled in the same moment
            raise

    def release(self, count: int = 1) -> None:
        """Give back what was acquired."""
        self._free += count
        self._grant()

    def _grant(self) -> None:
        while self._waiting:
            least, wanted, turn = self._waiting[0]
            if not turn.cancelled():
                if least > self._free:
                    return
                turn.set_result(self._take(wanted))
            self._waiting.popleft()

    def _take(self, wanted: int) -> int:
        granted = min(wanted, self._free)
        self._free -= granted
        return granted
