"""The route contract: subscribers' queues that are to be there, each bound to its exchange (product.md §5). Pure.

One judgement for `bridge check`, which looks once, and for `bridge run`, which looks again and again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import msgspec


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the contract: a subscriber's queue with its bindings."""

    queue: str
    exchange: str
    bindings: tuple[str, ...] = ()
    """Topic patterns; none: only the queue itself is looked for."""
    required: bool = False
    """While it is missing, the bridge is not ready."""
    declare: bool = False
    """The bridge declares and binds the queue, durable and quorum."""
    holds: bool = False
    """While it is missing, nothing is published to its exchange."""


class Place(NamedTuple):
    """Where routes are looked at."""

    vhost: str
    cluster: str
    """The broker's name for itself; empty where it tells none."""


class RouteFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a route. None: not seen."""

    exists: bool | None = None
    """Whether the queue is there."""
    bound: frozenset[str] | None = None
    """The patterns that it is bound to its exchange with."""
    trouble: str | None = None
    """Why it is not there, where the broker said more than that; a clause."""
    declared_anew: bool = False
    """It was not there, and the bridge has just declared it."""


class Verdict(Enum):
    """What is known of a route."""

    THERE = "there"
    MISSING = "missing"
    NOT_SEEN = "not-verifiable"
    """Nothing is known to be missing, but not all could be looked at."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the facts mean."""

    verdict: Verdict
    found: str
    """A clause."""
    fix: str = ""
    """What whoever it belongs to does about it, without a full stop; empty where nothing is missing."""


NO_BROKER = Judgement(verdict=Verdict.NOT_SEEN, found="no broker could be asked")


def judge(route: Route, facts: RouteFacts, *, is_exchange_missing: bool = False) -> Judgement:
    """Whether the route is as the contract has it. `is_exchange_missing`: and nobody is about to declare it."""
    patterns = ", ".join(route.bindings)
    if is_exchange_missing and patterns:
        fix = f"Have {route.exchange} declared (durable, type topic) by those who publish to it"
        return _missing(f"its exchange {route.exchange} is not there", fix)
    if facts.exists is None:
        return NO_BROKER
    if not facts.exists:
        bound = f", bound to {route.exchange} with {patterns}" if patterns else ""
        return _missing(facts.trouble or "the queue is not there", f"Have the subscriber declare it{bound}")
    return _judge_bindings(route, facts)


def _judge_bindings(route: Route, facts: RouteFacts) -> Judgement:
    """Of a queue that is there."""
    if not route.bindings:
        return Judgement(verdict=Verdict.THERE, found="the queue is there")
    if facts.bound is None:
        return Judgement(verdict=Verdict.NOT_SEEN, found="the queue is there; its bindings cannot be seen")
    if unbound := unbound_of(route, facts.bound):
        found = facts.trouble or f"not bound to {route.exchange} with {unbound}"
        return _missing(found, f"Have the subscriber bind it with {unbound}")
    return Judgement(verdict=Verdict.THERE, found=f"bound to {route.exchange} with {', '.join(route.bindings)}")


def unbound_of(route: Route, bound: Collection[str]) -> str:
    """The patterns of the contract that the queue is not bound with, in words; empty where there are none."""
    return ", ".join(pattern for pattern in route.bindings if pattern not in bound)


def _missing(found: str, fix: str) -> Judgement:
    return Judgement(verdict=Verdict.MISSING, found=found, fix=fix)
