"""HelseID: client credentials with private_key_jwt, and tokens bound to our key by DPoP.

Facts: RFC 9449; pages "The Token endpoint", "Functional requirements", "Formatting of DPoP proofs" of NHN's developer
portal. A nonce outlives no token, so each sign-in starts without one, as every known client of HelseID does.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from bridge.auth import assertions, dpop
from bridge.auth.answers import Answer, read_token, refusal_of
from bridge.auth.assertions import NOBODY_ELSE, Organisation, Tenancy
from bridge.auth.cache import RETRY, TokenCache
from bridge.auth.diagnosis import Presented, challenge_error
from bridge.auth.discovery import OPENID_CONFIGURATION, Discovery
from bridge.auth.flow import TokenAuth
from bridge.auth.issuer import IssuerClient, unique_id
from bridge.auth.keys import KeyConfig, SigningKey, SigningKeys
from bridge.auth.observer import SignInObserver
from bridge.auth.token import Grant, Token
from bridge.errors import InvariantViolation
from bridge.ports import Clock
from bridge.retry import Backoff

TEST_ISSUER = "https://helseid-sts.test.nhn.no"
SCOPE = "nhn:msh/api"
RSA_ALGORITHM = "PS256"
"""For an RSA key that names none: HelseID's security profile follows FAPI 2.0, which takes PS256 and ES256 (§5.4.1)."""
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_USE_NONCE = "use_dpop_nonce"


@dataclass(frozen=True, slots=True, kw_only=True)
class HelseIdConfig:
    """One client at one HelseID."""

    client_id: str
    key: KeyConfig
    issuer: str = TEST_ISSUER
    """Exactly as in its discovery document: no slash at the end."""
    scope: str = SCOPE
    tenancy: Tenancy = "single"
    timeout_s: float = 30.0
    """For one whole request to the issuer."""


class HelseId:
    """Sign-in as one client. Open with `async with`, before those who use its auths and until after they have ended."""

    def __init__(
        self,
        config: HelseIdConfig,
        *,
        clock: Clock,
        observer: SignInObserver,
        transport: httpx.AsyncBaseTransport | None = None,
        new_id: Callable[[], str] = unique_id,
        dice: random.Random | None = None,
        backoff: Backoff = RETRY,
    ) -> None:
        """`transport`: None for the network. `new_id`: makes each `jti`. `dice`: jitter of renewals.

        Raises ConfigurationError where the issuer or the key is no good.
        """
        self._config = config
        self._clock = clock
        self._observer = observer
        self._new_id = new_id
        self._dice = dice or random.SystemRandom()
        self._backoff = backoff
        self._keys = SigningKeys(config.key, rsa_algorithm=RSA_ALGORITHM, observer=observer)
        self._client = IssuerClient(clock=clock, observer=observer, timeout_s=config.timeout_s, transport=transport)
        self._discovery = Discovery(
            self._client, config.issuer, well_known=OPENID_CONFIGURATION, clock=clock, observer=observer
        )
        self._caches: dict[Organisation, TokenCache] = {}

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for cache in self._caches.values():
            await cache.aclose()
        await self._client.__aexit__()

    def auth(self, organisation: Organisation = NOBODY_ELSE) -> "HelseIdAuth":
        """For requests on behalf of an organisation; all auths of one organisation share its token.

        Raises ConfigurationError where the numbers do not fit the tenancy.
        """
        details = assertions.assertion_details(self._config.tenancy, organisation)
        if organisation not in self._caches:
            self._caches[organisation] = TokenCache(
                self._config.issuer,
                lambda: self._fetch(details),
                clock=self._clock,
                observer=self._observer,
                dice=self._dice,
                backoff=self._backoff,
            )
        return HelseIdAuth(self._caches[organisation], clock=self._clock, new_id=self._new_id)

    async def _fetch(self, details: Mapping[str, Any] | None) -> Grant:
        """A token, with the key as it is now; it stays bound to that key when the key changes."""
        key = self._keys.current()
        url = await self._discovery.token_endpoint()
        answer = await self._ask(url, key, details, nonce=None)
        nonce = nonce_of(answer.headers)
        if nonce is not None and refusal_of(answer).error == _USE_NONCE:
            answer = await self._ask(url, key, details, nonce=nonce)
        presented = Presented(
            issuer=self._config.issuer, client_id=self._config.client_id, key=str(key), scope=self._config.scope
        )
        granted = read_token(answer, presented, wanted_type="DPoP")
        return Grant(
            value=granted.access_token,
            lifetime_s=granted.expires_in_s,
            requested_at_s=answer.requested_at_s,
            bound_to=key,
        )

    async def _ask(self, url: str, key: SigningKey, details: Mapping[str, Any] | None, *, nonce: str | None) -> Answer:
        """One token request, with an assertion and a proof that were never sent before."""
        now = self._clock.now()
        assertion = assertions.client_assertion(
            key,
            client_id=self._config.client_id,
            audience=self._config.issuer,
            issued_at=now,
            assertion_id=self._new_id(),
            details=details,
        )
        proof = dpop.proof(key, method="POST", url=url, issued_at=now, proof_id=self._new_id(), nonce=nonce)
        form = {
            "grant_type": "client_credentials",
            "client_id": self._config.client_id,
            "scope": self._config.scope,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        return await self._client.post(url, {"DPoP": proof}, form)


class HelseIdAuth(TokenAuth):
    """`Authorization: DPoP …`, a new proof for every attempt (RFC 9449 §7.1), and in it the API's last nonce (§9)."""

    def __init__(self, tokens: TokenCache, *, clock: Clock, new_id: Callable[[], str]) -> None:
        super().__init__(tokens, clock=clock)
        self._new_id = new_id
        self._nonce: str | None = None

    def _carry(self, request: httpx.Request, token: Token) -> None:
        if token.bound_to is None:
            raise InvariantViolation("a token of HelseID is bound to no key")
        request.headers["Authorization"] = f"DPoP {token.value}"
        request.headers["DPoP"] = dpop.proof(
            token.bound_to,
            method=request.method,
            url=str(request.url),
            issued_at=self._clock.now(),
            proof_id=self._new_id(),
            access_token=token.value,
            nonce=self._nonce,
        )

    def _hear(self, response: httpx.Response) -> bool:
        nonce = nonce_of(response.headers)
        if nonce is None:
            return False
        self._nonce = nonce
        error, _ = challenge_error(response.headers.get("www-authenticate", ""))
        return error == _USE_NONCE


def nonce_of(headers: Mapping[str, str]) -> str | None:
    """The `DPoP-Nonce` of an answer (RFC 9449 §8.1); None where it is absent or absurdly long."""
    nonce = headers.get("dpop-nonce")
    return nonce if nonce and len(nonce) <= dpop.MAX_NONCE_CHARS else None
