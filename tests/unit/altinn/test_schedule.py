"""When an order is polled next: soon at first, then ever more rarely (product.md §7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.altinn.schedule import PollSchedule, next_poll_at

SCHEDULE = PollSchedule(first_poll_s=5.0, max_poll_s=3600.0, give_up_after_s=345_600.0)
DAY_S = 86_400.0


class Always:
    """Dice that always fall on the same place between the ends."""

    def __init__(self, place: float = 0.5) -> None:
        self._place = place

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._place


def pause_s(quiet_s: float, place: float = 0.5, schedule: PollSchedule = SCHEDULE) -> float:
    return (
        next_poll_at(9000.0, quiet_since=9000.0 - quiet_s, not_before=None, schedule=schedule, dice=Always(place))
        - 9000
    )


@pytest.mark.parametrize(
    ("quiet_s", "expected_s"),
    [
        (0.0, 5.0),
        (4.0, 5.0),
        (5.0, 5.0),
        (10.0, 10.0),
        (100.0, 100.0),
        (3600.0, 3600.0),
        (8000.0, 3600.0),
        (-50.0, 5.0),
    ],
)
def test_the_pause_is_as_long_as_the_order_has_been_quiet_within_bounds(quiet_s: float, expected_s: float) -> None:
    assert pause_s(quiet_s) == pytest.approx(expected_s)


def test_pauses_double() -> None:
    at, polls = 0.0, []
    for _ in range(12):
        at = next_poll_at(at, quiet_since=0.0, not_before=None, schedule=SCHEDULE, dice=Always())
        polls.append(round(at))
    assert polls == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 8720]


@pytest.mark.parametrize(("place", "expected_s"), [(0.0, 90.0), (0.5, 100.0), (1.0, 110.0)])
def test_a_pause_is_spread_by_a_tenth(place: float, expected_s: float) -> None:
    assert pause_s(100.0, place) == pytest.approx(expected_s)


def test_the_longest_pause_holds_where_the_first_is_longer() -> None:
    assert pause_s(0.0, schedule=PollSchedule(first_poll_s=60.0, max_poll_s=10.0)) == pytest.approx(10.0)


class TestAnOrderThatIsToBeSentLater:
    @pytest.mark.parametrize(
        ("not_before", "expected_at"),
        [
            pytest.param(1000.0, 1005.0, id="in 100 s"),
            pytest.param(901.0, 906.0, id="at once"),
            pytest.param(900.0 + 3600.0, 4505.0, id="in an hour"),
            pytest.param(900.0 + 2 * DAY_S, 900.0 + DAY_S, id="in 2 days: looked at after one"),
            pytest.param(9e12, 900.0 + DAY_S, id="never: looked at after a day"),
        ],
    )
    def test_is_polled_just_after_that_however_long_it_has_been_quiet(
        self, not_before: float, expected_at: float
    ) -> None:
        for quiet_since in (0.0, 500.0, 900.0):
            at = next_poll_at(900.0, quiet_since=quiet_since, not_before=not_before, schedule=SCHEDULE, dice=Always())
            assert at == pytest.approx(expected_at)

    def test_is_polled_quickly_from_then_on(self) -> None:
        """Its registration may be weeks ago; what has come of it since is what it is polled for."""
        at, polls = 900_005.0, []
        for _ in range(5):
            at = next_poll_at(at, quiet_since=0.0, not_before=900_000.0, schedule=SCHEDULE, dice=Always())
            polls.append(round(at - 900_000.0))
        assert polls == [10, 20, 40, 80, 160]

    def test_is_quiet_since_its_registration_where_that_came_later(self) -> None:
        at = next_poll_at(900.0, quiet_since=800.0, not_before=100.0, schedule=SCHEDULE, dice=Always())
        assert at == pytest.approx(1000.0)

    def test_does_not_stay_together_with_those_of_the_same_time(self) -> None:
        at = {
            next_poll_at(900.0, quiet_since=0.0, not_before=1000.0, schedule=SCHEDULE, dice=Always(place))
            for place in (0.0, 0.5, 1.0)
        }
        assert sorted(at) == pytest.approx([1004.5, 1005.0, 1005.5])


@given(
    now=st.floats(0, 1e10),
    quiet_since=st.floats(-1e10, 1e10),
    not_before=st.none() | st.floats(-1e10, 1e12),
    place=st.floats(0, 1),
)
def test_the_next_poll_is_always_ahead_and_at_most_a_day(
    now: float, quiet_since: float, not_before: float | None, place: float
) -> None:
    at = next_poll_at(now, quiet_since=quiet_since, not_before=not_before, schedule=SCHEDULE, dice=Always(place))
    assert 4.4 <= at - now <= DAY_S * 1.1 + 1
