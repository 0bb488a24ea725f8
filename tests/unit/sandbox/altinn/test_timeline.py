"""When a status came, and how the API writes it."""

from datetime import UTC, datetime

import pytest

from bridge.sandbox.altinn.timeline import Calendar, Step, append, current, cut

S = 10_000_000


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "2026-02-04T11:30:00.25Z"),
        (7_500_000, "2026-02-04T11:30:01Z"),
        (1, "2026-02-04T11:30:00.2500001Z"),
        (86_400 * S, "2026-02-05T11:30:00.25Z"),
        (10, "2026-02-04T11:30:00.250001Z"),
    ],
)
def test_a_time_has_no_more_digits_than_it_needs(at: int, text: str) -> None:
    calendar = Calendar(datetime(2026, 2, 4, 11, 30, 0, 250_000, tzinfo=UTC))
    assert calendar.text(at) == text


@pytest.mark.parametrize(
    ("digits", "shown_at"), [(7, 12_345_678), (6, 12_345_670), (3, 12_340_000), (1, 12_000_000), (0, 10_000_000)]
)
def test_a_time_is_shown_with_as_many_digits_as_wanted(digits: int, shown_at: int) -> None:
    steps: list[Step] = []
    append(steps, "New", 12_345_678, digits, start_at=0)
    assert steps == [Step("New", 12_345_678, shown_at)]


def test_digits_are_those_of_the_calendar_not_of_the_time_since_the_start() -> None:
    steps: list[Step] = []
    append(steps, "New", 12_345_678, 0, start_at=2_500_000)
    assert steps[0].shown_at == 7_500_000


def test_no_step_is_shown_at_the_time_of_the_one_before() -> None:
    steps: list[Step] = []
    append(steps, "New", 10_000_000, 7, start_at=0)
    append(steps, "Sending", 10_900_000, 0, start_at=0)
    append(steps, "New", 10_900_000, 7, start_at=0)
    assert [step.shown_at for step in steps] == [10_000_000, 10_900_000, 10_900_001]


def test_the_last_step_that_has_come_holds() -> None:
    steps = [Step("New", 10, 10), Step("Sending", 20, 20), Step("Succeeded", 30, 30)]
    assert [current(steps, now).status for now in (0, 10, 19, 20, 99)] == ["New", "New", "New", "Sending", "Succeeded"]


def test_what_has_not_come_can_be_cut_off() -> None:
    steps = [Step("New", 10, 10), Step("Sending", 20, 20), Step("Succeeded", 30, 30)]
    cut(steps, 20)
    assert [step.status for step in steps] == ["New", "Sending"]
