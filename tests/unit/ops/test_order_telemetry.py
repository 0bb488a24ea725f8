"""What is told of Altinn's streams: orders that end, that are late, and streams that have nothing to do."""

import pytest
from structlog.typing import EventDict

from bridge.altinn.feed import FeedObserver
from bridge.altinn.registrations import RegistrationObserver
from bridge.altinn.source import OrdersObserver
from bridge.errors import BrokerUnavailable, SourceUnavailable
from bridge.ops.health import readiness, stall_reason
from bridge.ops.status import status_of
from bridge.ops.telemetry import StreamTelemetry
from bridge.pipeline import PipelineObserver
from tests.support.ops import BOUNDS, START, Ops

ORDER = "9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d"
OTHER = "aaaaaaaa-0000-4000-8000-000000000000"
STREAM = {"source": "altinn", "stream": "altinn/orders/0"}


@pytest.fixture
def ops() -> Ops:
    """With both sources on, and a broker that is connected."""
    ops = Ops(sources=["nhn", "altinn"])
    ops.telemetry.broker.connected("rabbitmq:5672")
    return ops


def codes(ops: Ops) -> tuple[list[str], list[str]]:
    health = readiness(ops.state, ops.clock.monotonic())
    return [reason.code for reason in health.reasons], [reason.code for reason in health.degraded]


def stall(ops: Ops, stream: StreamTelemetry) -> str | None:
    return stall_reason(stream.progress, ops.clock.monotonic(), BOUNDS)


def warnings(logs: list[EventDict]) -> list[EventDict]:
    return [entry for entry in logs if entry["log_level"] == "warning"]


def test_the_sources_can_tell_it_all_that_they_have_to_tell(ops: Ops) -> None:
    orders: OrdersObserver = ops.order_stream()
    registrations: RegistrationObserver = ops.registrations()
    feed: FeedObserver = ops.telemetry.stream("altinn", "altinn/feed", BOUNDS)
    pipelines: list[PipelineObserver] = [ops.order_stream(), ops.registrations()]

    orders.idle()
    registrations.idle()
    feed.polled(seconds=0.1, items=0, full=False)
    for pipeline in pipelines:
        pipeline.committed(cursor=None, caught_up=True)


class TestOrdersThatEnd:
    @pytest.mark.parametrize("reason", ["completed", "cancelled", "condition-not-met", "given-up", "not-found"])
    def test_each_is_counted_by_how_it_ended(self, ops: Ops, reason: str) -> None:
        ops.order_stream().order_closed(ORDER, reason)

        assert ops.sample("bridge_orders_closed_total", reason=reason) == 1

    def test_a_reason_of_no_closed_set_is_counted_as_other(self, ops: Ops) -> None:
        ops.order_stream().order_closed(ORDER, ORDER)

        assert ops.sample("bridge_orders_closed_total", reason="other") == 1

    @pytest.mark.parametrize("reason", ["completed", "cancelled", "condition-not-met"])
    def test_one_that_the_api_ended_is_no_trouble(self, ops: Ops, logs: list[EventDict], reason: str) -> None:
        ops.order_stream().order_closed(ORDER, reason)

        assert warnings(logs) == []
        assert status_of(ops.state).recent_errors == ()

    @pytest.mark.parametrize(
        ("reason", "claim"),
        [
            ("given-up", "was given up: its e-mails were not final in time (ALTINN__GIVE_UP_AFTER_S)"),
            ("not-found", "was given up: the API has not known it for too long (404)"),
        ],
    )
    def test_each_that_is_given_up_has_a_line_and_the_latest_is_shown_with_how_many(
        self, ops: Ops, logs: list[EventDict], reason: str, claim: str
    ) -> None:
        stream = ops.order_stream()
        stream.order_closed(OTHER, reason)
        stream.order_closed(ORDER, reason)

        assert [(line["event"], line["order_id"], line["reason"]) for line in warnings(logs)] == [
            (f"order.{reason}", OTHER, claim),
            (f"order.{reason}", ORDER, claim),
        ]
        (shown,) = status_of(ops.state).recent_errors
        assert (shown.code, shown.message, shown.times, shown.stream) == (
            f"order-{reason}",
            f"order {ORDER} {claim}",
            2,
            "altinn/orders/0",
        )

    def test_many_of_them_leave_room_for_other_errors(self, ops: Ops) -> None:
        stream = ops.order_stream()
        stream.poll_failed(SourceUnavailable("503"), attempt=0)
        for number in range(100):
            stream.order_closed(f"order-{number}", "given-up")

        assert [error.code for error in status_of(ops.state).recent_errors] == ["order-given-up", "poll-unavailable"]

    def test_one_that_the_api_does_not_know_is_shown(self, ops: Ops, logs: list[EventDict]) -> None:
        ops.order_stream().order_missing(ORDER)

        assert [(line["event"], line["order_id"]) for line in warnings(logs)] == [("order.missing", ORDER)]
        (shown,) = status_of(ops.state).recent_errors
        assert (shown.code, shown.message) == ("order-missing", f"order {ORDER} is not known to the API (404)")

    def test_no_label_carries_an_order_id(self, ops: Ops) -> None:
        stream = ops.order_stream()
        stream.order_missing(ORDER)
        stream.order_closed(ORDER, "not-found")

        for family in ops.metrics.registry.collect():
            for sample in family.samples:
                assert ORDER not in sample.labels.values()


class TestUnknownStatuses:
    def test_one_is_counted_under_a_label_that_does_not_carry_it_and_logged_clipped(
        self, ops: Ops, logs: list[EventDict]
    ) -> None:
        stream = ops.order_stream()
        stream.unknown_status("Held_" + "x" * 100)

        assert ops.sample("bridge_feed_anomalies_total", source="altinn", kind="unknown-status") == 1
        assert stream.progress.anomalies == {"unknown-status": 1}
        (line,) = warnings(logs)
        assert (line["event"], line["status"]) == ("email.unknown-status", "Held_" + "x" * 55)

    def test_the_same_one_is_logged_once_a_minute_with_how_often(self, ops: Ops, logs: list[EventDict]) -> None:
        stream = ops.order_stream()
        for _ in range(100):
            stream.unknown_status("Held")
        ops.clock.advance(60)
        stream.unknown_status("Held")

        assert [line["times"] for line in warnings(logs)] == [1, 100]
        assert [error.times for error in status_of(ops.state).recent_errors] == [101]


class TestNothingToDo:
    def test_a_stream_that_never_polled_is_ready_once_it_has_nothing_to_do(self, ops: Ops) -> None:
        stream = ops.order_stream()
        assert codes(ops) == (["no-poll-yet"], [])

        stream.idle()

        assert codes(ops) == ([], [])
        assert ops.sample("bridge_lag_seconds", **STREAM) == 0

    def test_it_counts_no_poll(self, ops: Ops) -> None:
        ops.order_stream().idle()
        ops.registrations().idle()
        ops.registrations().received(3)

        for outcome in ("full", "partial", "empty", "unavailable"):
            assert ops.sample("bridge_polls_total", source="altinn", outcome=outcome) == 0
        assert ops.sample("bridge_poll_seconds_count") == 0

    def test_it_stays_well_for_days(self, ops: Ops) -> None:
        stream = ops.registrations()
        stream.idle()
        ops.clock.advance(3 * 86_400)

        assert codes(ops) == ([], [])
        assert stall(ops, stream) is None
        (shown,) = status_of(ops.state).streams
        assert (shown.state, shown.last_poll_age_s, shown.lag_s) == ("working", 0.0, 0.0)
        assert (
            ops.sample("bridge_last_success_timestamp_seconds", source="altinn", stream="altinn/registrations")
            == START.timestamp() + 3 * 86_400
        )

    def test_a_commit_that_comes_while_it_waits_again_starts_no_wait_for_a_poll(self, ops: Ops) -> None:
        stream = ops.registrations()
        stream.received(2)
        stream.sent(0)
        stream.confirmed([], seconds=0.0)
        stream.idle()
        stream.committed(cursor=None, caught_up=True)
        ops.clock.advance(86_400)

        assert stall(ops, stream) is None
        assert codes(ops) == ([], [])

    def test_one_that_stops_hearing_is_not_well_any_more(self, ops: Ops) -> None:
        stream = ops.registrations()
        stream.idle()
        ops.clock.advance(1000)
        stream.poll_failed(BrokerUnavailable("the queue bridge.altinn.orders is not read any more"), attempt=0)
        assert codes(ops) == ([], ["poll-failing"])
        assert ops.sample("bridge_polls_total", source="altinn", outcome="unavailable") == 0

        ops.clock.advance(271)
        assert codes(ops)[0] == ["no-poll"]
        stream.idle()
        assert codes(ops) == ([], [])

    def test_one_that_has_to_do_and_does_not_do_it_is_a_stall(self, ops: Ops) -> None:
        stream = ops.order_stream()
        stream.idle()
        stream.polled(seconds=0.1, items=1, full=False)
        ops.clock.advance(271)

        assert stall(ops, stream) == "no successful poll and no error for 4 min 31 s; the bound is 4 min 30 s"

    def test_a_start_anew_is_not_taken_for_having_nothing_to_do(self, ops: Ops) -> None:
        stream = ops.registrations()
        stream.idle()
        stream.stopped()
        stream.started()
        ops.clock.advance(271)

        assert stall(ops, stream) is not None
        (shown,) = status_of(ops.state).streams
        assert shown.last_poll_age_s == 271


class TestDueOrders:
    def test_lag_is_how_long_the_oldest_has_been_due_and_it_grows(self, ops: Ops) -> None:
        stream = ops.order_stream()
        stream.overdue(7.5)
        assert ops.sample("bridge_lag_seconds", **STREAM) == 7.5

        ops.clock.advance(10)
        assert ops.sample("bridge_lag_seconds", **STREAM) == 17.5

    def test_lag_is_zero_where_none_is_due_whatever_was_committed(self, ops: Ops) -> None:
        stream = ops.order_stream()
        stream.overdue(7.5)
        stream.polled(seconds=0.1, items=1, full=False)
        stream.committed(cursor=None, caught_up=False)
        stream.overdue(0.0)
        ops.clock.advance(60)

        assert ops.sample("bridge_lag_seconds", **STREAM) == 0

    def test_with_its_polls_failing_it_is_not_well_because_the_due_orders_rest(self, ops: Ops) -> None:
        """A failed poll never looks like an empty one."""
        stream = ops.order_stream()
        stream.idle()
        stream.overdue(0.5)
        stream.poll_failed(SourceUnavailable("503"), attempt=0)
        stream.idle()
        assert codes(ops) == ([], ["poll-failing"])

        for _ in range(271):
            ops.clock.advance(1)
            stream.idle()
        assert codes(ops)[0] == ["no-poll"]

        stream.polled(seconds=0.1, items=1, full=False)
        assert codes(ops) == ([], [])

    def test_with_the_failing_order_removed_it_is_well(self, ops: Ops) -> None:
        stream = ops.order_stream()
        stream.overdue(0.5)
        stream.poll_failed(SourceUnavailable("503"), attempt=0)
        stream.overdue(0.0)
        stream.idle()

        assert codes(ops) == ([], [])


class TestHowManyThereAre:
    def test_before_the_first_look_nothing_is_said(self, ops: Ops) -> None:
        assert ops.sample("bridge_orders_watched", state="sending") is None
        assert status_of(ops.state).orders is None

    def test_each_state_has_its_count_those_without_an_order_too(self, ops: Ops) -> None:
        ops.telemetry.orders({"sending": 3, "given-up": 1})
        ops.telemetry.orders({"sending": 2, "given-up": 2})

        expected = {
            "registered": 0,
            "sending": 2,
            "missing": 0,
            "completed": 0,
            "cancelled": 0,
            "condition-not-met": 0,
            "given-up": 2,
            "not-found": 0,
        }
        assert status_of(ops.state).orders == expected
        for state, count in expected.items():
            assert ops.sample("bridge_orders_watched", state=state) == count


def test_only_a_source_with_receivers_counts_refused_ones(ops: Ops) -> None:
    ops.order_stream()

    assert ops.sample("bridge_receivers_refused", source="altinn") is None
