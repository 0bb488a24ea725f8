"""The broker, and the route contract that is looked at there."""

from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ports import Clock
from bridge.rabbitmq.bindings import ManagedBindings
from bridge.rabbitmq.connection import RabbitBroker
from bridge.rabbitmq.topology import Topology
from bridge.route_contract import RouteContract
from bridge.settings import Settings
from bridge.tls import client_context


def make_broker(settings: Settings, telemetry: BridgeTelemetry, clock: Clock) -> tuple[RabbitBroker, RouteContract]:
    """The broker of the settings, not connected yet, and its route contract. Raises ConfigurationError for URLs or TLS
    files it cannot use.
    """
    broker, files = settings.broker, settings.broker.tls
    tls = client_context(ca_file=files.ca_file, cert_file=files.cert_file, key_file=files.key_file)
    bindings = None if broker.management is None else ManagedBindings(broker.management.get, tls=tls)
    routes = RouteContract(settings.routes, bindings=bindings, observer=telemetry.routes, clock=clock)
    topology = Topology(
        exchanges=settings.event_exchanges,
        parked_exchange=broker.exchange_parked,
        parked_queue=broker.exchange_parked,
        registrations_queue=broker.queue_orders if settings.altinn.is_on else None,
        mode=broker.topology,
    )
    return (
        RabbitBroker(
            broker.url_source.get,
            topology=topology,
            confirm_timeout_s=broker.confirm_timeout_s,
            max_in_flight=broker.max_in_flight,
            publisher=broker.publisher,
            observer=telemetry.broker,
            tls=tls,
            routes=settings.routes,
            on_routes=routes.queues_seen,
        ),
        routes,
    )
