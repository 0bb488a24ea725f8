"""Events in the last minute, in constant memory."""

from collections import deque

WINDOW_S = 60


class Throughput:
    """Counts per second of the last minute: at most 61 entries."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque(maxlen=WINDOW_S + 1)

    def add(self, count: int, now: float) -> None:
        """`count` events at monotonic second `now`, which never goes back."""
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            count += self._seconds.pop()[1]
        self._seconds.append((second, count))

    def last_minute(self, now: float) -> int:
        """Events of the 60 s that end at `now`, exact to the second."""
        return sum(count for second, count in self._seconds if second > now - WINDOW_S)
