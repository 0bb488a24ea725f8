"""One call makes the log line, the metric and the state."""

import pytest
from structlog.typing import EventDict

from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable
from bridge.ops.telemetry import StreamTelemetry
from tests.support.ops import Ops, message


def told(logs: list[EventDict], level: str) -> list[str]:
    return [entry["event"] for entry in logs if entry["log_level"] == level]


def test_a_page_makes_debug_lines_and_is_counted(logs: list[EventDict]) -> None:
    ops = Ops()
    stream = ops.stream()
    stream.polled(seconds=0.25, items=3, full=False)
    stream.sent(3)
    page = [message("a"), message("b", event="apprec"), message("c", event="apprec")]
    assert stream.progress.in_flight == 3
    stream.confirmed(page, seconds=0.05)
    stream.committed(cursor=42, caught_up=True)

    assert stream.progress.in_flight == 0
    assert stream.progress.cursor == 42
    assert stream.progress.confirmed == {"new-message": 1, "apprec": 2}
    assert ops.sample("bridge_events_confirmed_total", source="nhn", event="apprec") == 2
    assert ops.sample("bridge_polls_total", source="nhn", outcome="partial") == 1
    assert ops.sample("bridge_poll_seconds_sum") == 0.25
    assert ops.sample("bridge_publish_confirm_seconds_sum") == 0.05
    assert told(logs, "debug") == ["poll.done", "page.sent", "page.confirmed", "page.committed"]
    assert told(logs, "info") == ["stream.started"]


@pytest.mark.parametrize(
    ("items", "full", "outcome"), [(1000, True, "full"), (3, False, "partial"), (0, False, "empty")]
)
def test_polls_that_worked_are_told_apart(items: int, full: bool, outcome: str) -> None:
    ops = Ops()
    ops.stream().polled(seconds=0.1, items=items, full=full)

    assert ops.sample("bridge_polls_total", source="nhn", outcome=outcome) == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SourceUnavailable("timeout"), "unavailable"),
        (AuthenticationError("401"), "sign-in"),
        (RequestRejected("400"), "rejected"),
    ],
)
def test_a_failed_poll_never_looks_like_an_empty_one(error: SourceUnavailable, outcome: str) -> None:
    ops = Ops()
    stream = ops.stream()
    stream.poll_failed(error, attempt=0)

    assert ops.sample("bridge_polls_total", source="nhn", outcome=outcome) == 1
    assert ops.sample("bridge_polls_total", source="nhn", outcome="empty") == 0
    assert ops.sample("bridge_poll_seconds_count") == 0
    assert stream.progress.poll.succeeded_at is None


def test_a_poll_that_fails_for_an_hour_is_logged_once_a_minute_and_its_end_once(logs: list[EventDict]) -> None:
    ops = Ops()
    stream = ops.stream()
    for attempt in range(360):
        stream.poll_failed(SourceUnavailable("the API answered 503."), attempt=attempt)
        ops.clock.advance(10)
    stream.polled(seconds=0.1, items=0, full=False)

    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert len(warnings) == 60
    assert warnings[1] == {
        "event": "poll.failed",
        "log_level": "warning",
        "source": "nhn",
        "stream": "nhn/default/1",
        "kind": "unavailable",
        "error": "the API answered 503",
        "times": 6,
        "attempt": 6,
        "retry_after_s": None,
    }
    recovered = [entry for entry in logs if entry["event"] == "poll.recovered"]
    assert [(entry["failures"], entry["after_s"]) for entry in recovered] == [(360, 3600.0)]
    assert [(error.message, error.times) for error in ops.state.recent_errors] == [("the API answered 503", 360)]


def test_a_refused_receiver_is_named_once_until_it_is_accepted(logs: list[EventDict]) -> None:
    stream = Ops().stream()
    stream.receivers(3)
    stream.refused(8142520, "403 Forbidden")
    stream.refused(8142520, "403 Forbidden")
    stream.refused(8142520, "404 Not Found")
    stream.accepted(8142520)
    stream.accepted(8142520)

    assert told(logs, "warning") == ["receiver.refused", "receiver.refused"]
    assert told(logs, "info") == ["stream.started", "receiver.accepted"]
    assert stream.progress.refused == {}


def test_many_receivers_refused_at_once_are_no_flood(logs: list[EventDict]) -> None:
    stream = Ops().stream()
    for her_id in range(1500):
        stream.refused(her_id, f"403 of {her_id % 7} kinds")

    assert len(told(logs, "warning")) == 20
    assert len(stream.progress.refused) == 1500


def test_a_new_start_tries_every_receiver_anew() -> None:
    stream = Ops().stream()
    stream.refused(8142520, "403 Forbidden")
    stream.started()

    assert stream.progress.refused == {}


def test_anomalies_are_counted_all_and_logged_by_kind_once_a_minute(logs: list[EventDict]) -> None:
    ops = Ops()
    stream = ops.stream()
    for _ in range(100):
        stream.anomaly("repeated", 5)
        stream.anomaly("late", 1)

    assert told(logs, "warning") == ["feed.anomaly", "feed.anomaly"]
    assert stream.progress.anomalies == {"repeated": 500, "late": 100}
    assert ops.sample("bridge_feed_anomalies_total", source="nhn", kind="repeated") == 500


def test_a_restart_forgets_what_was_in_flight_and_is_counted(logs: list[EventDict]) -> None:
    ops = Ops()
    stream = ops.stream()
    stream.sent(7)
    stream.held("no queue")
    stream.stopped()
    stream.restarted("no confirm for 3 min.")
    stream.started()

    assert stream.progress.in_flight == 0
    assert stream.progress.held_reason is None
    assert stream.progress.restarts == 1
    assert ops.sample("bridge_stream_restarts_total", source="nhn", stream="nhn/default/1") == 1
    assert told(logs, "warning") == ["stream.held", "stream.restarted"]


def test_errors_are_clipped_and_their_ring_is_bounded() -> None:
    ops = Ops()
    stream = ops.stream()
    for number in range(50):
        stream.poll_failed(SourceUnavailable(f"{number} " + "x" * 1000), attempt=0)

    assert len(ops.state.recent_errors) == 20
    assert len(ops.state.recent_errors[-1].message) == 300
    assert ops.state.recent_errors[-1].message.startswith("49 xxx")


def test_telemetry_is_made_for_one_stream() -> None:
    ops = Ops()
    one, other = ops.stream("nhn/default/1"), ops.stream("nhn/default/2")
    one.sent(5)

    assert isinstance(one, StreamTelemetry)
    assert other.progress.in_flight == 0
