"""When notifications are due. Pure: a function of the seconds that have passed, so nothing runs between two looks."""

from typing import Annotated

import msgspec


class SupplyPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Bursts of `burst` notifications, the first at once, `rate_per_s` on average, until `total` were made."""

    rate_per_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """None: all of `total` at once."""
    burst: Annotated[int, msgspec.Meta(ge=1)] = 1
    """1: a steady supply."""
    total: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """None: without end, or, without a rate, nothing at all."""


class Supply:
    """Hands out what is due, once each. `now_s`: seconds of a clock that never goes back."""

    def __init__(self, plan: SupplyPlan, started_at_s: float) -> None:
        self._plan = plan
        self._started_at_s = started_at_s
        self._paused_at_s: float | None = None
        self._taken = 0

    @property
    def is_paused(self) -> bool:
        return self._paused_at_s is not None

    @property
    def is_finished(self) -> bool:
        """Whether nothing will ever be due again."""
        total = self._plan.total if self._plan.rate_per_s is not None else (self._plan.total or 0)
        return total is not None and self._taken >= total

    def take(self, now_s: float, limit: int) -> list[float]:
        """For each notification that has become due since the last call, at most `limit`: how many seconds ago."""
        elapsed_s = self._elapsed_s(now_s)
        first, self._taken = self._taken, min(self._due(elapsed_s), self._taken + limit)
        return [max(0.0, elapsed_s - self._due_at_s(index)) for index in range(first, self._taken)]

    def pause(self, now_s: float) -> None:
        """Nothing more becomes due until `resume`; what would have been is not made up for."""
        if self._paused_at_s is None:
            self._paused_at_s = now_s

    def resume(self, now_s: float) -> None:
        if self._paused_at_s is not None:
            self._started_at_s += now_s - self._paused_at_s
            self._paused_at_s = None

    def _elapsed_s(self, now_s: float) -> float:
        return (now_s if self._paused_at_s is None else self._paused_at_s) - self._started_at_s

    def _due(self, elapsed_s: float) -> int:
        """How many of all are due by then."""
        plan = self._plan
        if plan.rate_per_s is None:
            return plan.total or 0
        due = (int(elapsed_s * plan.rate_per_s / plan.burst) + 1) * plan.burst
        return due if plan.total is None else min(due, plan.total)

    def _due_at_s(self, index: int) -> float:
        plan = self._plan
        return 0.0 if plan.rate_per_s is None else index // plan.burst * plan.burst / plan.rate_per_s
