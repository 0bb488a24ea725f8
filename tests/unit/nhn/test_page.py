"""A page is checked, not trusted (product.md §6): what is published of it, and where the next request begins."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.nhn import page as page_module
from bridge.nhn.decode import Item
from bridge.nhn.page import Checked, check
from tests.support.nhn import items, notification


def numbered(*offsets: int, her_id: int = 7) -> list[Item]:
    return items(*(notification(offset, her_id) for offset in offsets))


def unnumbered(number: int, her_id: int = 7) -> Item:
    (item,) = items(notification(number, her_id, offset=...))
    return item


def malformed(number: int) -> Item:
    (item,) = items(notification(number, 7, type=17))
    return item


def checked(
    *pages: tuple[Sequence[Item], bool],
    position: int = 10,
    cursor: int | None = None,
    recent: Collection[int] = (),
    published: Collection[tuple[int, str]] = (),
    floor: int = 0,
    limit: int | None = None,
) -> Checked:
    """The verdict where, unless said otherwise, all up to offset 10 is done with."""
    return check(
        pages,
        position=position,
        cursor=position if cursor is None else cursor,
        recent=recent,
        published=published,
        floor=floor,
        limit=limit,
    )


def keys(verdict: Checked) -> list[str]:
    return [item.key for item in verdict.items]


class TestAPage:
    def test_in_order_is_published_as_it_is(self) -> None:
        verdict = checked((numbered(11, 12, 15), False))
        assert keys(verdict) == ["n-11", "n-12", "n-15"]
        assert verdict.position == 15
        assert not verdict.is_full
        assert not verdict.reached_limit
        assert verdict.anomalies == {}

    def test_that_is_empty_moves_nothing(self) -> None:
        verdict = checked(([], False))
        assert keys(verdict) == []
        assert verdict.position == 10
        assert verdict.anomalies == {}

    def test_that_is_unsorted_is_sorted_and_counted(self) -> None:
        verdict = checked((numbered(15, 12, 11, 13), False))
        assert keys(verdict) == ["n-11", "n-12", "n-13", "n-15"]
        assert verdict.position == 15
        assert verdict.anomalies == {"unsorted": 2}

    def test_with_an_item_twice_publishes_it_once_and_counts(self) -> None:
        verdict = checked((numbered(11, 11, 12, 11), False))
        assert keys(verdict) == ["n-11", "n-12"]
        assert verdict.anomalies == {"repeated": 2}

    def test_two_notifications_with_one_offset_are_both_published(self) -> None:
        (other,) = items(notification(11, 7, notificationId="another"))
        verdict = checked(([*numbered(11), other], False))
        assert keys(verdict) == ["n-11", "another"]
        assert verdict.anomalies == {}

    def test_what_was_not_asked_for_is_skipped_and_counted(self) -> None:
        verdict = checked((numbered(9, 10, 11), False))
        assert keys(verdict) == ["n-11"]
        assert verdict.position == 11
        assert verdict.anomalies == {"already-seen": 2}

    def test_full_with_nothing_new_makes_no_progress(self) -> None:
        verdict = checked((numbered(8, 9, 10), True))
        assert keys(verdict) == []
        assert verdict.position == 10
        assert verdict.is_full
        assert verdict.anomalies == {"already-seen": 3, "no-progress": 1}

    def test_full_that_reaches_the_limit_makes_progress_enough(self) -> None:
        assert checked((numbered(10), True), limit=10).anomalies == {"already-seen": 1}

    def test_a_malformed_item_is_counted_and_stands_where_its_offset_says(self) -> None:
        verdict = checked(([*numbered(12), malformed(11)], False))
        assert [item.offset for item in verdict.items] == [11, 12]
        assert verdict.anomalies == {"unsorted": 1, "malformed": 1}


class TestItemsWithoutAnOffset:
    def test_stand_where_the_api_put_them(self) -> None:
        verdict = checked(([unnumbered(1), *numbered(11), unnumbered(2), *numbered(12), unnumbered(3)], False))
        assert keys(verdict) == ["n-1", "n-11", "n-2", "n-12", "n-3"]
        assert verdict.position == 12
        assert verdict.shown == {(7, "n-1"), (7, "n-2"), (7, "n-3")}
        assert verdict.anomalies == {"without-offset": 3}

    def test_that_are_published_already_are_shown_and_not_published_again(self) -> None:
        verdict = checked(([unnumbered(1), unnumbered(2)], False), published={(7, "n-1")})
        assert keys(verdict) == ["n-2"]
        assert verdict.shown == {(7, "n-1"), (7, "n-2")}
        assert verdict.anomalies == {"without-offset": 1}

    def test_that_stand_before_one_under_the_floor_are_shown_and_not_published(self) -> None:
        page = [*numbered(11), unnumbered(1), *numbered(12), unnumbered(2), *numbered(14)]
        verdict = checked((page, False), position=10, cursor=13, recent={11, 12, 13}, floor=13)
        assert keys(verdict) == ["n-2", "n-14"], "the second one may be new, or belong before 13"
        assert verdict.shown == {(7, "n-1"), (7, "n-2")}

    def test_of_an_unsorted_page_are_published_whatever_the_floor(self) -> None:
        page = [*numbered(12), unnumbered(1), *numbered(11)]
        assert keys(checked((page, False), cursor=13, recent={11, 12}, floor=13)) == ["n-1"]

    def test_with_one_id_and_two_receivers_are_two(self) -> None:
        verdict = checked(([unnumbered(1, her_id=8)], False), published={(7, "n-1")})
        assert keys(verdict) == ["n-1"]

    def test_that_tell_no_receiver_belong_to_nobody(self) -> None:
        (item,) = items(b'{"type":17}')
        assert checked(([item], False)).shown == {(0, item.key)}

    def test_alone_in_a_full_page_make_no_progress_but_are_published(self) -> None:
        verdict = checked(([unnumbered(1), unnumbered(2)], True))
        assert keys(verdict) == ["n-1", "n-2"]
        assert verdict.anomalies == {"without-offset": 2, "no-progress": 1}

    def test_of_an_unsorted_page_come_first_because_they_may_belong_before_what_is_published_now(self) -> None:
        verdict = checked(([*numbered(13), unnumbered(1), *numbered(11)], False), limit=12)
        assert keys(verdict) == ["n-1", "n-11"]

    def test_beyond_what_is_published_now_are_not_shown_yet(self) -> None:
        verdict = checked(([*numbered(11), unnumbered(1), *numbered(13), unnumbered(2)], False), limit=12)
        assert keys(verdict) == ["n-11", "n-1"]
        assert verdict.shown == {(7, "n-1")}


class TestAPollOfSeveralRequests:
    def test_is_put_together_in_offset_order(self) -> None:
        verdict = checked((numbered(11, 14), False), (numbered(12, 13, her_id=8), False))
        assert keys(verdict) == ["n-11", "n-12", "n-13", "n-14"]
        assert verdict.anomalies == {}

    def test_is_complete_only_up_to_the_end_of_a_full_page(self) -> None:
        verdict = checked((numbered(11, 12), True), (numbered(13, 20, her_id=8), False))
        assert keys(verdict) == ["n-11", "n-12"]
        assert verdict.position == 12
        assert verdict.is_full

    def test_is_complete_only_up_to_the_lowest_end_of_several_full_pages(self) -> None:
        verdict = checked((numbered(11, 19), True), (numbered(12, 15, her_id=8), True))
        assert keys(verdict) == ["n-11", "n-12", "n-15"]
        assert verdict.position == 15

    def test_makes_no_progress_where_one_page_is_full_of_old_items(self) -> None:
        verdict = checked((numbered(9, 10), True), (numbered(12, her_id=8), False))
        assert keys(verdict) == []
        assert verdict.position == 10
        assert verdict.anomalies == {"already-seen": 2, "no-progress": 1}


class TestReadingAgainForLateRows:
    def test_publishes_what_is_not_in_the_window_and_counts_it_as_late(self) -> None:
        verdict = checked((numbered(4, 5, 6, 10, 11), False), position=3, cursor=10, recent={4, 6})
        assert keys(verdict) == ["n-5", "n-10", "n-11"]
        assert verdict.position == 11
        assert verdict.anomalies == {"late": 2}
        assert verdict.known == (4, 6)

    def test_finds_nothing_where_nothing_is_late(self) -> None:
        verdict = checked((numbered(4, 6, 10), False), position=3, cursor=10, recent={4, 6, 10})
        assert keys(verdict) == []
        assert verdict.anomalies == {}

    def test_publishes_nothing_where_everything_up_to_the_cursor_is_done_with(self) -> None:
        verdict = checked((numbered(4, 6, 10, 11), False), position=3, cursor=10, recent=range(11))
        assert keys(verdict) == ["n-11"]
        assert verdict.known == (4, 6, 10)

    def test_what_lies_beyond_the_cursor_is_published_whatever_the_window_holds(self) -> None:
        assert keys(checked((numbered(11), False), position=3, cursor=10, recent={11})) == ["n-11"]


class TestALimit:
    @pytest.mark.parametrize(
        ("offsets", "is_full", "expected", "reached"),
        [
            pytest.param([11, 12, 13], False, ["n-11", "n-12"], True, id="passed"),
            pytest.param([11, 12], True, ["n-11", "n-12"], True, id="met by the end of a full page"),
            pytest.param([11], True, ["n-11"], False, id="not met by a full page"),
            pytest.param([11], False, ["n-11"], True, id="nothing is left before it"),
            pytest.param([], False, [], True, id="nothing at all is left before it"),
            pytest.param([13, 14], True, [], True, id="a full page lies beyond it"),
        ],
    )
    def test_bounds_what_is_taken_and_says_whether_all_up_to_it_is(
        self, offsets: list[int], expected: list[str], *, is_full: bool, reached: bool
    ) -> None:
        verdict = checked((numbered(*offsets), is_full), limit=12)
        assert keys(verdict) == expected
        assert verdict.reached_limit is reached

    def test_is_not_reached_where_one_of_several_pages_ends_before_it(self) -> None:
        verdict = checked((numbered(11), True), (numbered(12, 13, her_id=8), False), limit=12)
        assert not verdict.reached_limit
        assert keys(verdict) == ["n-11"]


@dataclass
class NaiveApi:
    """A log that is served badly: any order within a page, items twice, items of before, any number of requests."""

    log: list[tuple[int, int, bool]]
    """(number, HER-id, has an offset), ascending."""
    page_size: int
    parts: list[list[int]]
    dice: random.Random

    def poll(self, position: int) -> list[tuple[list[Item], bool]]:
        return [self._page(set(part), position) for part in self.parts]

    def _page(self, her_ids: set[int], position: int) -> tuple[list[Item], bool]:
        mine = [row for row in self.log if row[1] in her_ids]
        new = [row for row in mine if row[0] > position]
        shown = new[: self.dice.randint(1, self.page_size)]
        if not any(has_offset for _, _, has_offset in shown):
            shown = new[: self.page_size]
        again = [row for row in mine if row[2] and (row[0] <= position or row in shown)]
        is_cut, has_progress = len(shown) < len(new), any(has_offset for _, _, has_offset in shown)
        while len(shown) < self.page_size and (is_cut or (has_progress and self.dice.random() < 0.5)):
            shown = [*shown, self.dice.choice(again)]
        self.dice.shuffle(shown)
        offsets = [number for number, _, has_offset in shown if has_offset]
        if offsets == sorted(offsets):
            shown.sort()  # else nobody could tell that an item without an offset is not in its place
        raw = [notification(n, her_id, offset=n if has_offset else ...) for n, her_id, has_offset in shown]
        return items(*raw), len(shown) == self.page_size


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6), st.booleans() | st.just(value=True)), max_size=40),
    st.integers(1, 4),
    st.integers(0, 2**32),
)
def test_every_notification_is_published_once_and_in_order_however_badly_it_is_served(
    rows: list[tuple[int, int, bool]], requests: int, seed: int
) -> None:
    log, number = [], 0
    for gap, her_id, has_offset in rows:
        number += gap
        log.append((number, her_id, has_offset))
    without_offset = {f"n-{n}" for n, _, has_offset in log if not has_offset}
    dice = random.Random(seed)
    page_size = dice.randint(1, 5) + len(without_offset)
    parts = [[her_id for her_id in range(1, 7) if her_id % requests == part] for part in range(requests)]
    api = NaiveApi(log, page_size, parts, dice)

    cursor, published, done, is_full = 0, set[tuple[int, str]](), list[str](), True
    while is_full:
        verdict = check(api.poll(cursor), position=cursor, cursor=cursor, recent=(), published=published)
        assert "no-progress" not in verdict.anomalies
        done += keys(verdict)
        cursor, published, is_full = verdict.position, published | verdict.shown, verdict.is_full

    assert sorted(done) == sorted(f"n-{n}" for n, _, _ in log)
    assert [key for key in done if key not in without_offset] == [f"n-{n}" for n, _, has in log if has]


@given(
    offsets=st.lists(st.none() | st.integers(5, 25), max_size=6)
    | st.lists(st.integers(11, 25), unique=True).map(sorted),
    is_malformed=st.booleans(),
    is_full=st.booleans(),
    cursor=st.integers(10, 14),
)
def test_a_page_that_is_as_documented_gets_the_verdict_that_a_closer_look_would_give(
    offsets: list[int | None], is_malformed: bool, is_full: bool, cursor: int
) -> None:
    page = [unnumbered(number) if offset is None else numbered(offset)[0] for number, offset in enumerate(offsets)]
    page += [malformed(26)] if is_malformed else []
    quick = checked((page, is_full), cursor=cursor)
    with patch.object(page_module, "_is_as_documented", lambda *_: False):
        assert checked((page, is_full), cursor=cursor) == quick
