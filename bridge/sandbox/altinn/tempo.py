"""How long each status lasts, in ticks, at one pace. Pure."""

from typing import NamedTuple

from bridge.sandbox.altinn.lives import (
    AFTER_FINAL_WAIT_S,
    LEAST_WAIT_S,
    ORDER_WAITS_S,
    OTHER_WAIT_S,
    TTL_WAIT_S,
    WAITS_S,
    Pace,
)
from bridge.sandbox.altinn.statuses import TTL, OrderStatus, is_pending
from bridge.sandbox.altinn.timeline import ticks


class Stage(NamedTuple):
    """A status, and what is waited before it: `least` and, by chance, up to `span` more."""

    status: str
    least: int
    span: int
    is_timed_out: bool
    """What is waited then begins with the expiry."""


class Tempo:
    """The waits at one pace; those of a path are worked out once."""

    def __init__(self, pace: Pace) -> None:
        self._factor = pace.factor
        self.expiry = ticks(pace.expiry_s)
        """From the requested time."""
        self._order_waits = {status: self._wait(bounds) for status, bounds in ORDER_WAITS_S.items()}
        self._paths: dict[tuple[str, ...], tuple[Stage, ...]] = {}

    def ahead(self, word: int) -> int:
        """How far ahead an order is dated, by a number of 16 bits."""
        return (self.expiry * (0x10000 + word)) >> 17

    def order_wait(self, status: OrderStatus, word: int) -> int:
        """From the status before to this one, by a number of 16 bits."""
        least, span = self._order_waits[status]
        return least + (span * word >> 16)

    def stages(self, path: tuple[str, ...]) -> tuple[Stage, ...]:
        """The statuses of a notification with their waits."""
        stages = self._paths.get(path)
        if stages is None:
            stages = tuple(self._stage(path, index) for index in range(len(path)))
            self._paths[path] = stages
        return stages

    def _stage(self, path: tuple[str, ...], index: int) -> Stage:
        status = path[index]
        if index == 0:
            return Stage(status, 0, 0, is_timed_out=False)
        if status == TTL:
            return Stage(status, *self._wait(TTL_WAIT_S), is_timed_out=True)
        is_afterthought = not is_pending(path[index - 1])
        bounds = AFTER_FINAL_WAIT_S if is_afterthought else WAITS_S.get(status, OTHER_WAIT_S)
        return Stage(status, *self._wait(bounds), is_timed_out=False)

    def _wait(self, bounds: tuple[float, float]) -> tuple[int, int]:
        least_s, most_s = (max(LEAST_WAIT_S, self._factor * seconds) for seconds in bounds)
        return ticks(least_s), ticks(most_s - least_s)
