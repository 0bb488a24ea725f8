"""When a stream is to be started again: it waits in vain, and a new start may help."""

import pytest

from bridge.errors import RequestRejected, SourceUnavailable
from bridge.ops.health import stall_reason
from bridge.ops.state import Bounds
from bridge.ops.telemetry import StreamTelemetry
from tests.support.ops import BOUNDS, Ops, message


def stall(ops: Ops, stream: StreamTelemetry) -> str | None:
    return stall_reason(stream.progress, ops.clock.monotonic(), BOUNDS)


def test_the_bounds_fit_the_settings() -> None:
    assert Bounds.of(poll_interval_s=60, http_timeout_s=30, confirm_timeout_s=15) == Bounds(
        poll_s=270, confirm_s=120, commit_s=60, retry_refused_s=300
    )
    assert Bounds.of(poll_interval_s=0, http_timeout_s=5, confirm_timeout_s=1, retry_refused_s=10) == Bounds(
        poll_s=50, confirm_s=64, commit_s=60, retry_refused_s=10
    )


def test_a_poll_that_hangs_is_a_stall() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    ops.clock.advance(270)
    assert stall(ops, stream) is None

    ops.clock.advance(1)
    assert stall(ops, stream) == "no successful poll and no error for 4 min 31 s; the bound is 4 min 30 s"


def test_the_first_poll_may_hang_too() -> None:
    ops = Ops()
    stream = ops.stream()
    ops.clock.advance(271)

    assert stall(ops, stream) == "no successful poll and no error for 4 min 31 s; the bound is 4 min 30 s"


def test_a_confirm_that_never_comes_is_a_stall() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    ops.clock.advance(200)
    stream.sent(1)
    ops.clock.advance(120)
    assert stall(ops, stream) is None

    ops.clock.advance(1)
    assert stall(ops, stream) == "no confirm and no error for 2 min 1 s; the bound is 2 min"


def test_a_commit_that_never_returns_is_a_stall() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.sent(1)
    stream.confirmed([message()], seconds=0.1)
    ops.clock.advance(60)
    assert stall(ops, stream) is None

    ops.clock.advance(1)
    assert stall(ops, stream) == "no commit and no error for 1 min 1 s; the bound is 1 min"


def test_each_confirm_and_each_commit_begins_the_wait_for_the_next_anew() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    for _ in range(3):
        stream.sent(1)
    for _ in range(3):
        ops.clock.advance(50)
        stream.confirmed([message()], seconds=50)
        ops.clock.advance(50)
        assert stall(ops, stream) is None
        stream.committed(cursor=1, caught_up=False)

    ops.clock.advance(270)
    assert stall(ops, stream) is None


def test_polls_are_not_waited_for_while_pages_are_on_their_way() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.sent(1)
    for _ in range(100):
        ops.clock.advance(100)
        stream.publish_interrupted("refused", 1, retry_in_s=1)

    assert stall(ops, stream) is None


def test_a_blocked_broker_is_no_stall_and_its_time_does_not_count() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.sent(1)
    ops.telemetry.broker.blocked(is_blocked=True)
    ops.clock.advance(86_400)
    assert stall(ops, stream) is None

    ops.telemetry.broker.blocked(is_blocked=False)
    ops.clock.advance(120)
    assert stall(ops, stream) is None
    ops.clock.advance(1)
    assert stall(ops, stream) == "no confirm and no error for 2 min 1 s; the bound is 2 min"


def test_a_delivery_that_does_not_even_try_while_the_broker_is_away_is_a_stall() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.sent(1)
    ops.telemetry.broker.lost("connection reset")
    ops.clock.advance(121)

    assert stall(ops, stream) == "no confirm and no error for 2 min 1 s; the bound is 2 min"


def test_a_held_stream_is_no_stall_as_long_as_it_tries_now_and_then() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.sent(1)
    for _ in range(100):
        stream.held("no queue is bound for an event")
        stream.publish_interrupted("held", 1, retry_in_s=30)
        ops.clock.advance(100)

    assert stall(ops, stream) is None


def test_an_api_that_is_away_is_worth_a_restart_and_each_in_vain_doubles_the_patience() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    restarts = []
    for _ in range(20_000):
        stream.poll_failed(SourceUnavailable("timeout"), attempt=9)
        ops.clock.advance(1)
        if reason := stall(ops, stream):
            restarts.append(ops.clock.monotonic())
            stream.restarted(reason)

    waits = [later - earlier for earlier, later in zip([0.0, *restarts], restarts, strict=False)]
    assert waits == [271, 541, 1081, 2161, 4321, 4321, 4321]
    assert stall(ops, stream) is None


def test_the_patience_is_short_again_once_a_poll_has_worked() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.restarted("no successful poll")
    stream.started()
    stream.polled(seconds=0.1, items=0, full=False)
    ops.clock.advance(200)
    stream.poll_failed(SourceUnavailable("timeout"), attempt=0)
    ops.clock.advance(71)

    assert stall(ops, stream) == "no successful poll for 4 min 31 s; the bound is 4 min 30 s"


def test_what_needs_a_person_is_not_worth_a_restart_while_it_is_tried() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    for _ in range(100):
        stream.poll_failed(RequestRejected("400", retry_after_s=300), attempt=0)
        ops.clock.advance(330)

    assert stall(ops, stream) is None


def test_a_retry_after_is_waited_for_by_every_stream_of_the_source() -> None:
    ops = Ops()
    throttled, other = ops.healthy_stream("nhn/default/1"), ops.healthy_stream("nhn/default/2")
    throttled.poll_failed(SourceUnavailable("429", retry_after_s=3600), attempt=0)
    ops.clock.advance(3600 + 270)
    assert (stall(ops, throttled), stall(ops, other)) == (None, None)

    ops.clock.advance(1)
    assert stall(ops, throttled) is not None
    assert stall(ops, other) is not None


def test_a_rejected_request_lets_only_its_own_stream_wait() -> None:
    ops = Ops()
    rejected, other = ops.healthy_stream("nhn/default/1"), ops.healthy_stream("nhn/default/2")
    rejected.poll_failed(RequestRejected("400", retry_after_s=3600), attempt=0)
    ops.clock.advance(271)

    assert stall(ops, rejected) is None
    assert stall(ops, other) is not None


@pytest.mark.parametrize(("after_s", "is_stalled"), [(570, False), (571, True)])
def test_a_stream_with_all_receivers_refused_is_asked_for_more_rarely(after_s: float, is_stalled: bool) -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.receivers(1)
    stream.refused(8142520, "403")
    ops.clock.advance(after_s)

    assert (stall(ops, stream) is not None) is is_stalled


def test_a_refused_receiver_that_is_tried_again_is_a_sign_of_life() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.receivers(1)
    for _ in range(10):
        stream.refused(8142520, "403")
        ops.clock.advance(330)

    assert stall(ops, stream) is None


def test_a_long_search_for_refused_receivers_is_no_stall_as_long_as_the_api_answers() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    for _ in range(3000):
        ops.clock.advance(1)
        stream.probed()

    assert stall(ops, stream) is None
    ops.clock.advance(271)
    assert stall(ops, stream) is not None


def test_a_stream_that_is_stopped_or_not_yet_started_is_let_be() -> None:
    ops = Ops()
    stopped = ops.healthy_stream("nhn/default/1")
    stopped.sent(1)
    stopped.stopped()
    waiting = ops.telemetry.stream("nhn", "nhn/default/2", BOUNDS)
    ops.clock.advance(10_000)

    assert (stall(ops, stopped), stall(ops, waiting)) == (None, None)
