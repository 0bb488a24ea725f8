"""How many messages may be written and unconfirmed at a time, over all sessions of the process."""

import asyncio
from collections import deque


class InFlightBudget:
    """A weighted semaphore, strictly first come, first served: a page that waits is not overtaken by smaller ones."""

    def __init__(self, limit: int) -> None:
        """`limit` ≥ 1."""
        self.limit = limit
        self._free = limit
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def in_flight(self) -> int:
        """Messages that were granted and not released."""
        return self.limit - self._free

    async def acquire(self, count: int = 1) -> None:
        """Wait for room for `count` messages at once, 1 ≤ count ≤ limit. Returns at once where nobody waits for it."""
        if not 1 <= count <= self.limit:
            raise ValueError(f"{count} messages never fit into a budget of {self.limit}")
        if not self._waiting and count <= self._free:
            self._free -= count
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._grant()  # those behind may have waited for this one's turn alone
            else:
                self.release(count)  # granted and cancelled in the same moment
            raise

    def release(self, count: int = 1) -> None:
        """Give back what was acquired."""
        self._free += count
        self._grant()

    def _grant(self) -> None:
        while self._waiting:
            count, turn = self._waiting[0]
            if not turn.cancelled():
                if count > self._free:
                    return
                self._free -= count
                turn.set_result(None)
            self._waiting.popleft()
