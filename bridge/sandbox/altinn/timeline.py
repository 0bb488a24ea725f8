"""When each status came: steps with the times that the API shows for them. Pure.

Times are whole ticks since the simulation's start.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

TICKS_PER_S = 10_000_000
"""A tick is 100 ns, what the API's times are made of."""
_DIGITS = 7
_TICKS_PER_US = 10
_SECONDS_KEPT = 4096
"""Texts of whole seconds: an order's e-mails have but a few."""


class Step(NamedTuple):
    """A status, from `at` until the next step."""

    status: str
    at: int
    shown_at: int
    """`lastUpdate`: later than that of the step before, whatever `at` is."""


def ticks(seconds: float) -> int:
    """Seconds as ticks."""
    return int(seconds * TICKS_PER_S)


def append(steps: list[Step], status: str, at: int, digits: int, start_at: int) -> None:
    """Add a step whose time is shown with at most `digits` (0 to 7) digits of a second's fraction.

    Where that would be no later than the step before, it has all of them, or is a tick later: what the API shows for
    two steps always differs. `start_at`: the simulation's start in ticks since any whole second.
    """
    unit = 10 ** (_DIGITS - digits)
    shown_at = at - (start_at + at) % unit
    if steps and shown_at <= steps[-1].shown_at:
        shown_at = max(at, steps[-1].shown_at + 1)
    steps.append(Step(status, at, shown_at))


def current(steps: Sequence[Step], now: int) -> Step:
    """The step that holds at that time; the first one where it is earlier than all."""
    for step in reversed(steps):
        if step.at <= now:
            return step
    return steps[0]


def cut(steps: list[Step], now: int) -> None:
    """Take away what has not happened yet."""
    while steps and steps[-1].at > now:
        steps.pop()


class Calendar:
    """Ticks as the API writes them: UTC, 0 to 7 digits of a second's fraction, no zeros at the end."""

    def __init__(self, started: datetime) -> None:
        """`started`: aware, UTC; when tick 0 was."""
        self._second = started.replace(microsecond=0, tzinfo=None)
        self.start_at = started.microsecond * _TICKS_PER_US
        """Tick 0, in ticks since the last whole second."""
        self._text_of_second = lru_cache(maxsize=_SECONDS_KEPT)(self._write)

    def text(self, at: int) -> str:
        """ISO 8601, `Z`."""
        seconds, fraction = divmod(self.start_at + at, TICKS_PER_S)
        text = self._text_of_second(seconds)
        return f"{text}.{fraction:07d}".rstrip("0") + "Z" if fraction else f"{text}Z"

    def _write(self, seconds: int) -> str:
        return (self._second + timedelta(seconds=seconds)).isoformat()
