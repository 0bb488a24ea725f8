"""HelseID over HTTP: discovery document, keys and the token endpoint, with DPoP and nonces.

Page token-endepunktet_enmd of NHN's developer portal, RFC 9449 §5 and §8.
"""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import web

from bridge.sandbox.sign_in import access_tokens, client_assertions, proofs
from bridge.sandbox.sign_in.access_tokens import Binding, token_claims
from bridge.sandbox.sign_in.client_assertions import ClientAssertion, check_client_assertion
from bridge.sandbox.sign_in.clients import NHN_SCOPE
from bridge.sandbox.sign_in.desk import Desk, asked_url, base_url
from bridge.sandbox.sign_in.forms import check_grant_type, read_form, required
from bridge.sandbox.sign_in.jose import ALGORITHMS, IssuingKey
from bridge.sandbox.sign_in.nonces import Nonces
from bridge.sandbox.sign_in.organisations import organisation_of
from bridge.sandbox.sign_in.proofs import Proof, check_proof
from bridge.sandbox.sign_in.refused import (
    INVALID_CLIENT,
    INVALID_DPOP_PROOF,
    INVALID_REQUEST,
    INVALID_SCOPE,
    USE_DPOP_NONCE,
    Refused,
)
from bridge.sandbox.sign_in.replays import SeenOnce

PATH = "/helseid"
"""The issuer is the server's address and this."""
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT_TYPE = "client_credentials"
SCOPES = frozenset({NHN_SCOPE, "nhn:other/api"})
"""The second one so that a client can have a token that NHN's API does not take."""


class HelseIdIssuer:
    """The handlers around one desk."""

    def __init__(self, desk: Desk, key: IssuingKey) -> None:
        self._desk = desk
        self._key = key
        self._assertions = SeenOnce(keep_s=client_assertions.KEEP_S)
        self._proofs = SeenOnce(keep_s=proofs.KEEP_S)
        self._nonces = Nonces(secrets.token_bytes(32))

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        serve = self._desk.serve
        return [
            web.get(f"{PATH}/.well-known/openid-configuration", serve(self._discovery)),
            web.get(f"{PATH}/.well-known/openid-configuration/jwks", serve(self._jwks)),
            web.post(f"{PATH}/connect/token", serve(self._token)),
        ]

    def turn_nonce(self) -> None:
        """From now on take no nonce that was given before."""
        self._nonces.turn()

    async def _discovery(self, request: web.Request) -> web.Response:
        issuer = f"{base_url(request)}{PATH}"
        return self._desk.json(
            {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/.well-known/openid-configuration/jwks",
                "token_endpoint": f"{issuer}/connect/token",
                "grant_types_supported": [GRANT_TYPE],
                "response_types_supported": [],
                "scopes_supported": sorted(SCOPES),
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
                "dpop_signing_alg_values_supported": ALGORITHMS,
            }
        )

    async def _jwks(self, _request: web.Request) -> web.Response:
        return self._desk.json(self._key.jwks())

    async def _token(self, request: web.Request) -> web.Response:
        try:
            answer = self._grant(request, read_form(request.content_type, await request.read()))
        except Refused as refused:
            nonce = self._nonces.current(self._desk.monotonic_s()) if refused.error == USE_DPOP_NONCE else None
            return self._desk.refuse("helseid", refused, {"DPoP-Nonce": nonce} if nonce else {})
        self._desk.accept("helseid")
        return self._desk.json(answer)

    def _grant(self, request: web.Request, form: Mapping[str, str]) -> Mapping[str, Any]:
        """The token answer. Raises Refused."""
        issuer = f"{base_url(request)}{PATH}"
        check_grant_type(form, GRANT_TYPE)
        assertion = self._authenticated(issuer, form)
        proof = self._proven(request)
        client, life_s = assertion.client, self._desk.switches.token_life_s
        binding = Binding(
            issuer=issuer,
            scopes=_granted(form.get("scope"), client.scopes),
            client=client,
            organisation=organisation_of(
                assertion.details,
                tenancy=client.tenancy,
                own=client.organisation,
                refused=self._desk.switches.refused_organisations,
            ),
            thumbprint=proof.thumbprint,
        )
        claims = token_claims(binding, token_id=uuid4().hex, now_s=self._desk.now_s(), life_s=life_s)
        return {
            "access_token": self._key.sign(claims, kind=access_tokens.TYPE),
            "expires_in": life_s,
            "token_type": "DPoP",
            "scope": " ".join(sorted(binding.scopes)),
        }

    def _authenticated(self, issuer: str, form: Mapping[str, str]) -> ClientAssertion:
        if required(form, "client_assertion_type") != ASSERTION_TYPE:
            raise Refused(INVALID_REQUEST, f"The client_assertion_type must be {ASSERTION_TYPE}.")
        assertion = check_client_assertion(
            required(form, "client_assertion"),
            issuer=issuer,
            client_id=form.get("client_id"),
            clients=self._desk.clients,
            now_s=self._desk.now_s(),
        )
        identity = f"{assertion.client.client_id}/{assertion.assertion_id}"
        if not self._assertions.is_new(identity, self._desk.monotonic_s()):
            raise Refused(
                INVALID_CLIENT, "The client assertion was used before (jti): make a new one for each request."
            )
        return assertion

    def _proven(self, request: web.Request) -> Proof:
        proof = check_proof(
            request.headers.getall("DPoP", []),
            method=request.method,
            url=asked_url(request),
            now_s=self._desk.now_s(),
        )
        now_s = self._desk.monotonic_s()
        if not self._proofs.is_new(f"{proof.thumbprint}/{proof.proof_id}", now_s):
            raise Refused(INVALID_DPOP_PROOF, "The DPoP proof was used before (jti): make a new one for each request.")
        if not (proof.nonce and self._nonces.is_taken(proof.nonce, now_s)):
            raise Refused(USE_DPOP_NONCE, "The DPoP proof must have the nonce of the header DPoP-Nonce.")
        return proof


def _granted(scope: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """None: all that the client may have; a public client of HelseID sends none."""
    scopes = allowed & SCOPES if scope is None else frozenset(scope.split())
    if not scopes or not scopes <= allowed & SCOPES:
        raise Refused(INVALID_SCOPE, "The client may not ask for the scope, or there is none of this name.")
    return scopes
