"""A bridge's telemetry on a clock that stands still, for the tests of bridge.ops."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bridge.events.message import Message, SourceName
from bridge.ops.metrics import Metrics
from bridge.ops.order_telemetry import OrdersTelemetry, RegistrationsTelemetry
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import Bounds, BridgeState
from bridge.ops.tail import Tail
from bridge.ops.telemetry import StreamTelemetry
from tests.support.clock import FakeClock

START = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)
BOUNDS = Bounds(poll_s=270, confirm_s=120, commit_s=60, retry_refused_s=300)


class Ops:
    """Everything of bridge.ops but the server; the clock begins at START."""

    def __init__(self, *, per_her_id: bool = False, sources: Sequence[SourceName] = ("nhn",)) -> None:
        self.clock = FakeClock(auto=False, start=START)
        self.state = BridgeState(self.clock, "1.2.3")
        self.metrics = Metrics(sources=sources, per_her_id=per_her_id)
        self.tail = Tail()
        self.telemetry = BridgeTelemetry(self.state, self.metrics, tail=self.tail)

    def stream(self, name: str = "nhn/default/1") -> StreamTelemetry:
        """A stream that has just started."""
        telemetry = self.telemetry.stream("nhn", name, BOUNDS)
        telemetry.started()
        return telemetry

    def order_stream(self, name: str = "altinn/orders/0") -> OrdersTelemetry:
        """A stream of orders that has just started."""
        telemetry = self.telemetry.order_stream(name, BOUNDS)
        telemetry.started()
        return telemetry

    def registrations(self) -> RegistrationsTelemetry:
        """The stream of registrations, just started."""
        telemetry = self.telemetry.registrations("altinn/registrations", BOUNDS)
        telemetry.started()
        return telemetry

    def healthy_stream(self, name: str = "nhn/default/1") -> StreamTelemetry:
        """A stream that has polled once, on a broker that is connected: ready."""
        self.telemetry.broker.connected("rabbitmq:5672")
        telemetry = self.stream(name)
        telemetry.polled(seconds=0.1, items=0, full=False)
        return telemetry

    def sample(self, name: str, **labels: str) -> float | None:
        """A metric's value; None where there is no such series."""
        return self.metrics.registry.get_sample_value(name, labels)


def message(
    event_id: str = "event-1",
    *,
    event: str = "new-message",
    routing_key: str = "new-message.8142520",
    age_s: float | None = 1.0,
    parked_reason: str | None = None,
    body: bytes = b'{"id":"event-1"}',
) -> Message:
    """A message of NHN's source, created `age_s` seconds before START."""
    return Message(
        id=event_id,
        source="nhn",
        event=event,
        type=f"no.nhn.notification.{event}.v1",
        exchange="nhn.notifications",
        routing_key=routing_key,
        body=body,
        correlation_id="related-1",
        created_at=None if age_s is None else START - timedelta(seconds=age_s),
        parked_reason=parked_reason,
    )
