"""What the tests of signing in share: keys, an observer that remembers, an issuer behind a mock transport."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import httpx
from joserfc.jwk import ECKey, RSAKey

from bridge.auth.diagnosis import Diagnosis, Problem
from tests.support.clock import FakeClock

ISSUER = "https://issuer.example"
API = "https://api.example"

EC_JWK: Mapping[str, str] = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
"""RFC 7515, appendix A.3.1."""
EC_THUMBPRINT = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"


def ec_jwk(**members: str) -> str:
    """The fixed EC key as JSON, with more members."""
    return json.dumps({**EC_JWK, **members})


@cache
def rsa_key(which: str = "a", bits: int = 2048) -> RSAKey:
    """One RSA key a name, made once."""
    del which
    return RSAKey.generate_key(bits)


def pem(key: RSAKey | ECKey) -> str:
    return key.as_pem(private=True).decode()


def jwk(key: RSAKey | ECKey, **members: str) -> str:
    return json.dumps({**key.as_dict(private=True), **members})


def header_of(token: str) -> dict[str, Any]:
    return _segment(token, 0)


def claims_of(token: str) -> dict[str, Any]:
    return _segment(token, 1)


def _segment(token: str, index: int) -> dict[str, Any]:
    text = token.split(".")[index]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


def unsigned_jwt(claims: Mapping[str, object]) -> str:
    """A token of Altinn's, as far as we look at it."""
    segments = (json.dumps({"alg": "RS256"}), json.dumps(claims), "signature")
    return ".".join(base64.urlsafe_b64encode(segment.encode()).rstrip(b"=").decode() for segment in segments)


class RecordingObserver:
    """Remembers all that it is told."""

    def __init__(self) -> None:
        self.tokens: list[tuple[str, datetime]] = []
        self.troubles: list[Diagnosis] = []

    def token_obtained(self, issuer: str, expires_at: datetime) -> None:
        self.tokens.append((issuer, expires_at))

    def trouble(self, diagnosis: Diagnosis) -> None:
        self.troubles.append(diagnosis)

    @property
    def problems(self) -> list[Problem]:
        return [trouble.problem for trouble in self.troubles]


class ModelIssuer:
    """HelseID as a mock transport: a discovery document, the nonce dance, tokens `token-1`, `token-2`, ….

    `answers` are given first, one a token request, in place of its own behaviour.
    """

    def __init__(self, clock: FakeClock, *, token_life_s: float = 600) -> None:
        self.clock = clock
        self.token_life_s = token_life_s
        self.metadata: dict[str, str] = {"issuer": ISSUER, "token_endpoint": f"{ISSUER}/connect/token"}
        self.answers: list[Callable[[httpx.Request], httpx.Response]] = []
        self.discoveries = 0
        self.requests: list[httpx.Request] = []
        self.given = 0

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def form(self, index: int) -> dict[str, str]:
        """The fields of a token request."""
        return dict(parse_qsl(self.requests[index].content.decode()))

    def assertion(self, index: int) -> str:
        return self.form(index)["client_assertion"]

    def proof(self, index: int) -> str:
        return self.requests[index].headers["DPoP"]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/openid-configuration":
            self.discoveries += 1
            return httpx.Response(200, json=self.metadata)
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)(request)
        if claims_of(request.headers["DPoP"]).get("nonce") != "nonce-1":
            return httpx.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "nonce-1"})
        return self.token()

    def token(self, **fields: object) -> httpx.Response:
        self.given += 1
        body = {
            "access_token": f"token-{self.given}",
            "token_type": "DPoP",
            "expires_in": self.token_life_s,
            "scope": "nhn:msh/api",
            **fields,
        }
        return httpx.Response(200, json=body)


def refusing(error: str, description: str = "", *, status: int = 400) -> Callable[[httpx.Request], httpx.Response]:
    """An answer with an OAuth error."""
    return lambda _: httpx.Response(status, json={"error": error, "error_description": description})


def dated(response: httpx.Response, moment: datetime) -> httpx.Response:
    """The response with a `Date` header."""
    response.headers["Date"] = format_datetime(moment, usegmt=True)
    return response


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    """No answer at all."""

    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer
