"""Gauges are read off the state when they are asked for."""

from collections.abc import Callable

import pytest

from bridge.errors import SourceUnavailable, StoreUnavailable
from bridge.ops.telemetry import StreamTelemetry
from tests.support.ops import START, Ops, message

STREAM = {"source": "nhn", "stream": "nhn/default/1"}


def test_the_broker_is_shown_as_it_is_now() -> None:
    ops = Ops()
    assert (ops.sample("bridge_broker_connected"), ops.sample("bridge_broker_blocked")) == (0, 0)

    ops.telemetry.broker.connected("rabbitmq:5672")
    ops.telemetry.broker.blocked(is_blocked=True)
    assert (ops.sample("bridge_broker_connected"), ops.sample("bridge_broker_blocked")) == (1, 1)

    ops.telemetry.broker.lost("connection reset")
    assert (ops.sample("bridge_broker_connected"), ops.sample("bridge_broker_blocked")) == (0, 0)


def test_the_version_is_a_label() -> None:
    assert Ops().sample("bridge_build_info", version="1.2.3") == 1


def test_streams_are_counted_and_those_that_are_not_ready() -> None:
    ops = Ops()
    ops.healthy_stream("nhn/default/1")
    broken = ops.healthy_stream("nhn/default/2")
    assert (ops.sample("bridge_streams_owned"), ops.sample("bridge_streams_not_ready")) == (2, 0)

    broken.held("no queue is bound")
    assert (ops.sample("bridge_streams_owned"), ops.sample("bridge_streams_not_ready")) == (2, 1)

    broken.stopped()
    assert (ops.sample("bridge_streams_owned"), ops.sample("bridge_streams_not_ready")) == (1, 1)


def test_the_bridge_is_ready_where_readyz_says_so() -> None:
    ops = Ops()
    assert ops.sample("bridge_ready") == 0
    ops.healthy_stream()
    assert ops.sample("bridge_ready") == 1

    ops.telemetry.store.failed(StoreUnavailable("disk full"))
    assert ops.sample("bridge_ready") == 0


def test_a_stream_has_no_cursor_lag_or_success_before_it_had_one() -> None:
    ops = Ops()
    ops.stream()

    assert ops.sample("bridge_cursor_offset", stream="nhn/default/1") is None
    assert ops.sample("bridge_lag_seconds", **STREAM) is None
    assert ops.sample("bridge_last_success_timestamp_seconds", **STREAM) is None


def test_the_cursor_is_the_one_committed_last() -> None:
    ops = Ops()
    stream = ops.stream()
    stream.started(cursor=100)
    assert ops.sample("bridge_cursor_offset", stream="nhn/default/1") == 100

    stream.committed(cursor=117, caught_up=True)
    stream.committed(cursor=None, caught_up=True)
    assert ops.sample("bridge_cursor_offset", stream="nhn/default/1") == 117


def test_lag_is_zero_after_a_poll_that_was_not_full() -> None:
    ops = Ops()
    ops.healthy_stream()
    ops.clock.advance(3600)

    assert ops.sample("bridge_lag_seconds", **STREAM) == 0


def test_lag_is_not_known_while_polls_fail_so_that_they_do_not_look_like_empty_ones() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.poll_failed(SourceUnavailable("timeout"), attempt=0)
    assert ops.sample("bridge_lag_seconds", **STREAM) is None

    stream.polled(seconds=0.1, items=0, full=False)
    assert ops.sample("bridge_lag_seconds", **STREAM) == 0


def broker_away(ops: Ops, stream: StreamTelemetry) -> None:
    ops.telemetry.broker.lost("connection reset")
    stream.publish_interrupted("unknown", 1, retry_in_s=0.5)


def broker_blocked(ops: Ops, _stream: StreamTelemetry) -> None:
    ops.telemetry.broker.blocked(is_blocked=True)


def no_queue(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.held("no queue is bound")
    stream.publish_interrupted("held", 1, retry_in_s=0.5)


def store_away(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.confirmed([message()], seconds=0.1)
    stream.commit_failed(StoreUnavailable("disk full"), attempt=0)


@pytest.mark.parametrize("trouble", [broker_away, broker_blocked, no_queue, store_away])
def test_lag_is_at_least_how_long_what_was_fetched_has_waited_in_vain(
    trouble: Callable[[Ops, StreamTelemetry], None],
) -> None:
    """Though the last poll was not full: what cannot be delivered is not nothing."""
    ops = Ops()
    stream = ops.healthy_stream()
    stream.sent(1)
    assert ops.sample("bridge_lag_seconds", **STREAM) == 0, "it is on its way"

    trouble(ops, stream)
    ops.clock.advance(300)

    assert ops.sample("bridge_lag_seconds", **STREAM) == 300


def test_lag_is_zero_without_a_broker_where_nothing_waits_for_it() -> None:
    ops = Ops()
    ops.healthy_stream()
    ops.telemetry.broker.lost("connection reset")
    ops.clock.advance(30)

    assert ops.sample("bridge_lag_seconds", **STREAM) == 0


def test_lag_is_the_age_of_the_last_committed_event_while_polls_are_full_and_it_grows() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.polled(seconds=0.1, items=2, full=True)
    page = [message("a", age_s=500), message("b", age_s=400)]
    stream.sent(2)
    stream.confirmed(page, seconds=0.1)
    stream.committed(cursor=2, caught_up=False)

    assert ops.sample("bridge_lag_seconds", **STREAM) == 400
    ops.clock.advance(60)
    assert ops.sample("bridge_lag_seconds", **STREAM) == 460
    stream.polled(seconds=0.1, items=0, full=False)
    assert ops.sample("bridge_lag_seconds", **STREAM) == 0


def test_lag_is_not_known_before_the_first_commit_of_a_stream_that_is_behind() -> None:
    ops = Ops()
    ops.healthy_stream().polled(seconds=0.1, items=1000, full=True)

    assert ops.sample("bridge_lag_seconds", **STREAM) is None


def test_lag_is_not_zero_while_the_page_after_a_full_one_is_on_its_way() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    first, second = [message("a", age_s=500)], [message("b", age_s=10)]
    stream.polled(seconds=0.1, items=1, full=True)
    stream.sent(1)
    stream.polled(seconds=0.1, items=1, full=False)
    stream.sent(1)
    stream.confirmed(first, seconds=0.1)
    stream.committed(cursor=1, caught_up=False)
    assert ops.sample("bridge_lag_seconds", **STREAM) == 500

    stream.confirmed(second, seconds=0.1)
    stream.committed(cursor=2, caught_up=True)
    assert ops.sample("bridge_lag_seconds", **STREAM) == 0


def test_a_clock_behind_the_api_gives_no_negative_lag() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.polled(seconds=0.1, items=1, full=True)
    stream.sent(1)
    stream.confirmed([message(age_s=-30)], seconds=0.1)
    stream.committed(cursor=1, caught_up=False)

    assert ops.sample("bridge_lag_seconds", **STREAM) == 0


def test_the_last_success_is_the_last_poll_or_commit_that_worked_in_unix_time() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    ops.clock.advance(10)
    stream.committed(cursor=1, caught_up=True)
    ops.clock.advance(50)
    stream.poll_failed(SourceUnavailable("timeout"), attempt=0)

    assert ops.sample("bridge_last_success_timestamp_seconds", **STREAM) == START.timestamp() + 10


def test_refused_receivers_are_counted_for_each_source() -> None:
    ops = Ops()
    one, other = ops.healthy_stream("nhn/default/1"), ops.healthy_stream("nhn/default/2")
    assert ops.sample("bridge_receivers_refused", source="nhn") == 0
    one.refused(1, "403")
    other.refused(2, "404")
    other.refused(3, "404")

    assert ops.sample("bridge_receivers_refused", source="nhn") == 3


def test_a_forgotten_stream_leaves_no_series_behind() -> None:
    ops = Ops()
    ops.healthy_stream().committed(cursor=1, caught_up=True)
    ops.telemetry.forget("nhn/default/1")
    ops.telemetry.forget("nhn/default/1")

    assert ops.sample("bridge_cursor_offset", stream="nhn/default/1") is None
    assert ops.sample("bridge_stream_restarts_total", **STREAM) is None
    assert ops.sample("bridge_streams_owned") == 0
