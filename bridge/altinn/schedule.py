"""When an order is polled next. Pure."""

from typing import Protocol

import msgspec

MAX_AHEAD_S = 86_400.0
"""An order that is dated further ahead is looked at once a day all the same: it may be cancelled, or its date wrong."""
JITTER = 0.1
"""Polls spread by ±10 %, so that orders placed together do not stay together."""


class PollSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of product.md §3, in seconds."""

    first_poll_s: float = 5.0
    max_poll_s: float = 3600.0
    give_up_after_s: float = 345_600.0


class Dice(Protocol):
    """What of `random.Random` is needed."""

    def uniform(self, a: float, b: float) -> float: ...


def next_poll_at(
    now: float, *, quiet_since: float, not_before: float | None, schedule: PollSchedule, dice: Dice
) -> float:
    """The pause is as long as the order has been quiet, at least the first and at most the longest: it doubles.

    `quiet_since`: when it last changed; `not_before`: when it is to be sent at all, from where on it is quiet.
    Seconds since the epoch.
    """
    spread = dice.uniform(1 - JITTER, 1 + JITTER)
    if not_before is not None and not_before > now:
        return min(not_before + schedule.first_poll_s * spread, now + MAX_AHEAD_S * spread)
    quiet_s = now - max(quiet_since, not_before or quiet_since)
    return now + min(max(quiet_s, schedule.first_poll_s), schedule.max_poll_s) * spread
