"""A time is found in a feed that can be asked by offset alone."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import SourceUnavailable
from bridge.nhn.moment import Glance, glance, offset_at
from tests.support.nhn import items, notification

START = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def found(rows: list[tuple[int, int]], moment: datetime, near: int) -> tuple[int, int]:
    """(offset, looks) in a feed of (offset, second of creation)."""
    offsets = [offset for offset, _ in rows]
    search, looks = offset_at(moment, near), 0
    try:
        behind = next(search)
        while True:
            looks += 1
            index = bisect_left(offsets, behind + 1)
            seen = Glance(rows[index][0], at(rows[index][1])) if index < len(rows) else None
            behind = search.send(seen)
    except StopIteration as end:
        return end.value, looks


@given(
    gaps=st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 5)), max_size=30),
    seconds=st.integers(-5, 160),
    near=st.integers(0, 40_000),
)
def test_it_is_the_last_that_was_created_before(gaps: list[tuple[int, int]], seconds: int, near: int) -> None:
    rows, offset, second = [], 0, 0
    for gap, later in gaps:
        offset, second = offset + gap, second + later
        rows.append((offset, second))
    expected = max((offset for offset, second in rows if second < seconds), default=0)
    assert found(rows, at(seconds), near)[0] == expected


def test_a_long_feed_takes_few_looks() -> None:
    rows = [(number * 1000, number) for number in range(1, 1_000_001)]
    offset, looks = found(rows, at(777_777), near=0)
    assert offset == 777_776_000
    assert looks <= 70


def test_a_glance_is_the_first_that_tells_offset_and_time() -> None:
    page = items(
        notification(9, 7, createdAt=at(9).isoformat()),
        notification(4, 7),
        notification(6, 7, createdAt=at(6).isoformat()),
        notification(3, 7, createdAt=at(3).isoformat(), offset=...),
    )
    assert glance(page) == Glance(6, at(6))


def test_where_there_is_nothing_there_is_no_glance() -> None:
    assert glance([]) is None


def test_a_feed_without_times_cannot_tell() -> None:
    with pytest.raises(SourceUnavailable, match="does not tell when"):
        glance(items(notification(4, 7)))
