"""The broker, the store and the process."""

from datetime import UTC, datetime

from structlog.typing import EventDict

from bridge.errors import StoreUnavailable
from tests.support.ops import BOUNDS, Ops, message


def events(logs: list[EventDict]) -> list[tuple[str, str]]:
    return [(entry["log_level"], entry["event"]) for entry in logs]


def test_the_connection_is_followed(logs: list[EventDict]) -> None:
    ops = Ops()
    broker = ops.telemetry.broker
    broker.unavailable("connection refused.")
    broker.connected("rabbitmq:5672")
    broker.lost("connection reset")
    broker.connected("rabbitmq-2:5672")

    assert ops.state.broker.address == "rabbitmq-2:5672"
    assert ops.state.broker.is_connected
    assert ops.state.broker.failure is None
    assert events(logs) == [
        ("warning", "broker.unavailable"),
        ("info", "broker.connected"),
        ("warning", "broker.lost"),
        ("info", "broker.connected"),
    ]


def test_a_broker_that_is_away_for_long_is_logged_once_a_minute(logs: list[EventDict]) -> None:
    ops = Ops()
    for _ in range(120):
        ops.telemetry.broker.unavailable("connection refused")
        ops.clock.advance(1)

    assert [(entry["event"], entry["times"]) for entry in logs] == [
        ("broker.unavailable", 1),
        ("broker.unavailable", 60),
    ]
    assert ops.state.broker.failure is not None
    assert ops.state.broker.failure.times == 120


def test_a_block_is_shown_until_it_ends_or_the_connection_does(logs: list[EventDict]) -> None:
    ops = Ops()
    broker = ops.telemetry.broker
    broker.connected("rabbitmq:5672")
    seen = [(ops.state.broker.is_blocked, ops.state.broker.available_since)]
    broker.blocked(is_blocked=True)
    seen.append((ops.state.broker.is_blocked, ops.state.broker.available_since))
    ops.clock.advance(5)
    broker.blocked(is_blocked=False)
    seen.append((ops.state.broker.is_blocked, ops.state.broker.available_since))
    broker.blocked(is_blocked=True)
    broker.lost("connection reset")
    seen.append((ops.state.broker.is_blocked, ops.state.broker.available_since))

    assert seen == [(False, 0), (True, None), (False, 5), (False, None)]
    assert events(logs) == [
        ("info", "broker.connected"),
        ("warning", "broker.blocked"),
        ("info", "broker.unblocked"),
        ("warning", "broker.lost"),
    ]


def test_a_session_that_cannot_be_opened_is_shown_until_messages_are_confirmed_again() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    ops.telemetry.broker.unavailable("there is no exchange nhn.notifications")
    is_failing = [ops.state.broker.failure is not None]
    stream.sent(1)
    stream.confirmed([message()], seconds=0.1)
    is_failing.append(ops.state.broker.failure is not None)

    assert is_failing == [True, False]
    assert ops.state.broker.is_connected


def test_a_session_that_ended_is_told_and_is_no_state(logs: list[EventDict]) -> None:
    ops = Ops()
    ops.telemetry.broker.session_ended("no confirm came in time")

    assert events(logs) == [("warning", "broker.session-ended")]
    assert ops.state.broker.failure is None
    assert [error.code for error in ops.state.recent_errors] == ["broker-session-ended"]


def test_the_store_is_shown_as_failing_until_it_works(logs: list[EventDict]) -> None:
    ops = Ops()
    ops.telemetry.store.worked()
    ops.telemetry.store.failed(StoreUnavailable("disk full"))
    ops.telemetry.store.failed(StoreUnavailable("disk full"))
    failures = [ops.state.store.failure]
    ops.clock.advance(3)
    ops.telemetry.store.worked()
    failures.append(ops.state.store.failure)

    assert [failure and failure.times for failure in failures] == [2, None]
    assert events(logs) == [("warning", "store.failing"), ("info", "store.recovered")]
    assert logs[-1]["after_s"] == 3.0


def test_the_same_stream_again_begins_anew() -> None:
    ops = Ops()
    ops.stream().sent(5)
    again = ops.telemetry.stream("nhn", "nhn/default/1", BOUNDS)

    assert again.progress.in_flight == 0
    assert list(ops.state.streams) == ["nhn/default/1"]


def test_heartbeat_and_drain_are_noted(logs: list[EventDict]) -> None:
    ops = Ops()
    ops.clock.advance(7)
    ops.telemetry.alive()
    ops.telemetry.draining()

    assert ops.state.heartbeat_at == 7
    assert ops.state.is_draining
    assert events(logs) == [("info", "bridge.draining")]


class Trouble:
    """As bridge.auth's diagnosis."""

    sentence = "HelseID does not know the client."


def test_a_token_is_shown_by_its_end_and_trouble_by_its_sentence(logs: list[EventDict]) -> None:
    ops = Ops()
    ops.telemetry.sign_in.trouble(Trouble())
    ops.telemetry.sign_in.trouble(Trouble())
    ops.telemetry.sign_in.token_obtained("https://issuer.example", datetime(2026, 4, 14, 7, 0, tzinfo=UTC))

    assert ops.sample("bridge_token_expiry_timestamp_seconds", issuer="https://issuer.example") == 1776150000.0
    assert [error.message for error in ops.state.recent_errors] == ["HelseID does not know the client"]
    assert [entry["event"] for entry in logs] == ["sign_in.trouble", "sign_in.recovered", "sign_in.token"]
