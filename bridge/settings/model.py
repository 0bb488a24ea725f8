"""All settings, and the small groups among them. What each group means is told under its fields."""

from typing import Annotated, Literal

from pydantic import Field

from bridge.errors import ConfigurationError
from bridge.events.message import SourceName
from bridge.routes import Route
from bridge.settings.altinn import AltinnSettings
from bridge.settings.broker import BrokerSettings, Subscription
from bridge.settings.cluster import ClusterSettings
from bridge.settings.fields import Group, Lower, Word
from bridge.settings.nhn import NhnSettings
from bridge.settings.store import StoreSettings


class HttpSettings(Group):
    """How the APIs and issuers are called."""

    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30
    """Seconds for each phase of a request: connecting, writing, each wait for more of the answer."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=1_073_741_824)] = 67_108_864
    """Bytes of an answer, unpacked, beyond which it is a failed poll. Far
    more than any page should be: NHN's items have under 1 KB as a rule."""


class OpsSettings(Group):
    """The port for probes, metrics, the status and `bridge tail`. It has no sign-in: keep it inside."""

    host: Word = "127.0.0.1"
    """Address to listen on. The chart sets 0.0.0.0, for Kubernetes' probes."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """TCP port; 0 takes a free one, which the log names."""
    tail: bool = False
    """On: confirmed events can be read there by `bridge tail`. Off: they say who gets messages from whom."""
    metrics_per_her_id: bool = False
    """On: `bridge_receiver_events_confirmed_total` has a series a HER-id. Off: up to 45,000 are too many for most."""


class LogSettings(Group):
    """Log lines, on standard error."""

    format: Annotated[Literal["console", "json"] | None, Lower] = None
    """`console` or `json`, one object a line. Default: `console` on a terminal, else `json`."""
    level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = "info"
    """The least level that is written; of libraries never less than `warning`."""


class Settings(Group):
    """Everything that can be set. Made by `load_settings`, which finds all mistakes."""

    nhn: NhnSettings = Field(default_factory=NhnSettings)
    altinn: AltinnSettings = Field(default_factory=AltinnSettings)
    broker: BrokerSettings = Field(default_factory=BrokerSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    cluster: ClusterSettings = Field(default_factory=ClusterSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    ops: OpsSettings = Field(default_factory=OpsSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    shutdown_deadline_s: Annotated[float, Field(gt=0, le=3600)] = 25
    """Seconds that a drain may take after SIGTERM. Less than Kubernetes' terminationGracePeriodSeconds, 30 by default:
    what it kills is sent again at the next start, never lost."""

    @property
    def sources(self) -> tuple[SourceName, ...]:
        """The sources that are on, in the order of the groups."""
        on: dict[SourceName, bool] = {"nhn": self.nhn.is_on, "altinn": self.altinn.is_on}
        return tuple(source for source, is_on in on.items() if is_on)

    @property
    def event_exchanges(self) -> tuple[str, ...]:
        """The topic exchanges of the sources that are on, in the order of the groups; NHN's where none is."""
        on = [self.broker.exchange_nhn] if self.nhn.is_on or not self.altinn.is_on else []
        return (*on, self.broker.exchange_altinn) if self.altinn.is_on else tuple(on)

    def exchange_of(self, subscription: Subscription) -> str:
        """The exchange that a subscription is bound to."""
        return subscription.exchange or self.event_exchanges[0]

    @property
    def routes(self) -> tuple[Route, ...]:
        """The route contract, line by line as it was given."""
        return tuple(each.route(self.exchange_of(each)) for each in self.broker.subscriptions)

    def require_source(self) -> None:
        """Raise ConfigurationError where nothing is to be polled."""
        if not self.sources:
            raise ConfigurationError(
                "No source is on: set BRIDGE_NHN__HER_IDS, the receivers whose notifications are wanted, "
                "and BRIDGE_NHN__SOURCE_SYSTEM; or for Altinn's orders BRIDGE_ALTINN__AUTH__CLIENT_ID "
                "and BRIDGE_ALTINN__AUTH__PRIVATE_KEY_FILE."
            )
