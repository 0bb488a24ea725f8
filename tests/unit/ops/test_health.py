"""What stands in the way, and what is only not at its best."""

from collections.abc import Callable

import pytest

from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable, StoreUnavailable
from bridge.leases import Lease, Snapshot
from bridge.ops.health import readiness
from bridge.ops.telemetry import StreamTelemetry
from tests.support.ops import Ops, message

Happening = Callable[[Ops, StreamTelemetry], None]


def codes(ops: Ops) -> tuple[list[str], list[str]]:
    health = readiness(ops.state, ops.clock.monotonic())
    return [reason.code for reason in health.reasons], [reason.code for reason in health.degraded]


def sentences(ops: Ops) -> list[str]:
    health = readiness(ops.state, ops.clock.monotonic())
    return [reason.message for reason in (*health.reasons, *health.degraded)]


def nothing(_ops: Ops, _stream: StreamTelemetry) -> None:
    pass


def draining(ops: Ops, stream: StreamTelemetry) -> None:
    ops.telemetry.draining()
    stream.stopped()


def broker_lost(ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    ops.telemetry.broker.lost("connection reset")
    stream.publish_interrupted("unknown", 1, retry_in_s=0.5)


def broker_blocked(ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    ops.telemetry.broker.blocked(is_blocked=True)


def broker_without_session(ops: Ops, _stream: StreamTelemetry) -> None:
    ops.telemetry.broker.unavailable("there is no exchange nhn.notifications")


def store_failing(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    stream.confirmed([message()], seconds=0.1)
    stream.commit_failed(StoreUnavailable("disk full"), attempt=0)


def stopped(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.stopped()


def forgotten(ops: Ops, _stream: StreamTelemetry) -> None:
    ops.telemetry.forget("nhn/default/1")


def run_by_another_replica(ops: Ops, _stream: StreamTelemetry) -> None:
    ops.telemetry.forget("nhn/default/1")
    lease = Lease(name="nhn/default/1", epoch=2, owner="other")
    ops.telemetry.ownership.seen(Snapshot(leases={lease.name: lease}), "me")


def another_just_started(ops: Ops, _stream: StreamTelemetry) -> None:
    ops.stream("nhn/default/2")


def sign_in_failing(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.poll_failed(AuthenticationError("401"), attempt=0)


def request_rejected(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.poll_failed(RequestRejected("400"), attempt=0)


def poll_failing(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.poll_failed(SourceUnavailable("503"), attempt=0)


def one_refused(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.receivers(2)
    stream.refused(1, "403")


def some_refused_of_unknown_many(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.refused(1, "403")


def all_refused(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.receivers(2)
    stream.refused(1, "403")
    stream.refused(2, "403")


def held(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    stream.held("no queue is bound for an event")
    stream.publish_interrupted("held", 1, retry_in_s=0.5)


def released(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    stream.held("no queue is bound for an event")
    stream.released()


def refused_by_the_broker(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    stream.publish_interrupted("refused", 1, retry_in_s=0.5)


@pytest.mark.parametrize(
    ("happening", "reasons", "degraded"),
    [
        (nothing, [], []),
        (draining, ["draining"], []),
        (broker_lost, ["broker-disconnected"], []),
        (broker_blocked, ["broker-blocked"], []),
        (broker_without_session, ["broker-unavailable"], []),
        (store_failing, ["store-failing"], []),
        (stopped, ["stream-stopped"], []),
        (forgotten, ["no-stream"], []),
        (run_by_another_replica, [], []),
        (another_just_started, ["no-poll-yet"], []),
        (sign_in_failing, ["sign-in-failing"], []),
        (request_rejected, ["request-rejected"], []),
        (poll_failing, [], ["poll-failing"]),
        (one_refused, [], ["receivers-refused"]),
        (some_refused_of_unknown_many, [], ["receivers-refused"]),
        (all_refused, ["all-receivers-refused"], []),
        (held, ["held"], []),
        (released, [], []),
        (refused_by_the_broker, [], ["publish-failing"]),
    ],
)
def test_each_trouble_has_its_code(happening: Happening, reasons: list[str], degraded: list[str]) -> None:
    ops = Ops()
    happening(ops, ops.healthy_stream())

    assert codes(ops) == (reasons, degraded)


def sent(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)


def confirmed(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    stream.confirmed([message()], seconds=0.1)


@pytest.mark.parametrize(
    ("happening", "after_s", "reasons", "restart"),
    [
        (nothing, 270, [], []),
        (nothing, 271, ["no-poll"], [True]),
        (poll_failing, 271, ["no-poll"], [True]),
        (sign_in_failing, 100, ["sign-in-failing"], [False]),
        (sign_in_failing, 271, ["sign-in-failing", "no-poll"], [False, True]),
        (all_refused, 570, ["all-receivers-refused"], [False]),
        (all_refused, 571, ["all-receivers-refused", "no-poll"], [False, True]),
        (sent, 120, [], []),
        (sent, 121, ["no-confirm"], [True]),
        (confirmed, 60, [], []),
        (confirmed, 61, ["no-commit"], [True]),
        (broker_blocked, 86_400, ["broker-blocked"], [False]),
        (broker_lost, 100, ["broker-disconnected"], [False]),
        (broker_lost, 121, ["broker-disconnected", "no-confirm"], [False, True]),
        (held, 100, ["held"], [False]),
        (held, 121, ["held", "no-confirm"], [False, True]),
        (store_failing, 50, ["store-failing"], [False]),
        (store_failing, 61, ["store-failing", "no-commit"], [False, True]),
    ],
)
def test_silence_past_its_bound_is_a_reason_and_worth_a_restart(
    happening: Happening, after_s: float, reasons: list[str], restart: list[bool]
) -> None:
    ops = Ops()
    happening(ops, ops.healthy_stream())
    ops.clock.advance(after_s)

    health = readiness(ops.state, ops.clock.monotonic())
    assert [reason.code for reason in health.reasons] == reasons
    assert [reason.restart for reason in health.reasons] == restart


def commits_fail(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.commit_failed(StoreUnavailable("disk full"), attempt=0)


def sign_in_fails(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.poll_failed(AuthenticationError("401"), attempt=0)


def broker_refuses(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.publish_interrupted("refused", 1, retry_in_s=30)


def stays_held(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.held("no queue is bound for an event")
    stream.publish_interrupted("held", 1, retry_in_s=30)


def stays_away(ops: Ops, stream: StreamTelemetry) -> None:
    ops.telemetry.broker.unavailable("connection refused")
    stream.publish_interrupted("unavailable", 0, retry_in_s=30)


def lost(ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    ops.telemetry.broker.lost("connection reset")


@pytest.mark.parametrize(
    ("before", "again", "reasons"),
    [
        (confirmed, commits_fail, ["store-failing"]),
        (nothing, sign_in_fails, ["sign-in-failing"]),
        (sent, broker_refuses, ["no-confirm"]),
        (sent, stays_held, ["held"]),
        (lost, stays_away, ["broker-disconnected"]),
    ],
)
def test_what_fails_aloud_for_hours_has_one_reason_and_no_restart(
    before: Happening, again: Happening, reasons: list[str]
) -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    before(ops, stream)
    for _ in range(400):
        again(ops, stream)
        ops.clock.advance(30)

    health = readiness(ops.state, ops.clock.monotonic())
    assert [(reason.code, reason.restart) for reason in health.reasons] == [(code, False) for code in reasons]
    assert health.degraded == ()


def test_a_bridge_that_has_just_started_says_what_it_waits_for() -> None:
    assert sentences(Ops()) == [
        "The broker has not been connected yet. Notifications wait at the API.",
        "No stream has started yet.",
    ]


def test_the_sentences_can_be_understood_at_night() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.receivers(5)
    stream.refused(1, "403")
    stream.poll_failed(AuthenticationError("our key is refused: is it registered?"), attempt=0)
    ops.clock.advance(125)
    ops.telemetry.broker.lost("connection reset by rabbitmq:5672")
    ops.telemetry.store.failed(StoreUnavailable("disk full"))
    ops.clock.advance(5)

    assert sentences(ops) == [
        (
            "The broker at rabbitmq:5672 has not been connected for 5 s: connection reset by rabbitmq:5672. "
            "Notifications wait at the API."
        ),
        (
            "The store has not taken a commit for 5 s: disk full. What is published meanwhile is published again after "
            "a restart; nothing is lost."
        ),
        "Stream nhn/default/1 has not been able to sign in for 2 min 10 s: our key is refused: is it registered?",
        "Stream nhn/default/1 has 1 receiver refused by the API; they may lack their configuration or delegation.",
    ]


def test_settings_that_are_not_taken_as_they_are_now_are_told_though_all_else_is_well() -> None:
    ops = Ops()
    ops.healthy_stream("nhn/default/1")
    ops.state.settings_problems = lambda: ("bridge.yaml cannot be read (Permission denied).",)

    health = readiness(ops.state, ops.clock.monotonic())
    assert [(reason.code, reason.message) for reason in health.degraded] == [
        ("settings-not-usable", "The last good settings hold: bridge.yaml cannot be read (Permission denied).")
    ]


def test_a_broker_that_was_never_there_is_missing_since_the_first_try() -> None:
    ops = Ops()
    ops.clock.advance(100)
    ops.telemetry.broker.unavailable("connection refused")
    ops.clock.advance(30)

    assert sentences(ops)[0] == (
        "The broker has not been connected for 30 s: connection refused. Notifications wait at the API."
    )


def test_streams_are_told_in_the_order_of_their_names() -> None:
    ops = Ops()
    ops.healthy_stream("nhn/default/2").held("no queue")
    ops.healthy_stream("nhn/default/1").held("no queue")

    health = readiness(ops.state, ops.clock.monotonic())
    assert [reason.stream for reason in health.reasons] == ["nhn/default/1", "nhn/default/2"]
