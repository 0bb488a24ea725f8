"""Telemetry is what the others tell to: that it fits their protocols is checked by mypy, that it can be told here."""

from bridge.delivery import DeliveryObserver
from bridge.errors import SourceUnavailable
from bridge.nhn.feed import FeedObserver
from bridge.nhn.source import SourceObserver
from bridge.pipeline import PipelineObserver
from bridge.rabbitmq.connection import BrokerObserver
from bridge.route_contract import RouteObserver
from bridge.supervisor import SupervisorObserver
from tests.support.ops import Ops, message


def test_a_page_can_be_told_of_from_its_poll_to_its_commit() -> None:
    telemetry = Ops().stream()
    source: SourceObserver = telemetry
    feed: FeedObserver = telemetry
    pipeline: PipelineObserver = telemetry
    delivery: DeliveryObserver = telemetry

    feed.poll_failed(SourceUnavailable("the page is too large"), attempt=0)
    source.polled(seconds=0.1, items=1, full=False)
    pipeline.sent(1)
    delivery.publish_interrupted("unknown", 1, retry_in_s=0.1)
    pipeline.confirmed([message()], seconds=0.1)
    pipeline.committed(cursor=1, caught_up=True)

    assert telemetry.progress.cursor == 1


def test_the_process_can_be_told_of() -> None:
    ops = Ops()
    broker: BrokerObserver = ops.telemetry.broker
    supervisor: SupervisorObserver = ops.telemetry
    routes: RouteObserver = ops.telemetry.routes

    broker.connected("rabbitmq:5672")
    routes.bindings_seen()
    supervisor.alive()

    assert ops.state.broker.is_connected
