"""The broker."""

from bridge.rabbitmq.connection import BrokerObserver, RabbitBroker
from bridge.rabbitmq.topology import Subscription, Topology
from bridge.settings import Settings
from bridge.tls import client_context


def make_broker(settings: Settings, observer: BrokerObserver) -> RabbitBroker:
    """The broker of the settings; not connected yet. Raises ConfigurationError for URLs or TLS files it cannot use."""
    broker, tls = settings.broker, settings.broker.tls
    return RabbitBroker(
        broker.url_source.get,
        topology=Topology(
            exchanges=settings.event_exchanges,
            parked_exchange=broker.exchange_parked,
            parked_queue=broker.exchange_parked,
            registrations_queue=broker.queue_orders if settings.altinn.is_on else None,
            subscriptions=tuple(
                Subscription(
                    queue=each.queue,
                    exchange=settings.exchange_of(each),
                    bindings=each.bindings,
                    required=each.required,
                    declare=each.declare,
                )
                for each in broker.subscriptions
            ),
            mode=broker.topology,
        ),
        confirm_timeout_s=broker.confirm_timeout_s,
        max_in_flight=broker.max_in_flight,
        publisher=broker.publisher,
        observer=observer,
        tls=client_context(ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file),
    )
