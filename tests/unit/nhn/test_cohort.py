"""Who is polled next, how far, and who joins whom (G4)."""

from bridge.nhn.answers import Problem
from bridge.nhn.cohort import Cohort, joinable, joining_limit, next_due

REFUSED = Problem(status=403)


def main(cursor: int, *her_ids: int, due_at: float = 0.0) -> Cohort:
    return Cohort(her_ids, cursor, is_main=True, due_at=due_at)


def straggler(cursor: int, *her_ids: int, due_at: float = 0.0, problem: Problem | None = None) -> Cohort:
    cohort = Cohort(her_ids, cursor, is_main=False, due_at=due_at)
    cohort.problem = problem
    return cohort


def test_a_cohort_asks_from_its_cursor_on_in_order_of_its_her_ids() -> None:
    cohort = main(40, 9, 7, 8)
    assert cohort.position == 40
    assert cohort.her_ids == [7, 8, 9]


def test_a_cohort_that_reads_again_asks_from_before_its_cursor() -> None:
    assert Cohort([7], 40, is_main=True, position=35).position == 35


class TestTurns:
    def test_who_has_waited_longest_is_next(self) -> None:
        late = straggler(0, 8, due_at=2.0)
        assert next_due([main(40, 7, due_at=3.0), late, straggler(1, 9, due_at=4.0)]) is late

    def test_a_cohort_of_nobody_has_no_turn(self) -> None:
        somebody = straggler(0, 8, due_at=5.0)
        assert next_due([main(40, due_at=1.0), somebody]) is somebody


class TestTheLimit:
    def test_of_a_newcomer_is_where_the_main_cohort_stands(self) -> None:
        newcomer = straggler(0, 8)
        assert joining_limit(newcomer, [main(40, 7), newcomer], seen=40) == 40

    def test_of_the_main_cohort_is_the_nearest_straggler_ahead(self) -> None:
        group = main(40, 7)
        assert joining_limit(group, [group, straggler(60, 8), straggler(50, 9), straggler(30, 10)], seen=99) == 50

    def test_is_none_where_nobody_is_ahead(self) -> None:
        group = main(40, 7)
        assert joining_limit(group, [group, straggler(39, 8)], seen=99) is None

    def test_may_be_where_one_stands(self) -> None:
        group = main(40, 7)
        assert joining_limit(group, [group, straggler(40, 8)], seen=40) == 40

    def test_is_none_as_long_as_the_feed_was_not_seen_to_have_come_that_far(self) -> None:
        newcomer = straggler(0, 8)
        assert joining_limit(newcomer, [main(5000, 7), newcomer], seen=4999) is None

    def test_is_no_place_where_somebody_refused_stands(self) -> None:
        group = main(40, 7)
        assert joining_limit(group, [group, straggler(50, 8, problem=REFUSED)], seen=99) is None

    def test_of_a_straggler_is_the_main_cohorts_place_even_if_nobody_is_in_it(self) -> None:
        newcomer = straggler(0, 8)
        assert joining_limit(newcomer, [main(40), newcomer], seen=40) == 40

    def test_of_a_straggler_is_not_another_straggler(self) -> None:
        newcomer = straggler(0, 8)
        assert joining_limit(newcomer, [newcomer, straggler(40, 9)], seen=99) is None


class TestJoining:
    def test_who_stands_where_the_main_cohort_stands_can_join(self) -> None:
        there, also_there = straggler(40, 8), straggler(40, 9)
        assert joinable([main(40, 7), there, straggler(39, 10), also_there, straggler(41, 11)]) == [there, also_there]

    def test_who_has_yet_to_read_up_to_there_cannot(self) -> None:
        assert joinable([main(40, 7), Cohort([8], 40, is_main=False, position=39)]) == []

    def test_who_is_refused_cannot(self) -> None:
        assert joinable([main(40, 7), straggler(40, 8, problem=REFUSED)]) == []

    def test_nobody_joins_a_main_cohort_that_is_refused(self) -> None:
        group = main(40, 7)
        group.problem = REFUSED
        assert joinable([group, straggler(40, 8)]) == []
