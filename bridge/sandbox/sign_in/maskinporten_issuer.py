"""Maskinporten over HTTP: discovery document, keys and the token endpoint.

Pages "/token endpoint" and "JWT grant" of docs.digdir.no.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import web

from bridge.sandbox.sign_in.clients import ALTINN_SCOPE
from bridge.sandbox.sign_in.desk import Desk, base_url
from bridge.sandbox.sign_in.forms import check_grant_type, read_form, required
from bridge.sandbox.sign_in.jose import IssuingKey
from bridge.sandbox.sign_in.jwt_grants import ALGORITHMS, KEEP_S, check_jwt_grant
from bridge.sandbox.sign_in.refused import INVALID_GRANT, Refused
from bridge.sandbox.sign_in.replays import SeenOnce

PATH = "/maskinporten/"
"""The issuer is the server's address and this, with the slash."""
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = frozenset({ALTINN_SCOPE, "altinn:instances.read"})
"""With the second alone Altinn's token is none of a service owner."""
TYPE = "JWT"
LIFE_S = 120
"""Lives vary with the scope; the token is used once, for the exchange."""


class MaskinportenIssuer:
    """The handlers around one desk."""

    def __init__(self, desk: Desk, key: IssuingKey) -> None:
        self._desk = desk
        self._key = key
        self._grants = SeenOnce(keep_s=KEEP_S)

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        serve = self._desk.serve
        return [
            web.get(f"{PATH}.well-known/oauth-authorization-server", serve(self._discovery)),
            web.get(f"{PATH}jwk", serve(self._jwks)),
            web.post(f"{PATH}token", serve(self._token)),
        ]

    async def _discovery(self, request: web.Request) -> web.Response:
        issuer = f"{base_url(request)}{PATH}"
        return self._desk.json(
            {
                "issuer": issuer,
                "token_endpoint": f"{issuer}token",
                "jwks_uri": f"{issuer}jwk",
                "grant_types_supported": [GRANT_TYPE],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            }
        )

    async def _jwks(self, _request: web.Request) -> web.Response:
        return self._desk.json(self._key.jwks())

    async def _token(self, request: web.Request) -> web.Response:
        try:
            answer = self._grant(request, read_form(request.content_type, await request.read()))
        except Refused as refused:
            return self._desk.refuse("maskinporten", refused)
        self._desk.accept("maskinporten")
        return self._desk.json(answer)

    def _grant(self, request: web.Request, form: Mapping[str, str]) -> Mapping[str, Any]:
        """The token answer. Raises Refused."""
        issuer, now_s = f"{base_url(request)}{PATH}", self._desk.now_s()
        check_grant_type(form, GRANT_TYPE)
        grant = check_jwt_grant(
            required(form, "assertion"), issuer=issuer, clients=self._desk.clients, known=SCOPES, now_s=now_s
        )
        if not self._grants.is_new(grant.identity, self._desk.monotonic_s()):
            raise Refused(INVALID_GRANT, "Invalid assertion. The grant was used before (jti).")
        scope = " ".join(sorted(grant.scopes))
        claims = {
            "iss": issuer,
            "aud": "unspecified",
            "client_id": grant.client.client_id,
            "client_amr": "private_key_jwt",
            "token_type": "Bearer",
            "consumer": {"authority": "iso6523-actorid-upis", "ID": f"0192:{grant.client.organisation}"},
            "scope": scope,
            "jti": uuid4().hex,
            "iat": int(now_s),
            "exp": int(now_s) + LIFE_S,
        }
        token = self._key.sign(claims, kind=TYPE)
        return {"access_token": token, "token_type": "Bearer", "expires_in": LIFE_S - 1, "scope": scope}
