"""The names and labels that dashboards and alert rules depend on."""

from datetime import UTC, datetime

import pytest

from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable
from bridge.events.nhn import EVENT_NAMES, OTHER
from bridge.ops.metrics import EVENTS
from bridge.routes import Route, RouteFacts, judge
from tests.support.ops import Ops, message

HER_ID = 8142520

FAMILIES = {
    "bridge_events_confirmed": {"source", "event"},
    "bridge_events_parked": {"source", "reason"},
    "bridge_polls": {"source", "outcome"},
    "bridge_poll_seconds": {"le"},
    "bridge_publish_confirm_seconds": {"le"},
    "bridge_event_age_seconds": {"le"},
    "bridge_lag_seconds": {"source", "stream"},
    "bridge_cursor_offset": {"stream"},
    "bridge_last_success_timestamp_seconds": {"source", "stream"},
    "bridge_broker_connected": set(),
    "bridge_broker_blocked": set(),
    "bridge_route_contract_ok": {"queue"},
    "bridge_streams_owned": set(),
    "bridge_ready": set(),
    "bridge_streams_not_ready": set(),
    "bridge_token_expiry_timestamp_seconds": {"issuer"},
    "bridge_build_info": {"version"},
    "bridge_feed_anomalies": {"source", "kind"},
    "bridge_receivers_refused": {"source"},
    "bridge_publish_retries": {"source", "outcome"},
    "bridge_stream_restarts": {"source", "stream"},
    "bridge_orders_watched": {"state"},
    "bridge_orders_closed": {"reason"},
}


@pytest.fixture
def busy() -> Ops:
    """A bridge to which everything has happened."""
    ops = Ops(sources=["nhn", "altinn"])
    ops.telemetry.orders({"sending": 3})
    ops.telemetry.routes.judged(
        Route(queue="journal", exchange="e"), judge(Route("journal", "e"), RouteFacts(exists=True))
    )
    stream = ops.healthy_stream()
    stream.receivers(2)
    stream.polled(seconds=0.2, items=1000, full=True)
    stream.poll_failed(SourceUnavailable("timeout"), attempt=0)
    stream.poll_failed(AuthenticationError("401"), attempt=1)
    stream.poll_failed(RequestRejected("400"), attempt=2)
    stream.anomaly("late", 2)
    stream.refused(HER_ID, "403 Forbidden")
    stream.sent(2)
    stream.publish_interrupted("refused", 1, retry_in_s=0.5)
    page = [message("a"), message("b", routing_key=f"new-message.{HER_ID}")]
    stream.parked(page[1], "unroutable")
    stream.confirmed(page, seconds=0.1)
    stream.committed(cursor=17, caught_up=True)
    stream.restarted("no successful poll")
    stream.polled(seconds=0.2, items=1000, full=True)
    ops.telemetry.sign_in.token_obtained("https://issuer.example", datetime(2026, 4, 14, 7, 0, tzinfo=UTC))
    return ops


def test_the_names_and_labels_are_those_of_the_interface(busy: Ops) -> None:
    families = {
        family.name: {label for sample in family.samples for label in sample.labels}
        for family in busy.metrics.registry.collect()
    }

    assert {name: labels for name, labels in families.items() if name.startswith("bridge_")} == FAMILIES
    assert {"python_gc_objects_collected", "python_info"} <= set(families)
    assert "process_cpu_seconds" in families


def test_only_where_it_is_asked_for_there_is_a_series_for_each_her_id() -> None:
    ops = Ops(per_her_id=True)
    page = [message("a", routing_key="new-message.7001"), message("b", routing_key="apprec.7001")]
    ops.stream().confirmed([*page, message("c", routing_key="apprec.7002")], seconds=0.1)
    assert ops.sample("bridge_receiver_events_confirmed_total", her_id="7001") == 2
    assert ops.sample("bridge_receiver_events_confirmed_total", her_id="7002") == 1


def test_no_label_ever_carries_a_her_id(busy: Ops) -> None:
    values = {
        value
        for family in busy.metrics.registry.collect()
        for sample in family.samples
        for value in sample.labels.values()
    }

    assert not [value for value in values if str(HER_ID) in value]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("bridge_events_confirmed_total", {"source": "nhn", "event": "delivery-state"}),
        ("bridge_events_parked_total", {"source": "nhn", "reason": "oversized"}),
        ("bridge_polls_total", {"source": "nhn", "outcome": "unavailable"}),
        ("bridge_feed_anomalies_total", {"source": "nhn", "kind": "no-progress"}),
        ("bridge_publish_retries_total", {"source": "nhn", "outcome": "unknown"}),
    ],
)
def test_series_start_at_zero_so_that_a_rate_sees_the_first_count(name: str, labels: dict[str, str]) -> None:
    assert Ops().sample(name, **labels) == 0


def test_a_source_that_is_off_has_no_series() -> None:
    assert Ops().sample("bridge_polls_total", source="altinn", outcome="empty") is None
    assert Ops().sample("bridge_orders_closed_total", reason="given-up") is None
    assert Ops(sources=["altinn"]).sample("bridge_polls_total", source="nhn", outcome="empty") is None


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("bridge_events_confirmed_total", {"source": "altinn", "event": "email-status"}),
        ("bridge_events_parked_total", {"source": "altinn", "reason": "registration-invalid"}),
        ("bridge_feed_anomalies_total", {"source": "altinn", "kind": "unknown-status"}),
        ("bridge_orders_closed_total", {"reason": "given-up"}),
        ("bridge_orders_closed_total", {"reason": "not-found"}),
    ],
)
def test_series_of_altinn_start_at_zero_where_it_is_on(name: str, labels: dict[str, str]) -> None:
    assert Ops(sources=["altinn"]).sample(name, **labels) == 0


def test_what_is_in_no_closed_set_is_counted_as_other() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.anomaly("8142520", 1)
    stream.publish_interrupted("8142520", 1, retry_in_s=0)
    stream.parked(message(), "8142520")
    stream.confirmed([message("second", event="8142520")], seconds=0.1)

    assert ops.sample("bridge_feed_anomalies_total", source="nhn", kind="other") == 1
    assert ops.sample("bridge_publish_retries_total", source="nhn", outcome="other") == 1
    assert ops.sample("bridge_events_parked_total", source="nhn", reason="other") == 1
    assert ops.sample("bridge_events_confirmed_total", source="nhn", event="other") == 1


def test_the_event_names_are_those_that_events_are_made_with() -> None:
    assert set(EVENTS["nhn"]) == {*EVENT_NAMES.values(), OTHER}
