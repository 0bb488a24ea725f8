"""Settings of the broker: where it is, what is declared there, what waits for its confirm."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from bridge.routes import Route
from bridge.settings.fields import (
    AmqpUrls,
    ExchangeName,
    FilePath,
    Group,
    Listed,
    ManagementUrl,
    QueueName,
    check_management_url,
    parse_amqp_urls,
)
from bridge.settings.files import Secret

MAX_BINDING_BYTES = 255
"""AMQP 0-9-1 short string."""


def _bindings(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(pattern.encode()) > MAX_BINDING_BYTES for pattern in patterns):
        raise ValueError(f"must be patterns of at most {MAX_BINDING_BYTES} bytes")
    return patterns


class BrokerTls(Group):
    """TLS towards the broker; for amqps:// URLs and an https:// MANAGEMENT_URL. Certificates are always verified."""

    ca_file: FilePath | None = None
    """PEM with the authorities that are trusted. Default: the system's."""
    cert_file: FilePath | None = None
    """PEM with the client's certificate chain; together with KEY_FILE."""
    key_file: FilePath | None = None
    """PEM with the client certificate's private key, without a passphrase; together with CERT_FILE."""


class Subscription(Group):
    """One line of the route contract: a queue that is to be there, with its bindings (product.md §5)."""

    queue: QueueName
    """The subscriber's queue."""
    exchange: ExchangeName | None = None
    """The exchange that it is bound to. Default: EXCHANGE_NHN where the NHN source is on, else EXCHANGE_ALTINN
    (`Settings.exchange_of`)."""
    bindings: Annotated[tuple[str, ...], Listed, AfterValidator(_bindings)] = ()
    """Topic patterns that it is bound with, e.g. `new-message.*`. None: only the queue itself is looked for."""
    required: bool = True
    """On: while the queue or a binding is missing, the bridge is not ready and acts by `on_missing`."""
    declare: bool = False
    """On: the bridge declares the queue (durable, quorum) and its bindings itself; needs TOPOLOGY `declare`."""
    on_missing: Literal["hold", "continue"] | None = None
    """While it is missing: `hold` the streams, or `continue` for whoever is bound. Default: `hold` where required."""

    @property
    def holds(self) -> bool:
        """Whether the streams are held while this subscription is missing."""
        return self.required if self.on_missing is None else self.on_missing == "hold"

    def route(self, exchange: str) -> Route:
        """The same as the core knows it. `exchange`: its own (`Settings.exchange_of`)."""
        return Route(
            queue=self.queue,
            exchange=exchange,
            bindings=self.bindings,
            required=self.required,
            declare=self.declare,
            holds=self.holds,
        )


class BrokerSettings(Group):
    """RabbitMQ."""

    urls: AmqpUrls = (SecretStr("amqp://guest:guest@localhost:5672/"),)
    """AMQP URLs (amqp://, amqps://), tried in turn. A comma in a password is written %2C. This or URLS_FILE."""
    urls_file: FilePath | None = None
    """A file with the URLs, one a line, `#` comments; read again when it changes, at the next connection."""
    tls: BrokerTls = Field(default_factory=BrokerTls)
    management_url: ManagementUrl | None = None
    """RabbitMQ's management API, with user and password. With it bindings and permissions are verified; without it
    only what AMQP can tell. This or MANAGEMENT_URL_FILE."""
    management_url_file: FilePath | None = None
    """A file with that URL, read again when it changes."""
    exchange_nhn: ExchangeName = "nhn.notifications"
    """Topic exchange of NHN's events."""
    exchange_altinn: ExchangeName = "altinn.notifications"
    """Topic exchange of Altinn's events. Another than NHN's: a queue bound with `#` is for one of them."""
    exchange_parked: ExchangeName = "bridge.parked"
    """Fanout exchange of what cannot be delivered; the queue behind it has the same name."""
    queue_orders: QueueName = "bridge.altinn.orders"
    """Durable queue in which services register the Altinn orders that they have placed."""
    topology: Literal["declare", "check"] = "declare"
    """`declare` makes what is missing; `check` only verifies, for brokers where the bridge may not declare."""
    unroutable: Literal["park", "hold"] = "park"
    """An event that no queue is bound for: `park` it, so that the others go on, or `hold` its stream until one is."""
    parked_limit: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """Messages in the parked queue from which on parking becomes holding: so many at once are no longer exceptions."""
    subscriptions: Annotated[tuple[Subscription, ...], Listed] = ()
    """The route contract: list of {queue, exchange, bindings, required, declare, on_missing}. The exchange is, where
    none is named, EXCHANGE_NHN if the NHN source is on, else EXCHANGE_ALTINN."""
    confirm_timeout_s: Annotated[float, Field(gt=0, le=600)] = 15
    """Seconds without any confirm after which the connection is given up and what is open is sent again. Time in which
    the broker blocks publishers does not count. Less than SHUTDOWN_DEADLINE_S, or a drain may end before it."""
    max_in_flight: Annotated[int, Field(ge=1, le=100_000)] = 4000
    """Events published and not yet confirmed. Four full pages: enough to keep the broker busy, little to send again."""
    publisher: Literal["page", "plain"] = "page"
    """How messages are written: `page`, a page at once, or `plain`, each by itself, at ten times the CPU: the way
    out where an update of the client library breaks `page`."""

    @property
    def url_source(self) -> Secret[tuple[str, ...]]:
        """The URLs, from wherever they were given."""
        if self.urls_file is not None:
            return Secret.in_file(self.urls_file, parse_amqp_urls)
        return Secret.given(tuple(url.get_secret_value() for url in self.urls))

    @property
    def management(self) -> Secret[str] | None:
        """The management API's URL without a slash at its end, from wherever it was given; None where it was not."""
        if self.management_url_file is not None:
            return Secret.in_file(self.management_url_file, check_management_url)
        return None if self.management_url is None else Secret.given(self.management_url.get_secret_value())
