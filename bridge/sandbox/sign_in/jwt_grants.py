"""Maskinporten's check of a JWT grant. Pure.

Page "JWT grant" of docs.digdir.no, and altinn-notifications §5 with Maskinporten's error numbers as far as known.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.sandbox.sign_in.clients import Client, Clients
from bridge.sandbox.sign_in.jose import Jwt, Unreadable, read_jwt
from bridge.sandbox.sign_in.refused import INVALID_GRANT, INVALID_SCOPE, Refused

ALGORITHMS = ("RS256", "RS384", "RS512")
MAX_LIFE_S = 120.0
"""`exp - iat`."""
SKEW_S = 10.0
"""`iat` lies within so much of Maskinporten's own time, on either side."""
KEEP_S = MAX_LIFE_S + 2 * SKEW_S
"""No grant is taken for longer after it was first seen."""
MAX_ID_CHARS = 256
CLAIMS = frozenset({"aud", "iss", "scope", "iat", "exp", "jti", "resource", "pid", "consumer_org", "iss_onbehalfof"})
"""Any other is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtGrant:
    """One that is in order, but may have been used before."""

    client: Client
    scopes: frozenset[str]
    identity: str
    """The same for the same grant: of its `jti` where it has one, else of the whole."""


class _Claims(msgspec.Struct):
    aud: str
    iss: str
    scope: str
    iat: float
    exp: float
    jti: str | None = None
    resource: str | list[str] | None = None


def check_jwt_grant(text: str, *, issuer: str, clients: Clients, known: frozenset[str], now_s: float) -> JwtGrant:
    """`issuer`: with the slash at its end. `known`: scopes that there are. `now_s`: Unix time. Raises Refused."""
    try:
        token = read_jwt(text)
        unknown = token.claims(dict[str, Any]).keys() - CLAIMS
        if unknown:
            raise _refused(f"There are claims that are not allowed, {len(unknown)} in number: {_allowed()}.")
        claims = token.claims(_Claims)
    except Unreadable as error:
        raise _refused(f"The JWT grant {error}.") from None
    _check_header(token)
    if claims.aud != issuer:
        raise _refused("Invalid audience (aud): it must be the issuer, with its trailing slash.", "MP-110")
    client = clients.get(claims.iss)
    if client is None:
        raise _refused("Client not found: the iss is not registered.", "MP-100")
    if not client.has_signed(token):
        raise _refused("Invalid JWT signature, or a kid that is not registered for the client.", "MP-120")
    _check_times(claims, now_s)
    if claims.jti is not None and not 0 < len(claims.jti) <= MAX_ID_CHARS:
        raise _refused(f"The jti must have 1 to {MAX_ID_CHARS} characters.")
    return JwtGrant(client=client, scopes=_granted(claims.scope, client, known), identity=_identity(text, claims))


def _check_header(token: Jwt) -> None:
    if token.header.get("alg") not in ALGORITHMS:
        raise _refused(f"The signature's alg must be one of {', '.join(ALGORITHMS)}.", "MP-120")
    if "x5c" in token.header:
        raise _refused("The header must have either kid or x5c; this stand-in knows no certificate.", "MP-120")
    if not token.header.get("kid"):
        raise _refused("The header must have a kid.", "MP-120")


def _check_times(claims: _Claims, now_s: float) -> None:
    if claims.exp - claims.iat > MAX_LIFE_S:
        raise _refused(f"The grant lives longer than {MAX_LIFE_S:g} s.")
    if abs(claims.iat - now_s) > SKEW_S:
        raise _refused(f"The issue time (iat) is more than {SKEW_S:g} s from ours.", "MP-130")
    if claims.exp <= now_s:
        raise _refused("The grant has expired.", "MP-130")


def _granted(scope: str, client: Client, known: frozenset[str]) -> frozenset[str]:
    scopes = frozenset(scope.split())
    if not scopes or not scopes <= client.scopes & known:
        raise Refused(INVALID_SCOPE, "The client has no access to the scopes, or they do not exist. (MP-200)")
    return scopes


def _identity(text: str, claims: _Claims) -> str:
    if claims.jti is not None:
        return f"{claims.iss}/{claims.jti}"
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _allowed() -> str:
    return f"only {', '.join(sorted(CLAIMS))} are"


def _refused(why: str, number: str = "") -> Refused:
    return Refused(INVALID_GRANT, f"Invalid assertion. {why}{f' ({number})' if number else ''}")
