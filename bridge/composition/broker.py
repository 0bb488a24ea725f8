"""The broker, and the route contract that is looked at there."""

import ssl
from collections.abc import Callable, Mapping, Sequence

from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ports import Clock
from bridge.rabbitmq.bindings import ManagedBindings
from bridge.rabbitmq.connection import BrokerObserver, RabbitBroker
from bridge.rabbitmq.topology import Topology
from bridge.route_contract import RouteContract
from bridge.routes import Route, RouteFacts
from bridge.settings import Settings
from bridge.tls import client_context


def make_broker(settings: Settings, telemetry: BridgeTelemetry, clock: Clock) -> tuple[RabbitBroker, RouteContract]:
    """The broker of the settings, not connected yet, and its route contract. Raises ConfigurationError for URLs or TLS
    files it cannot use.
    """
    broker, tls = settings.broker, broker_tls(settings)
    bindings = None if broker.management is None else ManagedBindings(broker.management.get, tls=tls)
    contract = RouteContract(settings.routes, bindings=bindings, observer=telemetry.routes, clock=clock)
    topology = Topology(
        exchanges=settings.event_exchanges,
        parked_exchange=broker.exchange_parked,
        parked_queue=broker.exchange_parked,
        registrations_queue=broker.queue_orders if settings.altinn.is_on else None,
        mode=broker.topology,
    )
    made = _broker(settings, topology, tls, telemetry.broker, routes=settings.routes, on_routes=contract.queues_seen)
    return made, contract


def make_command_broker(
    settings: Settings, *, exchanges: tuple[str, ...] = (), observer: BrokerObserver | None = None
) -> RabbitBroker:
    """The same for a command that works beside a bridge. It declares nothing: these exchanges and the parked queue have
    to be there.
    """
    parked = settings.broker.exchange_parked
    topology = Topology(exchanges=exchanges, parked_exchange=parked, parked_queue=parked, mode="check")
    return _broker(settings, topology, broker_tls(settings), observer or _Nobody())


def _broker(
    settings: Settings,
    topology: Topology,
    tls: ssl.SSLContext,
    observer: BrokerObserver,
    *,
    routes: Sequence[Route] = (),
    on_routes: Callable[[Mapping[Route, RouteFacts]], None] = lambda _: None,
) -> RabbitBroker:
    broker = settings.broker
    return RabbitBroker(
        broker.url_source.get,
        topology=topology,
        confirm_timeout_s=broker.confirm_timeout_s,
        max_in_flight=broker.max_in_flight,
        publisher=broker.publisher,
        observer=observer,
        tls=tls,
        routes=routes,
        on_routes=on_routes,
    )


def broker_tls(settings: Settings) -> ssl.SSLContext:
    files = settings.broker.tls
    return client_context(ca_file=files.ca_file, cert_file=files.cert_file, key_file=files.key_file)


class _Nobody:
    """The observer of a command: what goes wrong it is told by the errors themselves."""

    def connected(self, address: str) -> None: ...
    def lost(self, reason: str) -> None: ...
    def unavailable(self, reason: str) -> None: ...
    def blocked(self, is_blocked: bool) -> None: ...
    def session_ended(self, reason: str) -> None: ...
