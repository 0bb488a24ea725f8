"""The window of lately done offsets: late rows are found, and nothing else is taken for one (product.md §6)."""

import math
import random
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bridge.checkpoints import RecentPage
from bridge.nhn.window import CLOCK_MARGIN_S, MAX_OFFSETS, Window

NOW = 1_776_146_400.0
"""2026-04-14T06:00:00Z."""


def moved(
    window: Window, previous: int, cursor: int, *offsets: int, now: float = NOW, created_at: float | None = None
) -> RecentPage | None:
    return window.record(offsets, previous=previous, cursor=cursor, newest_created_at=created_at, now=now)


class TestWhatIsReadAgain:
    def test_without_pages_begins_at_the_cursor(self) -> None:
        assert Window(60.0).start(40) == 40

    def test_begins_where_the_cursor_stood_before_the_oldest_page(self) -> None:
        """Not at the page's first item: the row before it may be the late one."""
        window = Window(60.0)
        moved(window, 40, 52, 50, 52)
        moved(window, 52, 60, 60)
        assert window.start(60) == 40
        assert window.offsets == {40, 50, 52, 60}

    def test_begins_after_a_restart_where_it_began_before(self) -> None:
        before = Window(60.0)
        pages = [moved(before, 40, 52, 50, 52, now=NOW), moved(before, 52, 60, 60, now=NOW + 1)]
        after = Window(60.0, [page for page in reversed(pages) if page is not None])
        assert after.start(60) == 40
        assert after.offsets == before.offsets

    def test_a_move_without_items_is_remembered_too(self) -> None:
        window = Window(60.0)
        assert moved(window, 40, 60) == RecentPage(read_at=NOW, offsets=(40, 60))
        assert window.start(60) == 40

    def test_nothing_is_kept_where_nothing_moved(self) -> None:
        assert moved(Window(60.0), 40, 40) is None

    def test_nothing_is_kept_where_the_overlap_is_turned_off(self) -> None:
        window = Window(0.0)
        assert moved(window, 40, 50, 50) is None
        assert window.start(50) == 50
        assert window.offsets == set()


class TestAPageOfALongHistory:
    def test_is_not_kept_and_ends_what_was_kept_before(self) -> None:
        window = Window(60.0)
        moved(window, 40, 50, 50)
        assert moved(window, 50, 60, 60, created_at=NOW - 60.0 - CLOCK_MARGIN_S - 1) is None
        assert window.start(60) == 60
        assert window.offsets == set()
        assert window.forget(NOW) == math.inf

    def test_is_kept_as_soon_as_something_below_it_may_still_become_visible(self) -> None:
        window = Window(60.0)
        assert moved(window, 50, 60, 60, created_at=NOW - 60.0 - CLOCK_MARGIN_S) is not None

    def test_is_kept_where_it_does_not_tell_its_age(self) -> None:
        assert moved(Window(60.0), 50, 60, 60) is not None


class TestForgetting:
    def test_pages_leave_after_the_overlap_the_oldest_first(self) -> None:
        window = Window(60.0)
        moved(window, 40, 50, 45, 50, now=NOW)
        moved(window, 50, 60, 60, now=NOW + 30)
        assert window.forget(NOW + 60) == NOW
        assert window.start(60) == 40
        assert window.forget(NOW + 60.5) == NOW + 30
        assert window.start(60) == 50
        assert {45, 50} & window.offsets == set()
        assert window.forget(NOW + 90.5) == math.inf
        assert window.start(60) == 60

    def test_a_clock_that_is_set_back_does_not_change_the_order_in_which_pages_leave(self) -> None:
        window = Window(60.0)
        moved(window, 40, 50, 50, now=NOW)
        assert moved(window, 50, 60, 60, now=NOW - 3600) == RecentPage(read_at=NOW, offsets=(50, 60))
        assert window.forget(NOW - 3600) == NOW
        assert window.start(60) == 40

    def test_beyond_the_bound_the_oldest_leave(self) -> None:
        window = Window(60.0)
        for page in range(3):
            start = page * MAX_OFFSETS // 2
            moved(window, start, start + MAX_OFFSETS // 2, *range(start, start + MAX_OFFSETS // 2), now=NOW + page)
        window.forget(NOW + 3)
        assert window.start(10**9) == MAX_OFFSETS // 2
        assert len(window.offsets) <= MAX_OFFSETS

    def test_pages_of_one_moment_leave_together_as_they_do_in_the_store(self) -> None:
        window = Window(60.0)
        moved(window, 0, MAX_OFFSETS, *range(MAX_OFFSETS), now=NOW)
        moved(window, MAX_OFFSETS, MAX_OFFSETS + 10, now=NOW)
        assert window.forget(NOW) == math.inf
        assert window.offsets == set()

    def test_up_to_an_offset_no_page_is_left_that_begins_before_it(self) -> None:
        window = Window(60.0)
        moved(window, 40, 50, 50, now=NOW)
        moved(window, 50, 60, 60, now=NOW + 1)
        moved(window, 60, 70, 70, now=NOW + 2)
        assert window.forget_up_to(55) == NOW + 2
        assert window.start(70) == 60
        assert window.forget_up_to(60) == NOW + 2


class TestOffsetsBelowTheCursor:
    def test_stand_in_the_window_and_are_kept_with_the_page_they_lie_in(self) -> None:
        window = Window(60.0)
        moved(window, 40, 50, 50, now=NOW)
        moved(window, 50, 60, 60, now=NOW + 1)
        moved(window, 60, 70, 70, now=NOW + 2)
        assert window.record_within([65, 41, 49, 55]) == (
            RecentPage(read_at=NOW, offsets=(41, 49)),
            RecentPage(read_at=NOW + 1, offsets=(55,)),
            RecentPage(read_at=NOW + 2, offsets=(65,)),
        )
        assert {41, 49, 55, 65} <= window.offsets
        window.forget(NOW + 60.5)
        assert {41, 49} & window.offsets == set()
        assert {55, 65} <= window.offsets
        assert window.start(70) == 50

    def test_that_are_known_are_not_kept_twice(self) -> None:
        window = Window(60.0)
        moved(window, 40, 50, 45, 50)
        assert window.record_within([44, 45, 50]) == (RecentPage(read_at=NOW, offsets=(44,)),)
        assert window.record_within([44]) == ()

    def test_below_the_window_need_no_keeping(self) -> None:
        window = Window(60.0)
        moved(window, 40, 50, 50)
        assert window.record_within([1, 40]) == ()
        assert window.start(50) == 40

    def test_beyond_the_window_are_not_its_business(self) -> None:
        window = Window(60.0)
        moved(window, 40, 50, 50)
        assert window.record_within([51]) == ()

    def test_of_an_empty_window_are_not_kept(self) -> None:
        assert Window(60.0).record_within([1, 2]) == ()


@dataclass
class Reader:
    """A stream's main cohort and a straggler, as far as the window is concerned, on a log with late rows."""

    dice: random.Random
    overlap_s: float
    now: float = NOW
    newest: int = 0
    visible: set[int] = field(default_factory=set)
    held: dict[int, float] = field(default_factory=dict)
    """Late rows and when they become visible."""
    cursor: int = 0
    done: list[int] = field(default_factory=list)
    stored: list[RecentPage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.window = Window(self.overlap_s)

    def appear(self) -> None:
        """Some rows get their numbers; some of them are visible only later, but within the overlap."""
        for _ in range(self.dice.randint(1, 6)):
            self.newest += self.dice.randint(1, 3)
            if self.dice.random() < 0.25:
                self.held[self.newest] = self.now + self.dice.uniform(0, self.overlap_s)
            else:
                self.visible.add(self.newest)

    def pass_time(self) -> None:
        self.now += self.dice.choice([0.0, 1.0, 20.0, 70.0])

    def set_clock_back(self) -> None:
        """Late rows become visible by the time that passes, whatever a clock says."""
        step = self.dice.uniform(0, 30)
        self.now -= step
        self.held = {number: at - step for number, at in self.held.items()}

    def sweep(self) -> None:
        """The main cohort reads from the window's start to the end."""
        self.visible |= {number for number, at in self.held.items() if at <= self.now}
        self.held = {number: at for number, at in self.held.items() if at > self.now}
        found = sorted(number for number in self.visible if number > self.window.start(self.cursor))
        late = [number for number in found if number <= self.cursor and number not in self.window.offsets]
        new = [number for number in found if number > self.cursor]
        pages = list(self.window.record_within(late))
        previous, self.cursor = self.cursor, max([self.cursor, *new])
        page = self.window.record(
            new, previous=previous, cursor=self.cursor, newest_created_at=self._created_at(new), now=self.now
        )
        self.done += late + new
        self._store([*pages, page] if page else pages, self.window.forget(self.now))

    def restart(self) -> None:
        """The window is what the store kept of it."""
        start = self.window.start(self.cursor)
        self.window = Window(self.overlap_s, self.stored)
        assert self.window.start(self.cursor) == start

    def _created_at(self, new: list[int]) -> float | None:
        """Sometimes not told."""
        return self.now if new and self.dice.random() < 0.5 else None

    def _store(self, pages: list[RecentPage], forget_before: float) -> None:
        self.stored = [page for page in [*self.stored, *pages] if page.read_at >= forget_before]


STEPS = ["appear", "pass_time", "sweep", "sweep", "restart", "set_clock_back"]


@given(st.integers(0, 2**32), st.lists(st.sampled_from(STEPS), min_size=5, max_size=40))
def test_late_rows_are_found_once_over_any_restarts_and_nothing_else_is(seed: int, steps: list[str]) -> None:
    reader = Reader(random.Random(seed), overlap_s=60.0)
    for step in [*steps, "sweep", "pass_time", "sweep"]:
        getattr(reader, step)()
        assert len(reader.done) == len(set(reader.done)), "published twice"
        known = {number for number in reader.done if reader.window.start(reader.cursor) < number <= reader.cursor}
        assert known <= reader.window.offsets, "done with, and to be read again, but not known"
    assert reader.visible <= set(reader.done), "lost"
