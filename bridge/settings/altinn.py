"""Settings of the Altinn source: which orders, found how, asked how often, signed in as whom."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bridge.settings.fields import FilePath, Group, HeaderText, HttpUrl, PrivateKey, TlsUrl, Word, check_private_key
from bridge.settings.files import Secret
from bridge.settings.order_ids import order_ids_of

API_PATH = "/notifications/api/v1"
"""Where a platform has the Notifications API. Sign-in has another place on it, so BASE_URL is the platform's."""
"""Services that place orders tell of them there (product.md §5). Its name is part of the contract, and no setting."""
MAX_TOKEN_CHARS = 16_384

OrderIds = Annotated[frozenset[str], BeforeValidator(order_ids_of)]


def _platform(url: str) -> str:
    return url.removesuffix(API_PATH)


def _with_slash(url: str) -> str:
    return f"{url}/"


PlatformUrl = Annotated[HttpUrl, AfterValidator(_platform)]
MaskinportenIssuer = Annotated[TlsUrl, AfterValidator(_with_slash)]
"""Maskinporten's names for itself end with a slash, and a grant names it to the letter; whoever leaves it out means
the same."""


def check_platform_token(text: str) -> str:
    """The token without space around it; ValueError where it can be none."""
    token = text.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", token) or len(token) > MAX_TOKEN_CHARS:
        raise ValueError(f"must be a token: one line of at most {MAX_TOKEN_CHARS} ASCII characters without spaces")
    return token


def _platform_token(token: SecretStr) -> SecretStr:
    return SecretStr(check_platform_token(token.get_secret_value()))


PlatformToken = Annotated[SecretStr, AfterValidator(_platform_token)]


class AltinnAuth(Group):
    """How the bridge signs in to Altinn: a token of Maskinporten exchanged for Altinn's, or a platform access token."""

    method: Literal["maskinporten", "platform-access-token", "none"] = "maskinporten"
    """`maskinporten`: its token is exchanged for Altinn's. `platform-access-token`: a token made elsewhere, in a header
    of its own. `none` sends no token: for the sandbox alone; refused for Altinn's own hosts."""
    issuer: MaskinportenIssuer = "https://test.maskinporten.no/"
    """Maskinporten's name, with the slash at its end. Default test, as BASE_URL's is; production is
    https://maskinporten.no/."""
    client_id: Word = ""
    """The client's id in Maskinporten; required with `maskinporten`."""
    key_id: Word = ""
    """`kid` of a key given as PEM, as Maskinporten shows it. A key given as JWK has its own, which holds."""
    scope: HeaderText = "altinn:serviceowner/notifications.create"
    """The scope of Altinn Notifications; Altinn grants it to service owners."""
    private_key: PrivateKey | None = None
    """The client's private RSA key as JWK (its `kid` and `alg` hold) or PEM; this or PRIVATE_KEY_FILE."""
    private_key_file: FilePath | None = None
    """A file with the private key, read again when it changes, so that a key is exchanged without a restart."""
    token: PlatformToken | None = None
    """The platform access token, with `platform-access-token` alone; this or TOKEN_FILE."""
    token_file: FilePath | None = None
    """A file with the platform access token, read again when it changes: whoever renews it puts the new one there."""

    @property
    def key(self) -> Secret[str] | None:
        """The private key, PEM or JWK, from wherever it was given; None where it was not."""
        if self.private_key_file is not None:
            return Secret.in_file(self.private_key_file, check_private_key)
        return None if self.private_key is None else Secret.given(self.private_key.get_secret_value())

    @property
    def platform_token(self) -> Secret[str] | None:
        """The platform access token, from wherever it was given; None where it was not."""
        if self.token_file is not None:
            return Secret.in_file(self.token_file, check_platform_token)
        return None if self.token is None else Secret.given(self.token.get_secret_value())


class AltinnSettings(Group):
    """The Altinn source."""

    orders: OrderIds = frozenset()
    """Ids of notification orders to watch from the start, at most 10,000. More arrive by the queue
    `bridge.altinn.orders`, by `bridge orders add` and, with DISCOVERY `feed`, by Altinn's status feed."""
    base_url: PlatformUrl = "https://platform.tt02.altinn.no"
    """Altinn's platform; the API lies under /notifications/api/v1 there, which may be left out. Default Altinn's test
    platform TT02: going live is a decision. Plain http:// is for this machine's own addresses, or with AUTH__METHOD
    none (a sandbox)."""
    discovery: Literal["none", "feed"] = "none"
    """`feed` finds the organisation's orders through Altinn's status feed, which names an order when it is done."""
    feed_start: Literal["latest", "earliest"] = "latest"
    """Where the feed is read from when the store has no cursor of it: `latest`, what is named from now on, or
    `earliest`, all that Altinn still has (90 days)."""
    max_requests_per_s: Annotated[float, Field(gt=0, le=1000)] = 20
    """Requests a second to Altinn, over all replicas together as far as they can. Orders that are due wait for it."""
    order_closed_events: bool = False
    """On: one more event when an order ends, with the routing key `order-closed.<how>`."""
    auth: AltinnAuth = Field(default_factory=AltinnAuth)
    first_poll_s: Annotated[float, Field(gt=0, le=86_400)] = 5
    """Seconds until an order is asked for again, at first and after every change; more and more while nothing changes.
    At most MAX_POLL_S."""
    max_poll_s: Annotated[float, Field(gt=0, le=604_800)] = 3600
    """Seconds between two polls of an order at most."""
    give_up_after_s: Annotated[float, Field(gt=0, le=7_776_000)] = 345_600
    """Seconds (96 h) after which an order that never ends is given up, loudly. Counted, as the back-off is, from when
    Altinn begins to process it: it may be dated far ahead."""
    recipient: Literal["none", "address", "full"] = "address"
    """What an event carries of the recipient: nothing, the e-mail address and organisation number, or all that Altinn
    tells, national identity numbers among it."""
    enabled: bool | None = None
    """On or off. Default: on when any other setting of this source is given."""

    @property
    def is_on(self) -> bool:
        """Whether the source is to run."""
        return bool(self.model_fields_set) if self.enabled is None else self.enabled
