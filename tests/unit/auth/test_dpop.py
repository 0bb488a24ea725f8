"""DPoP proofs say what RFC 9449 §4.2 wants, and no more."""

from datetime import UTC, datetime

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from bridge.auth import dpop
from bridge.auth.keys import SigningKey, parse_key
from tests.support.sign_in import EC_JWK, claims_of, ec_jwk, header_of

NOW = datetime(2026, 4, 14, 6, 0, 0, 999_000, tzinfo=UTC)


@pytest.fixture
def key() -> SigningKey:
    return parse_key(ec_jwk(kid="1"), key_id=None, algorithm="PS256")


def test_a_proof_for_a_token_request_has_exactly_these_members(key: SigningKey) -> None:
    proof = dpop.proof(key, method="post", url="https://issuer.example/token", issued_at=NOW, proof_id="id-1")
    assert header_of(proof) == {
        "alg": "ES256",
        "typ": "dpop+jwt",
        "jwk": {"kty": "EC", "crv": "P-256", "x": EC_JWK["x"], "y": EC_JWK["y"]},
    }
    assert claims_of(proof) == {
        "jti": "id-1",
        "htm": "POST",
        "htu": "https://issuer.example/token",
        "iat": 1776146400,
    }


def test_a_proof_for_an_api_adds_the_hash_of_the_token_and_the_nonce(key: SigningKey) -> None:
    proof = dpop.proof(
        key,
        method="GET",
        url="https://api.example/notifications?HerIds=1&Offset=0",
        issued_at=NOW,
        proof_id="id-1",
        access_token="Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
        nonce="n-1",
    )
    assert claims_of(proof) == {
        "jti": "id-1",
        "htm": "GET",
        "htu": "https://api.example/notifications",
        "iat": 1776146400,
        # the example of RFC 9449 §7.1
        "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
        "nonce": "n-1",
    }


def test_a_proof_is_signed_by_the_key_in_its_header(key: SigningKey) -> None:
    proof = dpop.proof(key, method="GET", url="https://api.example/", issued_at=NOW, proof_id="id-1")
    jwt.decode(proof, ECKey.import_key(header_of(proof)["jwk"]), algorithms=["ES256"])


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://api.example/notifications", "https://api.example/notifications"),
        ("https://api.example/notifications?HerIds=1&HerIds=2#x", "https://api.example/notifications"),
        ("HTTPS://API.example:443/Notifications", "https://api.example/Notifications"),
        ("https://api.example:8443/a%20b", "https://api.example:8443/a%20b"),
        ("http://api.example:80", "http://api.example/"),
        ("https://user:password@api.example/x", "https://api.example/x"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_the_target_is_the_normalised_url_without_query_and_fragment(url: str, target: str) -> None:
    assert dpop.target(url) == target
