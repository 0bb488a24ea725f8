"""All stand-ins together, as the server composes them."""

from collections.abc import Callable, Mapping
from functools import cached_property

import msgspec
from aiohttp import web

from bridge.ports import Clock
from bridge.sandbox.faults import ActiveFault, FaultRule
from bridge.sandbox.sign_in.access_tokens import TokenCheck
from bridge.sandbox.sign_in.altinn_exchange import AltinnExchange
from bridge.sandbox.sign_in.altinn_guard import HEADER as PLATFORM_TOKEN_HEADER
from bridge.sandbox.sign_in.altinn_guard import AltinnGuard
from bridge.sandbox.sign_in.api_guard import ApiGuard, challenge
from bridge.sandbox.sign_in.clients import (
    NHN_SCOPE,
    SANDBOX_ALTINN_CLIENT,
    Clients,
    ClientWithKey,
    Registration,
    new_client,
)
from bridge.sandbox.sign_in.desk import Desk, asked_url
from bridge.sandbox.sign_in.helseid_issuer import HelseIdIssuer
from bridge.sandbox.sign_in.jose import IssuingKey
from bridge.sandbox.sign_in.maskinporten_issuer import MaskinportenIssuer
from bridge.sandbox.sign_in.refused import USE_DPOP_NONCE, Refused
from bridge.sandbox.sign_in.switches import SignInState, Switches


class SignInPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to start."""

    client: ClientWithKey | None = None
    """Registered from the start; None: a new one, with a key for ES256."""
    altinn_client: ClientWithKey | None = None
    """The one for Maskinporten, which takes RSA keys alone; None: a new one, made when it is first asked for."""
    switches: Switches = Switches()


class SignIn:
    """HelseID, Maskinporten and Altinn's exchange, and the check of what the two APIs are sent."""

    def __init__(
        self, clock: Clock, plan: SignInPlan, *, seed: int = 1, on_notice: Callable[[str], None] = lambda _: None
    ) -> None:
        """Raises ValueError where the plan's client has no usable key."""
        self._clients = Clients()
        self._desk = Desk(clock, clients=self._clients, switches=plan.switches, seed=seed, on_notice=on_notice)
        helseid_key, maskinporten_key, altinn_key = IssuingKey(), IssuingKey(), IssuingKey()
        self._helseid = HelseIdIssuer(self._desk, helseid_key)
        self._maskinporten = MaskinportenIssuer(self._desk, maskinporten_key)
        self._exchange = AltinnExchange(self._desk, maskinporten_key=maskinporten_key, key=altinn_key)
        self._altinn = AltinnGuard(altinn_key)
        self._api = ApiGuard(TokenCheck(helseid_key, scope=NHN_SCOPE))
        self.client = plan.client or new_client()
        """The one that is registered from the start."""
        self.register(self.client.registration())
        self._altinn_client = plan.altinn_client
        if plan.altinn_client is not None:
            self.register(plan.altinn_client.registration())

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        return [*self._helseid.routes(), *self._maskinporten.routes(), *self._exchange.routes()]

    # What the control endpoint and tests use.

    @cached_property
    def altinn_client(self) -> ClientWithKey:
        """The one for Maskinporten; a new RSA key takes a tenth of a second, which most tests need not wait."""
        if self._altinn_client is None:
            self._altinn_client = new_client(SANDBOX_ALTINN_CLIENT, algorithm="RS256")
            self.register(self._altinn_client.registration())
        return self._altinn_client

    def register(self, wanted: Registration) -> None:
        """Register a client, or replace what is registered under its id. Raises ValueError with a sentence."""
        self._clients.register(wanted)

    @property
    def switches(self) -> Switches:
        """As they stand."""
        return self._desk.switches

    @switches.setter
    def switches(self, wanted: Switches) -> None:
        self._desk.switches = wanted

    def turn_nonces(self) -> None:
        """From now on no nonce is taken that was given before, by HelseID or the API."""
        self._helseid.turn_nonce()
        self._api.nonces.turn()

    def add_fault(self, rule: FaultRule) -> ActiveFault[FaultRule]:
        """Let something go wrong at the issuers. Raises ValueError for a fault that is none of theirs."""
        return self._desk.add_fault(rule)

    def clear_faults(self, fault_id: int | None = None) -> int:
        """Switch one fault off, or all; returns how many were on."""
        return self._desk.clear_faults(fault_id)

    def state(self) -> SignInState:
        """Counts, switches and the last refusals."""
        return self._desk.state()

    # What NHN's API uses.

    def check(self, request: web.Request) -> None:
        """Raises Refused where a request to the API is not signed as it should be."""
        try:
            self._api.check(
                method=request.method,
                url=asked_url(request),
                authorizations=request.headers.getall("Authorization", []),
                proofs=request.headers.getall("DPoP", []),
                now_s=self._desk.now_s(),
                monotonic_s=self._desk.monotonic_s(),
                wants_nonce=self.switches.api_nonce,
            )
        except Refused as refused:
            self._desk.note("api", refused)
            raise
        self._desk.accept("api")

    def challenge_headers(self, refused: Refused) -> Mapping[str, str]:
        """Of the 401 (RFC 9449 §7.1, §9)."""
        headers = {"WWW-Authenticate": challenge(refused), "Date": self._desk.date()}
        if refused.error == USE_DPOP_NONCE:
            headers["DPoP-Nonce"] = self._api.nonces.current(self._desk.monotonic_s())
        return headers

    # What Altinn's API uses.

    def check_altinn(self, request: web.Request) -> str:
        """Code of the organisation that asks. Raises Refused where a request does not say so as it should."""
        try:
            organisation = self._altinn.organisation(
                authorizations=request.headers.getall("Authorization", []),
                platform_tokens=request.headers.getall(PLATFORM_TOKEN_HEADER, []),
                known_platform_tokens=self.switches.platform_access_tokens,
                now_s=self._desk.now_s(),
            )
        except Refused as refused:
            self._desk.note("altinn-api", refused)
            raise
        self._desk.accept("altinn-api")
        return organisation
