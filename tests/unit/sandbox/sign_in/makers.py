"""JWTs as a client would make them, right but for what a test changes. Made by joserfc, by nothing of the bridge's."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from bridge.sandbox.sign_in.clients import Clients, KeySet, Registration

NOW_S = 1_776_146_400.0
"""2026-04-14 06:00:00 UTC."""
ISSUER = "http://127.0.0.1:8085/helseid"
MASKINPORTEN = "http://127.0.0.1:8085/maskinporten/"
URL = "http://127.0.0.1:8085/notifications"
ABSENT = object()
"""As a value: leave it out."""

EC = ECKey.generate_key("P-256")
OTHER_EC = ECKey.generate_key("P-256")


@cache
def rsa(bits: int = 2048) -> RSAKey:
    return RSAKey.generate_key(bits)


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: ECKey | RSAKey | OctKey = EC) -> str:
    shown = {name: value for name, value in header.items() if value is not ABSENT}
    kept = {name: value for name, value in claims.items() if value is not ABSENT}
    registry = jws.JWSRegistry(algorithms=[str(shown["alg"])])
    return jwt.encode(shown, kept, key, registry=registry, default_type=None)


def proof(*, header: Mapping[str, Any] | None = None, key: ECKey | RSAKey = EC, **claims: Any) -> str:
    usual = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    right = {"jti": "proof-1", "htm": "GET", "htu": URL, "iat": int(NOW_S)}
    return signed({**usual, **(header or {})}, {**right, **claims}, key)


def assertion(*, header: Mapping[str, Any] | None = None, key: ECKey | RSAKey = EC, **claims: Any) -> str:
    usual = {"alg": "ES256", "typ": "client-authentication+jwt", "kid": "key-1"}
    right = {
        "iss": "client-1",
        "sub": "client-1",
        "aud": ISSUER,
        "iat": int(NOW_S),
        "nbf": int(NOW_S),
        "exp": int(NOW_S) + 30,
        "jti": "assertion-1",
    }
    return signed({**usual, **(header or {})}, {**right, **claims}, key)


def grant(*, header: Mapping[str, Any] | None = None, key: ECKey | RSAKey | None = None, **claims: Any) -> str:
    usual = {"alg": "RS256", "kid": "key-1"}
    right = {
        "aud": MASKINPORTEN,
        "iss": "client-1",
        "scope": "altinn:serviceowner/notifications.create",
        "iat": int(NOW_S),
        "exp": int(NOW_S) + 60,
        "jti": "grant-1",
    }
    return signed({**usual, **(header or {})}, {**right, **claims}, key or rsa())


def registration(*keys: ECKey | RSAKey, **members: Any) -> Registration:
    """Keys `key-1`, `key-2`, …."""
    jwks = tuple(key.as_dict(private=False, kid=f"key-{number}") for number, key in enumerate(keys, 1))
    return Registration(client_id="client-1", jwks=KeySet(keys=jwks), **members)


def clients(*keys: ECKey | RSAKey, **members: Any) -> Clients:
    registered = Clients()
    registered.register(registration(*keys, **members))
    return registered
