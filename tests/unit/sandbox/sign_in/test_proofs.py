"""DPoP proofs: each thing that RFC 9449 §4.3 lists is looked at."""

from collections.abc import Sequence
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from bridge.sandbox.sign_in.proofs import check_proof
from bridge.sandbox.sign_in.refused import Refused
from tests.unit.sandbox.sign_in.makers import ABSENT, EC, NOW_S, OTHER_EC, URL, proof, rsa, signed

TOKEN = "access-token"
TOKEN_HASH = "Pxa-1wifRlPl7yG_0oJNfzqq7MelmOfonFgOFgapzFI"


def check(*texts: str, access_token: str | None = None) -> Any:
    return check_proof(texts, method="GET", url=URL, now_s=NOW_S, access_token=access_token)


def refusal(*texts: str, access_token: str | None = None) -> str:
    with pytest.raises(Refused) as caught:
        check(*texts, access_token=access_token)
    assert caught.value.error == "invalid_dpop_proof"
    return caught.value.description


def test_a_proof_in_order_tells_its_id_its_key_and_its_nonce() -> None:
    accepted = check(proof(nonce="nonce-1", ath=TOKEN_HASH), access_token=TOKEN)
    assert (accepted.proof_id, accepted.thumbprint, accepted.nonce) == ("proof-1", EC.thumbprint(), "nonce-1")


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_each_rsa_algorithm_is_taken(algorithm: str) -> None:
    assert check(proof(header={"alg": algorithm}, key=rsa())).thumbprint == rsa().thumbprint()


@pytest.mark.parametrize(("algorithm", "curve"), [("ES384", "P-384"), ("ES512", "P-521")])
def test_each_curve_is_taken_with_its_algorithm(algorithm: str, curve: str) -> None:
    key = ECKey.generate_key(curve)
    assert check(proof(header={"alg": algorithm}, key=key)).thumbprint == key.thumbprint()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8085/notifications", "HTTP://127.0.0.1:8085/notifications"],
)
def test_the_url_may_be_written_otherwise_where_it_means_the_same(url: str) -> None:
    assert check(proof(htu=url)).proof_id == "proof-1"


def test_the_default_port_may_be_left_out() -> None:
    text = proof(htu="https://Api.example:443")
    assert check_proof([text], method="GET", url="https://api.example/", now_s=NOW_S).proof_id == "proof-1"


@pytest.mark.parametrize("seconds", [-5, 5])
def test_clocks_may_differ_by_five_seconds(seconds: int) -> None:
    assert check(proof(iat=int(NOW_S) + seconds)).proof_id == "proof-1"


@pytest.mark.parametrize("texts", [[], [proof(), proof(jti="proof-2")]])
def test_a_request_has_exactly_one_proof(texts: Sequence[str]) -> None:
    assert refusal(*texts) == "The request must have one DPoP header."


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"typ": "JWT"}, "The DPoP proof's typ must be dpop+jwt."),
        ({"typ": ABSENT}, "The DPoP proof's typ must be dpop+jwt."),
        ({"jwk": ABSENT}, "The DPoP proof's jwk is no JSON object."),
        ({"jwk": {}}, "The DPoP proof's jwk is not of the type RSA or EC."),
        ({"jwk": {"kty": "oct", "k": "AAAA"}}, "The DPoP proof's jwk has private members."),
        ({"jwk": EC.as_dict(private=True)}, "The DPoP proof's jwk has private members."),
        (
            {"jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA"}},
            "The DPoP proof's jwk has members that are missing or do not fit together.",
        ),
        (
            {"jwk": {"kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA"}},
            "The DPoP proof's jwk is on a curve other than P-256, P-384 or P-521.",
        ),
        (
            {"jwk": {"kty": "EC", "crv": ["P-256"]}},
            "The DPoP proof's jwk is on a curve other than P-256, P-384 or P-521.",
        ),
        (
            {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}},
            "The DPoP proof's jwk has members that are missing or do not fit together.",
        ),
        ({"jwk": OTHER_EC.as_dict(private=False)}, "The DPoP proof's signature does not fit its jwk."),
        (
            {"jwk": ECKey.generate_key("P-384").as_dict(private=False)},
            "The DPoP proof's signature does not fit its jwk.",
        ),
    ],
)
def test_a_header_against_the_rules_is_refused(header: dict[str, Any], why: str) -> None:
    assert refusal(proof(header=header)) == why


def test_a_key_of_few_bits_is_refused() -> None:
    weak = proof(header={"alg": "RS256", "jwk": {"kty": "RSA", "n": "AQAB" * 40, "e": "AQAB"}}, key=rsa())
    assert refusal(weak) == "The DPoP proof's jwk is an RSA key of fewer than 2048 bits."


def test_a_secret_key_cannot_prove_anything() -> None:
    header = {"alg": "HS256", "typ": "dpop+jwt", "jwk": EC.as_dict(private=False)}
    text = signed(header, {"jti": "1"}, OctKey.generate_key(256))
    assert refusal(text) == (
        "The DPoP proof's alg must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512."
    )


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"htm": "POST"}, "The DPoP proof's htm is not the method of the request."),
        ({"htm": "get"}, "The DPoP proof's htm is not the method of the request."),
        ({"htu": f"{URL}?HerIds=1"}, "The DPoP proof's htu is not the URL of the request without its query."),
        ({"htu": f"{URL}?"}, "The DPoP proof's htu is not the URL of the request without its query."),
        ({"htu": f"{URL}#"}, "The DPoP proof's htu is not the URL of the request without its query."),
        ({"htu": f"{URL}/"}, "The DPoP proof's htu is not the URL of the request without its query."),
        (
            {"htu": "https://127.0.0.1:8085/notifications"},
            "The DPoP proof's htu is not the URL of the request without its query.",
        ),
        (
            {"htu": "http://127.0.0.1/notifications"},
            "The DPoP proof's htu is not the URL of the request without its query.",
        ),
        (
            {"htu": "http://127.0.0.1:80850/notifications"},
            "The DPoP proof's htu is not the URL of the request without its query.",
        ),
        ({"htu": ""}, "The DPoP proof's htu is not the URL of the request without its query."),
        ({"iat": int(NOW_S) + 6}, "The DPoP proof's iat is ahead."),
        ({"iat": int(NOW_S) - 6}, "The DPoP proof is too old: its iat has passed."),
        ({"jti": ""}, "The DPoP proof's jti must have 1 to 256 characters."),
        ({"jti": "x" * 257}, "The DPoP proof's jti must have 1 to 256 characters."),
        (
            {"jti": 1},
            "The DPoP proof has wrong claims: Expected `str`, got `int` - at `$.jti`.",
        ),
        (
            {"jti": ABSENT},
            "The DPoP proof has wrong claims: Object missing required field `jti`.",
        ),
        ({"ath": ABSENT}, "The DPoP proof's ath is not the hash of the access token."),
        ({"ath": "PxZ"}, "The DPoP proof's ath is not the hash of the access token."),
    ],
)
def test_claims_against_the_rules_are_refused(claims: dict[str, Any], why: str) -> None:
    assert refusal(proof(**{"ath": TOKEN_HASH, **claims}), access_token=TOKEN) == why


@pytest.mark.parametrize(
    "text",
    ["", "a.b", "a.b.c", "ø.ø.ø", "bnVsbA.e30.", "NQ.e30.", "InhhbGci.e30.", "W10.e30.", f"{'W' * 6000}.e30."],
)
def test_what_is_no_jwt_is_refused(text: str) -> None:
    assert refusal(text) in {
        "The DPoP proof is no JWT of three parts.",
        "The DPoP proof has no JSON object as its header.",
    }


def test_a_changed_claim_does_not_fit_the_signature() -> None:
    header, _, signature = proof().split(".")
    _, payload, _ = proof(jti="proof-2").split(".")
    assert refusal(f"{header}.{payload}.{signature}") == "The DPoP proof's signature does not fit its jwk."


def test_claims_that_are_no_json_are_refused() -> None:
    header, _, signature = proof().split(".")
    assert refusal(f"{header}.bm8.{signature}") == "The DPoP proof has claims that are no JSON object."
