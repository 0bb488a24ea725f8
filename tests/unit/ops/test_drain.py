"""When a drain is not worth waiting for: what is in flight waits for a broker that is away."""

from collections.abc import Callable

import pytest

from bridge.errors import StoreUnavailable
from bridge.ops.health import vain_drain
from bridge.ops.telemetry import StreamTelemetry
from tests.support.ops import Ops, message


def verdict(ops: Ops, stream: StreamTelemetry) -> str | None:
    return vain_drain(stream.progress, ops.clock.monotonic())


def in_flight(ops: Ops) -> StreamTelemetry:
    stream = ops.healthy_stream()
    stream.sent(1)
    return stream


def test_a_broker_that_was_lost_a_moment_ago_is_waited_for_and_not_for_longer() -> None:
    ops = Ops()
    stream = in_flight(ops)
    ops.telemetry.broker.lost("connection reset")
    ops.clock.advance(2)
    assert verdict(ops, stream) is None

    ops.clock.advance(1)
    assert verdict(ops, stream) == "as there has been no broker for 3 s"


def test_one_that_never_was_there_and_one_that_opens_no_session_are_no_better() -> None:
    ops = Ops()
    stream = ops.stream()
    stream.sent(1)
    ops.telemetry.broker.unavailable("nothing listens there")
    ops.clock.advance(3)
    assert verdict(ops, stream) == "as there has been no broker for 3 s"

    ops.telemetry.broker.connected("rabbitmq:5672")
    assert verdict(ops, stream) is None
    ops.telemetry.broker.unavailable("there is no exchange nhn.notifications")
    ops.clock.advance(3)
    assert verdict(ops, stream) == "as there has been no broker for 3 s"


def nothing_is_in_flight(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.confirmed([message()], seconds=0.1)
    stream.committed(cursor=1, caught_up=True)


def the_store_can_still_take_a_page(_ops: Ops, stream: StreamTelemetry) -> None:
    stream.sent(1)
    stream.confirmed([message()], seconds=0.1)
    stream.commit_failed(StoreUnavailable("disk full"), attempt=0)


@pytest.mark.parametrize("so", [nothing_is_in_flight, the_store_can_still_take_a_page])
def test_the_broker_does_not_matter_where(so: Callable[[Ops, StreamTelemetry], None]) -> None:
    ops = Ops()
    stream = in_flight(ops)
    so(ops, stream)
    ops.telemetry.broker.lost("connection reset")
    ops.clock.advance(3600)

    assert verdict(ops, stream) is None


def test_an_alarm_may_end_at_any_moment_and_is_waited_for() -> None:
    ops = Ops()
    stream = in_flight(ops)
    ops.telemetry.broker.blocked(is_blocked=True)
    ops.telemetry.broker.unavailable("it takes no messages now")
    ops.clock.advance(3600)

    assert verdict(ops, stream) is None
