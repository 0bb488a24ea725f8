"""What a check notes of each answer that its error does not say: the status, and what time it is there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import httpx

from bridge.auth.skew import clock_ahead_s
from bridge.check.report import Finding, not_verifiable, ok, warning
from bridge.ports import Clock

CLOCK_TOLERANCE_S = 30.0


class Answered(NamedTuple):
    """What the requests to one API, with one sign-in, showed."""

    findings: list[Finding]
    clock_ahead_s: float | None
    """Of ours, against the API's; None where it did not say."""


class Witness:
    """Notes the last answer of one client."""

    def __init__(self, clock: Clock) -> None:
        self.status: int | None = None
        """Of the last answer; None where none came."""
        self.clock_ahead_s: float | None = None
        """Of our clock, against the API's; None where it did not say."""
        self._clock = clock
        self._sent_at: datetime = clock.now()

    @property
    def hooks(self) -> Mapping[str, list[Callable[..., Any]]]:
        """The client's `event_hooks`."""
        return {"request": [self._sent], "response": [self._answered]}

    async def _sent(self, _request: httpx.Request) -> None:
        self.status = None
        self._sent_at = self._clock.now()

    async def _answered(self, response: httpx.Response) -> None:
        self.status = response.status_code
        date = response.headers.get("date")
        self.clock_ahead_s = clock_ahead_s(date, sent_at=self._sent_at, received_at=self._clock.now())


def clock_finding(ahead: Sequence[float | None], *, name: str = "") -> Finding:
    """How this machine's clock stands to the API's. `ahead`: what the last answers showed."""
    known = [seconds for seconds in ahead if seconds is not None]
    if not known:
        return not_verifiable("clock", "no answer of the API says what time it is", name=name)
    worst = max(known, key=abs)
    if abs(worst) <= CLOCK_TOLERANCE_S:
        return ok("clock", f"within {CLOCK_TOLERANCE_S:g} s of the API's", name=name)
    found = f"{abs(worst):.0f} s {'ahead of' if worst > 0 else 'behind'} the API's"
    return warning("clock", found, name=name, fix="Set this machine's clock by NTP: sign-in fails when it is off.")
