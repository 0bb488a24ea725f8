"""Maskinporten: JWT-bearer grant (RFC 7523 §2.1), then the exchange to the Altinn token that Notifications takes.

Facts: pages "/token endpoint" and "JWT grant" of docs.digdir.no; AuthenticationController of
Altinn/altinn-authentication.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import httpx

from bridge.auth.answers import is_url, read_altinn_token, read_token
from bridge.auth.assertions import jwt_grant
from bridge.auth.cache import RETRY, TokenCache
from bridge.auth.diagnosis import Presented
from bridge.auth.discovery import OAUTH_AUTHORIZATION_SERVER, Discovery
from bridge.auth.flow import BearerAuth
from bridge.auth.issuer import IssuerClient, unique_id
from bridge.auth.keys import KeyConfig, SigningKey, SigningKeys
from bridge.auth.observer import SignInObserver
from bridge.auth.token import Grant
from bridge.errors import ConfigurationError
from bridge.ports import Clock
from bridge.retry import Backoff

TEST_ISSUER = "https://test.maskinporten.no/"
TEST_PLATFORM = "https://platform.tt02.altinn.no"
SCOPE = "altinn:serviceowner/notifications.create"
ALGORITHMS = ("RS256", "RS384", "RS512")
RSA_ALGORITHM = "RS256"
EXCHANGE_PATH = "/authentication/api/v1/exchange/maskinporten"
_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskinportenConfig:
    """One client at one Maskinporten, and the Altinn platform that exchanges its tokens."""

    client_id: str
    key: KeyConfig
    """RSA, with the key id under which it is registered."""
    issuer: str = TEST_ISSUER
    """Exactly as in its discovery document: with the slash at the end."""
    scope: str = SCOPE
    """One or more, separated by spaces."""
    platform_url: str = TEST_PLATFORM
    timeout_s: float = 30.0
    """For one whole request to the issuer or the platform."""


class Maskinporten:
    """Sign-in as one client. Open with `async with`, before those who use its auth and until after they have ended."""

    def __init__(
        self,
        config: MaskinportenConfig,
        *,
        clock: Clock,
        observer: SignInObserver,
        transport: httpx.AsyncBaseTransport | None = None,
        new_id: Callable[[], str] = unique_id,
        dice: random.Random | None = None,
        backoff: Backoff = RETRY,
    ) -> None:
        """Parameters as of `HelseId`. Raises ConfigurationError where a URL or the key is no good."""
        if not is_url(config.platform_url):
            raise ConfigurationError("Altinn's platform must be an absolute URL, https://…")
        self._config = config
        self._clock = clock
        self._new_id = new_id
        self._keys = SigningKeys(config.key, rsa_algorithm=RSA_ALGORITHM, check=_check_key, observer=observer)
        self._client = IssuerClient(clock=clock, observer=observer, timeout_s=config.timeout_s, transport=transport)
        self._discovery = Discovery(
            self._client, config.issuer, well_known=OAUTH_AUTHORIZATION_SERVER, clock=clock, observer=observer
        )
        self._cache = TokenCache(
            config.issuer,
            self._fetch,
            clock=clock,
            observer=observer,
            dice=dice or random.SystemRandom(),
            backoff=backoff,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cache.aclose()
        await self._client.__aexit__()

    def auth(self) -> BearerAuth:
        """For requests to Altinn's API; all share one token."""
        return BearerAuth(self._cache, clock=self._clock)

    async def _fetch(self) -> Grant:
        maskinporten_token = await self._maskinporten_token(self._keys.current())
        url = f"{self._config.platform_url.rstrip('/')}{EXCHANGE_PATH}"
        answer = await self._client.get(url, {"Authorization": f"Bearer {maskinporten_token}"})
        granted = read_altinn_token(answer, platform=self._config.platform_url, now=self._clock.now())
        return Grant(value=granted.access_token, lifetime_s=granted.expires_in_s, requested_at_s=answer.requested_at_s)

    async def _maskinporten_token(self, key: SigningKey) -> str:
        """Used once, for the exchange; the Altinn token is the one that is kept."""
        url = await self._discovery.token_endpoint()
        assertion = jwt_grant(
            key,
            client_id=self._config.client_id,
            audience=self._config.issuer,
            scope=self._config.scope,
            issued_at=self._clock.now(),
            assertion_id=self._new_id(),
        )
        answer = await self._client.post(url, {}, {"grant_type": _GRANT_TYPE, "assertion": assertion})
        presented = Presented(
            issuer=self._config.issuer, client_id=self._config.client_id, key=str(key), scope=self._config.scope
        )
        return read_token(answer, presented, wanted_type="Bearer").access_token


def _check_key(key: SigningKey) -> None:
    """What Maskinporten asks of a key beyond being one. Raises ConfigurationError with clauses about it."""
    mistakes = []
    if key.algorithm not in ALGORITHMS:
        mistakes.append(f"signs with {key.algorithm}; Maskinporten takes {', '.join(ALGORITHMS)}")
    if key.key_id is None:
        mistakes.append("has no key id (`kid`), and none is set; Maskinporten shows it where the key is registered")
    if mistakes:
        raise ConfigurationError(*mistakes)
