"""Neither a flood nor a silence."""

from bridge.ops.repeats import Repeats


def test_the_first_report_is_due() -> None:
    assert Repeats().due("poll", "timeout", 0.0) == 1


def test_equal_reports_are_due_once_a_minute_with_their_count() -> None:
    repeats = Repeats()
    due = [repeats.due("poll", "timeout", float(second)) for second in range(121)]

    assert [(second, times) for second, times in enumerate(due) if times] == [(0, 1), (60, 60), (120, 60)]


def test_a_change_is_due_at_once_and_counts_anew() -> None:
    repeats = Repeats()
    repeats.due("poll", "timeout", 0.0)
    repeats.due("poll", "timeout", 1.0)

    assert repeats.due("poll", "503", 2.0) == 1
    assert repeats.due("poll", "503", 62.0) == 1


def test_topics_do_not_silence_one_another() -> None:
    repeats = Repeats()
    repeats.due("poll", "timeout", 0.0)

    assert repeats.due("commit", "timeout", 0.0) == 1


def test_a_burst_of_different_things_is_named_up_to_its_bound() -> None:
    repeats = Repeats()
    due = [repeats.due("refused", "403", 1.0, burst=3) for _ in range(10)]

    assert due == [1, 1, 1, None, None, None, None, None, None, None]
    assert repeats.due("refused", "403", 61.0, burst=3) == 8


def test_a_recovery_is_told_once_and_only_after_a_failure_was() -> None:
    repeats = Repeats()

    assert repeats.ended("poll") is False
    repeats.due("poll", "timeout", 0.0)
    assert repeats.ended("poll") is True
    assert repeats.ended("poll") is False


def test_what_fails_and_recovers_all_the_time_gives_a_line_of_each_a_minute() -> None:
    repeats = Repeats()
    failures = recoveries = 0
    for moment in range(1190):
        failures += repeats.due("poll", "timeout", moment / 10) is not None
        recoveries += repeats.ended("poll")

    assert (failures, recoveries) == (2, 2)
