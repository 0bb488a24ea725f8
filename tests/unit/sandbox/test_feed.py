"""The log: what a poll sees of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.feed import Feed, Row


def row(position: int, her_id: int = 1) -> Row:
    return Row(position=position, her_id=her_id, id=f"n{position}", offset=position, fault=None, encoded=b"{}")


def feed_of(*rows: Row, max_rows: int = 1000) -> Feed:
    feed = Feed(seed=1, max_rows=max_rows)
    for each in rows:
        feed.append(each)
    return feed


def positions(rows: list[Row]) -> list[int]:
    return [each.position for each in rows]


def seen(feed: Feed, *her_ids: int, offset: int = 0, limit: int = 100) -> list[int]:
    return positions(feed.after(frozenset(her_ids), offset, limit))


def test_offset_is_exclusive() -> None:
    feed = feed_of(row(3), row(7), row(9))
    assert seen(feed, 1, offset=2) == [3, 7, 9]
    assert seen(feed, 1, offset=3) == [7, 9]
    assert seen(feed, 1, offset=9) == []


def test_a_page_is_ascending_over_all_receivers_asked_for_and_shows_no_others() -> None:
    feed = feed_of(row(1, 10), row(2, 20), row(3, 30), row(4, 10), row(5, 20))
    assert seen(feed, 20, 10) == [1, 2, 4, 5]
    assert seen(feed, 30) == [3]
    assert seen(feed, 99) == []


def test_a_page_holds_at_most_as_many_as_asked_for_the_lowest_first() -> None:
    assert seen(feed_of(*map(row, range(1, 50))), 1, offset=10, limit=3) == [11, 12, 13]


def test_a_receiver_with_few_rows_among_very_many_is_found() -> None:
    feed = Feed(seed=1, max_rows=50_000)
    for position in range(1, 20_001):
        feed.append(row(position, 2 if position in {5, 15_000, 20_000} else 1))
    assert seen(feed, 2) == [5, 15_000, 20_000]
    assert seen(feed, 2, offset=5, limit=1) == [15_000]


@given(
    receivers=st.lists(st.integers(1, 12), max_size=60),
    her_ids=st.frozensets(st.integers(1, 14), min_size=1),
    offset=st.integers(0, 130),
    limit=st.integers(1, 70),
)
def test_every_page_is_what_a_plain_search_finds(
    receivers: list[int], her_ids: frozenset[int], offset: int, limit: int
) -> None:
    rows = [row(2 * index + 1, her_id) for index, her_id in enumerate(receivers)]
    feed = feed_of(*rows)
    newer = [each for each in rows if each.her_id in her_ids and each.position > offset]
    older = [each for each in rows if each.her_id in her_ids and each.position <= offset]
    assert feed.after(her_ids, offset, limit) == newer[:limit]
    assert feed.up_to(her_ids, offset, limit) == older[-limit:]


def test_positions_ascend_with_gaps_and_are_the_same_for_the_same_seed() -> None:
    def first_positions(seed: int) -> list[int]:
        feed = Feed(seed=seed)
        found = []
        for _ in range(12):
            found.append(feed.allocate())
            feed.append(row(found[-1]))
        return found

    assert first_positions(1) == [1, 2, 3, 5, 45, 46, 47, 48, 49, 51, 52, 53]
    assert first_positions(1) == first_positions(1)
    assert first_positions(2) != first_positions(1)


def test_a_position_can_be_chosen_but_not_one_that_is_taken() -> None:
    feed = Feed(seed=1)
    assert feed.allocate(2**31) == 2147483648
    with pytest.raises(ValueError, match="position 7 is taken"):
        feed.allocate(7)
    assert feed.allocate() > 2147483648
    assert feed.last_position > 2147483648


def test_a_late_row_appears_below_offsets_that_were_read_when_its_time_has_come() -> None:
    feed = feed_of(row(1), row(3))
    feed.hold(row(2), visible_at_s=10.0)
    feed.release(9.9)
    assert seen(feed, 1) == [1, 3]
    assert feed.hidden_positions() == {2}
    feed.release(10.0)
    assert seen(feed, 1) == [1, 2, 3]
    assert feed.hidden_positions() == set()


def test_a_late_row_appears_after_so_many_polls_for_its_receiver() -> None:
    feed = feed_of(row(1))
    feed.hold(row(2), visible_after_polls=2)
    feed.count_poll(frozenset({99}))
    feed.count_poll(frozenset({1, 99}))
    feed.release(0.0)
    assert seen(feed, 1) == [1]
    feed.count_poll(frozenset({1}))
    feed.release(0.0)
    assert seen(feed, 1) == [1, 2]


def test_a_sticky_row_is_in_every_poll_of_its_receiver_whatever_the_offset() -> None:
    feed = feed_of(row(1))
    feed.stick(row(2))
    assert seen(feed, 1) == [2, 1]
    assert seen(feed, 1, offset=2**63 - 1) == [2]
    assert seen(feed, 3) == []


def test_sticky_rows_leave_half_of_the_page_to_the_others() -> None:
    feed = feed_of(*map(row, range(1, 10)))
    for position in range(10, 15):
        feed.stick(row(position))
    assert seen(feed, 1, limit=4) == [10, 11, 1, 2]
    assert seen(feed, 1, limit=1) == [1]


def test_everything_created_is_listed_in_order_visible_or_not() -> None:
    feed = feed_of(row(1))
    feed.hold(row(2), visible_at_s=5.0)
    feed.stick(row(3))
    feed.append(row(4))
    assert positions(feed.created(0, 10)) == [1, 2, 3, 4]
    assert positions(feed.created(1, 2)) == [2, 3]
    assert feed.created_total == 4


def test_beyond_its_bound_the_log_purges_its_oldest_tenth() -> None:
    feed = Feed(seed=1, max_rows=20)
    feed.stick(row(1))
    feed.hold(row(2), visible_at_s=5.0)
    for position in range(3, 21):
        feed.append(row(position, her_id=position % 2 + 1))
    assert feed.purged_total == 0
    feed.append(row(21, her_id=2))
    assert feed.purged_total == 3
    assert positions(feed.created(0, 100)) == list(range(4, 22))
    feed.release(99.0)
    assert seen(feed, 1, 2) == list(range(4, 22))
