"""`/status` is an interface: its fields are written out here, and are only ever added to."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bridge.errors import AuthenticationError, SourceUnavailable, StoreUnavailable
from bridge.leases import Lease, Process, Replica, Snapshot
from bridge.ops.status import Status, status_of
from bridge.ops.telemetry import StreamTelemetry
from tests.support.ops import Ops, message


def document(ops: Ops) -> Any:
    """What goes over the wire."""
    return msgspec.json.decode(msgspec.json.encode(status_of(ops.state)))


def test_a_bridge_that_has_just_started() -> None:
    assert document(Ops()) == {
        "version": "1.2.3",
        "at": "2026-04-14T06:00:00Z",
        "started_at": "2026-04-14T06:00:00Z",
        "uptime_s": 0.0,
        "is_ready": False,
        "is_draining": False,
        "reasons": [
            {
                "code": "broker-disconnected",
                "message": "The broker has not been connected yet. Notifications wait at the API.",
                "stream": None,
                "restart": False,
            },
            {"code": "no-stream", "message": "No stream has started yet.", "stream": None, "restart": False},
        ],
        "degraded": [],
        "broker": {
            "address": None,
            "is_connected": False,
            "is_blocked": False,
            "unchanged_for_s": None,
            "error": None,
        },
        "store": {"is_working": True, "failing_for_s": None, "error": None},
        "streams": [],
        "orders": None,
        "recent_errors": [],
        "replicas": 0,
        "owners": [],
        "routes": [],
        "bindings_unseen": None,
    }


def busy() -> Ops:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.started(cursor=100)
    stream.receivers(3)
    stream.refused(8142521, "404 Not Found")
    ops.clock.advance(10)
    stream.refused(8142520, "403 Forbidden")
    stream.polled(seconds=0.1, items=5, full=True)
    stream.anomaly("late", 2)
    ops.clock.advance(10)
    stream.sent(3)
    stream.sent(2)
    page = [message("a"), message("b", event="apprec"), message("c")]
    stream.parked(page[2], "unroutable")
    stream.confirmed(page, seconds=1)
    ops.clock.advance(10)
    stream.committed(cursor=117, caught_up=False)
    stream.poll_failed(SourceUnavailable("the API answered 503"), attempt=0)
    stream.poll_failed(SourceUnavailable("the API answered 503"), attempt=1)
    ops.clock.advance(30)
    return ops


def test_a_busy_stream_in_all_its_fields() -> None:
    assert document(busy())["streams"] == [
        {
            "name": "nhn/default/1",
            "source": "nhn",
            "state": "degraded",
            "cursor": 117,
            "receivers": 3,
            "refused": [
                {"her_id": 8142520, "problem": "403 Forbidden", "since": "2026-04-14T06:00:10Z"},
                {"her_id": 8142521, "problem": "404 Not Found", "since": "2026-04-14T06:00:00Z"},
            ],
            "lag_s": 61.0,
            "last_poll_age_s": 50.0,
            "last_confirm_age_s": 40.0,
            "last_commit_age_s": 30.0,
            "in_flight": 2,
            "uncommitted_pages": 0,
            "held_reason": None,
            "poll_error": "the API answered 503",
            "anomalies": {"late": 2},
            "confirmed": {"new-message": 1, "apprec": 1},
            "confirmed_last_minute": 2,
            "parked": {"unroutable": 1},
            "restarts": 0,
        }
    ]


def test_the_process_around_it() -> None:
    status = status_of(busy().state)

    assert status.is_ready
    assert [reason.code for reason in status.degraded] == ["receivers-refused", "poll-failing"]
    assert status.uptime_s == 60.0
    assert status.started_at == datetime(2026, 4, 14, 6, 0, tzinfo=UTC)
    assert status.broker.address == "rabbitmq:5672"
    assert status.broker.unchanged_for_s == 60.0
    assert [(error.code, error.message, error.times, error.stream) for error in status.recent_errors] == [
        ("poll-unavailable", "the API answered 503", 2, "nhn/default/1"),
        ("parked", "unroutable", 1, "nhn/default/1"),
        ("receiver-refused", "403 Forbidden", 1, "nhn/default/1"),
        ("receiver-refused", "404 Not Found", 1, "nhn/default/1"),
    ]


def test_a_store_and_a_broker_in_trouble() -> None:
    ops = busy()
    ops.telemetry.store.failed(StoreUnavailable("disk full"))
    ops.telemetry.broker.blocked(is_blocked=True)
    ops.clock.advance(5)
    status = status_of(ops.state)

    assert msgspec.to_builtins(status.store) == {"is_working": False, "failing_for_s": 5.0, "error": "disk full"}
    assert status.broker.is_blocked
    assert not status.is_ready


@pytest.mark.parametrize(
    ("happening", "state"),
    [
        (lambda _ops, stream: stream.sent(1), "working"),
        (lambda _ops, stream: stream.refused(8142520, "403"), "degraded"),
        (lambda _ops, stream: stream.poll_failed(AuthenticationError("401"), attempt=0), "not-ready"),
        (lambda ops, _stream: ops.telemetry.store.failed(StoreUnavailable("disk full")), "waits-for-store"),
        (lambda ops, _stream: ops.telemetry.broker.lost("connection reset"), "waits-for-broker"),
        (lambda ops, _stream: ops.telemetry.broker.blocked(is_blocked=True), "waits-for-broker"),
        (lambda ops, _stream: ops.telemetry.broker.unavailable("no exchange"), "waits-for-broker"),
        (lambda _ops, stream: stream.held("no queue is bound"), "held"),
        (lambda _ops, stream: stream.stopped(), "stopped"),
    ],
)
def test_the_state_of_a_stream_says_what_it_waits_for(
    happening: Callable[[Ops, StreamTelemetry], None], state: str
) -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.sent(2)
    stream.confirmed([message()], seconds=0.1)
    happening(ops, stream)

    assert [status.state for status in status_of(ops.state).streams] == [state]


def test_a_stream_with_nothing_on_its_way_waits_for_nobody() -> None:
    ops = Ops()
    ops.healthy_stream()
    ops.telemetry.broker.lost("connection reset")
    ops.telemetry.store.failed(StoreUnavailable("disk full"))

    assert [status.state for status in status_of(ops.state).streams] == ["working"]


def test_streams_stand_in_the_order_of_their_names() -> None:
    ops = Ops()
    for name in ("nhn/b/1", "nhn/a/2", "nhn/a/1"):
        ops.stream(name)

    assert [stream.name for stream in status_of(ops.state).streams] == ["nhn/a/1", "nhn/a/2", "nhn/b/1"]


def test_the_document_can_be_read_back_as_it_was_written() -> None:
    status = status_of(busy().state)

    assert msgspec.json.decode(msgspec.json.encode(status), type=Status) == status


def test_who_runs_what_is_told_of_all_replicas() -> None:
    ops = Ops()
    mine, other = (
        Replica(id=name, process=Process(host=f"bridge-{name}", pid=7), serves=frozenset()) for name in ("1", "2")
    )
    leases = [
        Lease(name="nhn/a/1", epoch=3, owner="1"),
        Lease(name="nhn/a/2", epoch=1, owner="2"),
        Lease(name="nhn/a/3", epoch=1),
        Lease(name="nhn/a/receivers", epoch=9, owner="2", is_stream=False),
        Lease(name="nhn/gone/receivers", epoch=1, is_stream=False),
    ]
    seen = Snapshot(replicas=[mine, other], leases={lease.name: lease for lease in leases})
    ops.telemetry.ownership.seen(seen, "1")
    status = status_of(ops.state)
    assert status.replicas == 2
    assert [(each.name, each.owner, each.is_here, each.epoch) for each in status.owners] == [
        ("nhn/a/1", "bridge-1, pid 7", True, 3),
        ("nhn/a/2", "bridge-2, pid 7", False, 1),
        ("nhn/a/3", None, False, 1),
        ("nhn/a/receivers", "bridge-2, pid 7", False, 9),
    ]
