"""Altinn's exchange of a Maskinporten token for a token of its own.

AuthenticationController of Altinn/altinn-authentication; altinn-notifications §5.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from bridge.sandbox.sign_in.desk import Desk, base_url
from bridge.sandbox.sign_in.jose import IssuingKey, Unreadable, read_jwt
from bridge.sandbox.sign_in.maskinporten_issuer import PATH as MASKINPORTEN_PATH
from bridge.sandbox.sign_in.refused import UNUSABLE, Refused

PATH = "/authentication/api/v1/exchange/maskinporten"
ORGANISATION_CODE = "ttd"
"""Altinn's code for a test service owner."""
TYPE = "JWT"
_DROPPED = frozenset({"aud", "iss", "client_amr", "sid"})
_SERVICE_OWNER = "altinn:serviceowner"
_ENTERPRISE_USER = "X-Altinn-EnterpriseUser-Authentication"


class _MaskinportenClaims(msgspec.Struct):
    iss: str
    exp: float
    scope: str
    consumer: dict[str, str]


class AltinnExchange:
    """The handler around one desk."""

    def __init__(self, desk: Desk, *, maskinporten_key: IssuingKey, key: IssuingKey) -> None:
        self._desk = desk
        self._maskinporten_key = maskinporten_key
        self._key = key

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        return [web.get(PATH, self._desk.serve(self._exchange))]

    async def _exchange(self, request: web.Request) -> web.Response:
        if _ENTERPRISE_USER in request.headers:
            return self._desk.empty(HTTPStatus.GONE)
        try:
            claims = self._checked(
                request.headers.getall("Authorization", []), issuer=f"{base_url(request)}{MASKINPORTEN_PATH}"
            )
        except Refused as refused:
            self._desk.note("altinn", refused)
            self._desk.tell(f"Refused by altinn: {refused.description}")
            return self._desk.empty(HTTPStatus.UNAUTHORIZED)  # it does not say what is wrong
        token = self._key.sign(self._altinn_claims(claims, issuer=base_url(request)), kind=TYPE)
        self._desk.accept("altinn")
        if self._is_quoted(request):
            return self._desk.json(token)
        return self._desk.text(token)

    def _checked(self, authorizations: Sequence[str], *, issuer: str) -> Mapping[str, Any]:
        """The claims of the Maskinporten token. Raises Refused."""
        scheme, _, text = authorizations[0].partition(" ") if len(authorizations) == 1 else ("", "", "")
        if scheme.lower() != "bearer":
            raise Refused(UNUSABLE, "The request must have one Authorization header, with a Bearer token.")
        try:
            token = read_jwt(text.strip())
            claims = token.claims(_MaskinportenClaims)
            everything = token.claims(dict[str, Any])
        except Unreadable as error:
            raise Refused(UNUSABLE, f"The token {error}.") from None
        if claims.iss != issuer or not self._maskinporten_key.has_signed(token):
            raise Refused(UNUSABLE, "The token is not one of Maskinporten's.")
        if claims.exp <= self._desk.now_s():
            raise Refused(UNUSABLE, "The token has expired.")
        return everything

    def _altinn_claims(self, claims: Mapping[str, Any], *, issuer: str) -> Mapping[str, Any]:
        now_s = int(self._desk.now_s())
        organisation = {"urn:altinn:orgNumber": str(claims["consumer"].get("ID", "")).removeprefix("0192:")}
        if _SERVICE_OWNER in claims["scope"]:
            organisation["urn:altinn:org"] = ORGANISATION_CODE
        return {
            **{name: value for name, value in claims.items() if name not in _DROPPED},
            **organisation,
            "urn:altinn:authenticatemethod": "maskinporten",
            "urn:altinn:authlevel": 3,
            "iss": f"{issuer}/authentication/api/v1/openid/",
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + self._desk.switches.altinn_token_life_s,
        }

    def _is_quoted(self, request: web.Request) -> bool:
        quotes = self._desk.switches.exchange_quotes
        return request.headers.get("Accept") == "application/json" if quotes is None else quotes
