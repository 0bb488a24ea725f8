"""What was seen before, in bounded memory. Pure."""

DEFAULT_CAPACITY = 50_000
"""At 1500 requests a second and 12 s to keep, 18,000 are needed."""


class SeenOnce:
    """Remembers each identity for as long as its JWT could be sent again; when full, it forgets the oldest."""

    def __init__(self, *, keep_s: float, capacity: int = DEFAULT_CAPACITY) -> None:
        self._keep_s = keep_s
        self._capacity = capacity
        self._seen: dict[str, float] = {}
        """Identity → when it may be forgotten; in that order, since all are kept for the same time."""

    def __len__(self) -> int:
        return len(self._seen)

    def is_new(self, identity: str, now_s: float) -> bool:
        """Whether it was not seen before; from now on it was. `now_s`: monotonic."""
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] > now_s:
                break
            del self._seen[oldest]
        if identity in self._seen:
            return False
        if len(self._seen) >= self._capacity:
            del self._seen[next(iter(self._seen))]
        self._seen[identity] = now_s + self._keep_s
        return True
