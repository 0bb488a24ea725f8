"""The verdict on a consumer, by its report: what it did wrong is what is said, and what to do about it."""

from collections.abc import Sequence

import msgspec
import pytest

from bridge.check.report import Finding, Verdict
from bridge.conformance.hazards import Hazard
from bridge.conformance.series import KNOWN_EVENTS, Series, Step, make_series
from bridge.conformance.verdict import Left, is_done, judge
from bridge.events.message import Message

EMPTY = Left(ready=0, unacknowledged=0)


def step(
    event_id: str, hazard: Hazard = Hazard.ORDINARY, *, line: str | None = "HER-id 1", name: str = "refused"
) -> Step:
    message = Message(
        id=event_id,
        source="nhn",
        event=name,
        type=f"type of {event_id}",
        exchange="",
        routing_key="",
        body=b"{}",
    )
    return Step(message=message, hazard=hazard, line=line)


SERIES = Series(
    (
        step("a"),
        step("b"),
        step("b", Hazard.AT_ONCE),
        step("new", Hazard.UNKNOWN_TYPE, line=None),
        step("c", line="e-mail 1"),
        step("late", Hazard.LATE, line=None),
        step("a", Hazard.LONG_AFTER),
        step("d"),
    )
)
ALL = ["a", "b", "c", "late", "d"]


def findings(
    handled: Sequence[str], *, left: Left = EMPTY, series: Series = SERIES, events: Sequence[str] = KNOWN_EVENTS
) -> dict[str, Finding]:
    return {finding.subject: finding for finding in judge(series, handled, left, events)}


def verdicts(handled: Sequence[str], *, left: Left = EMPTY, events: Sequence[str] = KNOWN_EVENTS) -> dict[str, str]:
    """Those that are not ok: subject → what was found."""
    found = findings(handled, left=left, events=events)
    return {subject: each.found for subject, each in found.items() if each.verdict is not Verdict.OK}


def test_a_consumer_that_handles_each_event_once_is_fit() -> None:
    assert [(each.subject, each.found) for each in judge(SERIES, ALL, EMPTY, KNOWN_EVENTS)] == [
        ("every event handled", "5 of 5"),
        ("none handled twice", "2 repeats sent, none handled again"),
        ("unknown types", "1 passed over"),
        ("nothing left", "the queue is empty, all is acknowledged"),
        ("order", "kept for each of 1 HER-id and 1 e-mail"),
    ]
    assert not verdicts(ALL)


def test_unknown_types_may_be_reported_and_ids_of_others_do_not_count() -> None:
    assert not verdicts(["yesterday", "a", "b", "new", "c", "late", "yesterday", "d"])


@pytest.mark.parametrize(
    ("missing", "found", "fix"),
    [
        ("b", "1 of 5 missing: ordinary 1 (ids b)", "Acknowledge an event only after its work is stored"),
        ("late", "1 of 5 missing: late row 1 (ids late)", "`sequence` is for sorting"),
    ],
)
def test_an_event_that_is_missing_is_told_with_what_was_special_about_it(missing: str, found: str, fix: str) -> None:
    finding = findings([each for each in ALL if each != missing])["every event handled"]
    assert (finding.verdict, finding.found) == (Verdict.FAILED, found)
    assert finding.fix is not None
    assert finding.fix.startswith(fix)


@pytest.mark.parametrize(
    ("handled", "found", "fix"),
    [
        (
            ["a", "b", "b", "c", "late", "a", "d"],
            "2 events handled more than once: repeated at once 1, repeated long after 1 (ids b, a)",
            "Remember the `id` of each event in the same transaction",
        ),
        (
            ["a", "b", "c", "late", "a", "d"],
            "1 event handled more than once: repeated long after 1 (ids a)",
            "Remember ids for as long as the bridge can be made to go back",
        ),
        (
            ["a", "b", "c", "late", "d", "d"],
            "1 event handled more than once: not by repeats of this series",
            "Remember the `id` of each event in the same transaction",
        ),
    ],
)
def test_an_event_that_is_handled_twice_is_told_with_how_it_was_repeated(
    handled: list[str], found: str, fix: str
) -> None:
    assert verdicts(handled) == {"none handled twice": found}
    said = findings(handled)["none handled twice"].fix
    assert said is not None
    assert said.startswith(fix)


def test_a_consumer_that_ends_where_an_unknown_type_came_was_stopped_by_it() -> None:
    assert verdicts(["a", "b"])["unknown types"] == (
        "nothing was handled after message 4 of 8, of the type type of new"
    )


def test_a_consumer_that_ends_elsewhere_was_not_stopped_by_an_unknown_type() -> None:
    assert "unknown types" not in verdicts(["a", "b", "c"])
    assert verdicts(["a"])["unknown types"] == "0 of 1 passed over; the others were not reached"


def test_what_is_no_event_has_a_verdict_of_its_own_where_it_was_sent() -> None:
    hostile = Series((step("a"), step("x", Hazard.NO_EVENT, line=None), step("b")))
    assert findings(["a"], series=hostile)["no events"].found == (
        "nothing was handled after message 2 of 3, which is no event"
    )
    assert findings(["a", "b"], series=hostile)["no events"].found == "1 passed over"
    assert "no events" not in findings(ALL)


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (Left(ready=3, unacknowledged=None), "3 messages in the queue"),
        (Left(ready=0, unacknowledged=1), "1 message delivered and not acknowledged"),
    ],
)
def test_messages_that_are_left_are_a_failure(left: Left, found: str) -> None:
    finding = findings(ALL, left=left)["nothing left"]
    assert (finding.verdict, finding.found) == (Verdict.FAILED, found)


def test_where_nobody_can_be_asked_for_what_is_not_acknowledged_that_is_said() -> None:
    found = findings(ALL, left=Left(ready=0, unacknowledged=None))
    assert (found["nothing left"].verdict, found["nothing left"].found) == (Verdict.OK, "the queue is empty")
    assert found["all acknowledged"].verdict is Verdict.NOT_VERIFIABLE


def test_events_of_a_line_have_to_be_handled_in_its_order() -> None:
    assert verdicts(["b", "a", "c", "late", "d"]) == {"order": "not kept for HER-id 1"}


def test_between_lines_and_of_what_comes_late_there_is_no_order() -> None:
    assert not verdicts(["late", "c", "a", "b", "d"])


def test_a_repeat_counts_for_the_order_when_it_was_handled_first() -> None:
    assert "order" not in verdicts(["a", "b", "c", "late", "a", "d"])


def test_events_that_the_consumer_does_not_know_need_not_be_handled() -> None:
    steps = (step("a"), step("b", name="apprec"), step("c"))
    assert [each.verdict for each in judge(Series(steps), ["a", "c"], EMPTY, ["refused"])] == [Verdict.OK] * 5
    stopped = findings(["a"], series=Series(steps), events=["refused"])["unknown types"]
    assert stopped.found == "nothing was handled after message 2 of 3, of the type type of b"


def test_a_report_of_nothing_fails_and_says_what_cannot_be_seen() -> None:
    found = verdicts([])
    assert found["every event handled"] == "5 of 5 missing: ordinary 4, late row 1 (ids a, b, c and 2 more)"
    assert found["order"] == "nothing was handled"


def test_the_report_is_complete_with_every_event_that_is_known() -> None:
    assert is_done(SERIES, ALL, KNOWN_EVENTS)
    assert not is_done(SERIES, ["a", "b", "new", "c", "d"], KNOWN_EVENTS)


def test_a_failure_always_says_what_to_do() -> None:
    series = make_series(3, ordinary=80, is_hostile=True)
    reversed_ids = list(series.firsts)[::-1][5:] * 2
    found = judge(series, reversed_ids, Left(ready=1, unacknowledged=None), KNOWN_EVENTS)
    failures = [each for each in found if each.verdict is Verdict.FAILED]
    assert len(failures) >= 4
    assert all(each.fix for each in failures)
    assert msgspec.json.encode(found)
