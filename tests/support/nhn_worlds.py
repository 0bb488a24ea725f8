"""Worlds that the model of NHN's source plays: a log of notifications, the processes that live through it, troubles."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import strategies as st

from tests.support.clock import FakeClock
from tests.support.nhn import Row, notification

HER_IDS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Planned:
    """One notification to come."""

    gap: int
    wait_s: float
    late_s: float
    her_id: int
    kind: str


@dataclass(frozen=True)
class Life:
    """One process: who is wanted, and when it dies."""

    wanted: frozenset[int]
    batches: int
    """Handed out before it dies."""
    in_flight: int
    """How many of them are not committed."""
    published: int
    """How many messages of those are published all the same."""
    downtime_s: float
    seeks: Mapping[int, int] = field(default_factory=dict)
    """HER-id → the offset that an operator moves it to before the process starts."""


@dataclass(frozen=True)
class World:
    """All that happens."""

    log: tuple[Planned, ...]
    lives: tuple[Life, ...]
    cursors: dict[int, int]
    """Where the receivers that the store knows from before stand."""
    refusals: tuple[tuple[int, float, float], ...]
    """HER-id, from, until."""
    fault_rate: float
    dice: random.Random
    page_size: int
    max_her_ids: int
    overlap_s: float
    poll_interval_s: float

    def rows(self) -> list[Row]:
        """The log with its numbers."""
        rows, number, at = [], 0, 0.0
        for planned in self.log:
            number += planned.gap
            at += planned.wait_s
            created_at = (FakeClock().now() + timedelta(seconds=at)).isoformat()
            changes = {"createdAt": created_at} | SHAPES[planned.kind]
            raw = notification(number, planned.her_id, **changes)
            rows.append(Row(number, planned.her_id, raw, at + planned.late_s, is_large=planned.kind == "large"))
        return rows


SHAPES: dict[str, dict[str, object]] = {
    "plain": {},
    "undated": {"createdAt": ...},
    "malformed": {"type": 17},
    "large": {},
    "unnumbered": {"offset": ...},
    "nameless": {"offset": ..., "notificationReceiverHerId": "?"},
}
LATE_S = (0.0, 0.0, 0.0, 0.0, 1.0, 20.0, 55.0)


def logs(*kinds: str, late_s: tuple[float, ...], max_size: int = 25) -> st.SearchStrategy[tuple[Planned, ...]]:
    planned = st.builds(
        Planned,
        gap=st.integers(1, 3),
        wait_s=st.sampled_from([0.0, 0.0, 0.0, 0.3, 7.0, 40.0]),
        late_s=st.sampled_from(late_s),
        her_id=st.sampled_from(HER_IDS),
        kind=st.sampled_from(["plain"] * 4 + list(kinds)),
    )
    return st.lists(planned, max_size=max_size).map(tuple)


NO_SEEKS: st.SearchStrategy[Mapping[int, int]] = st.just({})
OFFSETS = st.sampled_from([0, 3, 5, 12, 13, 20, 30, 45, 90])
SEEKS: st.SearchStrategy[Mapping[int, int]] = (
    NO_SEEKS | st.dictionaries(st.sampled_from(HER_IDS), OFFSETS) | OFFSETS.map(lambda to: dict.fromkeys(HER_IDS, to))
)


def all_lives(
    wanted: st.SearchStrategy[frozenset[int]], seeks: st.SearchStrategy[Mapping[int, int]] = NO_SEEKS
) -> st.SearchStrategy[tuple[Life, ...]]:
    life = st.builds(
        Life,
        wanted=wanted,
        batches=st.integers(0, 8),
        in_flight=st.integers(0, 3),
        published=st.integers(0, 5),
        downtime_s=st.sampled_from([0.0, 0.0, 5.0, 100.0, 5000.0]),
        seeks=seeks,
    )
    return st.lists(life, max_size=4).map(tuple)


def worlds(**changed: st.SearchStrategy[object]) -> st.SearchStrategy[World]:
    everybody = st.just(frozenset(HER_IDS))
    parts: dict[str, st.SearchStrategy[object]] = {
        "log": logs("undated", "malformed", "unnumbered", "nameless", late_s=LATE_S),
        "lives": all_lives(everybody),
        "cursors": st.just({}),
        "refusals": st.just(()),
        "fault_rate": st.sampled_from([0.0, 0.0, 0.1, 0.4]),
        "dice": st.integers(0, 2**32).map(random.Random),
        "page_size": st.sampled_from([26, 100]),
        "max_her_ids": st.sampled_from([1500, 3, 1]),
        "overlap_s": st.just(60.0),
        "poll_interval_s": st.sampled_from([10.0, 60.0]),
    }
    return st.builds(World, **(parts | changed))
