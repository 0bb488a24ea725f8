"""What NHN's API looks at: token, proof, binding, replay, nonce."""

from typing import Any

import pytest

from bridge.sandbox.sign_in.access_tokens import Binding, TokenCheck, token_claims
from bridge.sandbox.sign_in.api_guard import ApiGuard, challenge
from bridge.sandbox.sign_in.jose import IssuingKey
from bridge.sandbox.sign_in.organisations import Organisation
from bridge.sandbox.sign_in.proofs import token_hash
from bridge.sandbox.sign_in.refused import Refused
from tests.unit.sandbox.sign_in.makers import EC, ISSUER, NOW_S, OTHER_EC, URL, clients, proof

ISSUING_KEY = IssuingKey()


def claims(**changes: Any) -> dict[str, Any]:
    client = clients(EC).get("client-1")
    assert client is not None
    binding = Binding(
        issuer=ISSUER,
        client=client,
        scopes=frozenset({"nhn:msh/api"}),
        organisation=Organisation("311111111", "312222222"),
        thumbprint=EC.thumbprint(),
    )
    return {**token_claims(binding, token_id="token-1", now_s=NOW_S, life_s=600), **changes}


def token(kind: str = "at+jwt", key: IssuingKey = ISSUING_KEY, **changes: Any) -> str:
    return key.sign(claims(**changes), kind=kind)


TOKEN = token()


class Api:
    def __init__(self) -> None:
        self.guard = ApiGuard(TokenCheck(ISSUING_KEY, scope="nhn:msh/api"))

    def check(self, *authorizations: str, proofs: list[str], now_s: float = NOW_S, wants_nonce: bool = False) -> None:
        self.guard.check(
            method="GET",
            url=URL,
            authorizations=authorizations,
            proofs=proofs,
            now_s=now_s,
            monotonic_s=now_s - NOW_S,
            wants_nonce=wants_nonce,
        )

    def refusal(self, *authorizations: str, **options: Any) -> tuple[str, str]:
        with pytest.raises(Refused) as caught:
            self.check(*authorizations, **options)
        return caught.value.error, caught.value.description


def bound(text: str = TOKEN, **changes: Any) -> str:
    return proof(ath=token_hash(text), **changes)


def test_a_token_says_for_whom_it_is_and_to_which_key_it_is_bound() -> None:
    assert claims() == {
        "iss": "http://127.0.0.1:8085/helseid",
        "aud": "nhn:msh",
        "client_id": "client-1",
        "jti": "token-1",
        "iat": 1776146400,
        "nbf": 1776146400,
        "exp": 1776147000,
        "scope": ["nhn:msh/api"],
        "cnf": {"jkt": EC.thumbprint()},
        "helseid://claims/client/claims/orgnr_parent": "311111111",
        "helseid://claims/client/claims/orgnr_child": "312222222",
    }


@pytest.mark.parametrize("scheme", ["DPoP", "dpop"])
def test_a_signed_request_is_let_through(scheme: str) -> None:
    Api().check(f"{scheme} {TOKEN}", proofs=[bound()])


def test_a_token_is_used_until_it_expires() -> None:
    api = Api()
    api.check(f"DPoP {TOKEN}", proofs=[bound()])
    api.check(f"DPoP {TOKEN}", proofs=[bound(iat=int(NOW_S) + 599)], now_s=NOW_S + 599.9)
    assert api.refusal(f"DPoP {TOKEN}", proofs=[bound(jti="2", iat=int(NOW_S) + 600)], now_s=NOW_S + 600) == (
        "invalid_token",
        "The access token has expired.",
    )


def test_the_tokens_that_were_checked_are_remembered_within_a_bound() -> None:
    check = TokenCheck(ISSUING_KEY, scope="nhn:msh/api", capacity=2)
    tokens = [token(jti=str(number)) for number in range(3)]
    for text in tokens:
        assert check.thumbprint_of(text, now_s=NOW_S) == EC.thumbprint()
    assert len(check) == 2


def test_a_proof_is_taken_once_and_another_after_it() -> None:
    api = Api()
    api.check(f"DPoP {TOKEN}", proofs=[bound()])
    assert api.refusal(f"DPoP {TOKEN}", proofs=[bound()]) == (
        "invalid_dpop_proof",
        "The DPoP proof was used before (jti).",
    )
    api.check(f"DPoP {TOKEN}", proofs=[bound(jti="proof-2")])


@pytest.mark.parametrize(
    ("authorizations", "error", "why"),
    [
        ([], "", "The request has no Authorization header."),
        ([f"DPoP {TOKEN}"] * 2, "invalid_token", "The request has more than one Authorization header."),
        ([f"Bearer {TOKEN}"], "invalid_token", "The scheme of the Authorization header must be DPoP."),
        (["DPoP"], "invalid_token", "The access token is no JWT of three parts."),
        (["DPoP a.b.c"], "invalid_token", "The access token is no JWT of three parts."),
        ([f"DPoP {token(kind='JWT')}"], "invalid_token", "The access token's typ must be at+jwt."),
        (
            [f"DPoP {token(key=IssuingKey())}"],
            "invalid_token",
            "The access token's signature is not the issuer's.",
        ),
        ([f"DPoP {token(exp=int(NOW_S))}"], "invalid_token", "The access token has expired."),
        ([f"DPoP {token(aud='nhn:other')}"], "invalid_token", "The access token is meant for another audience."),
        (
            [f"DPoP {token(scope=['nhn:other/api'])}"],
            "insufficient_scope",
            "The access token lacks the scope nhn:msh/api.",
        ),
        (
            [f"DPoP {token(cnf={})}"],
            "invalid_token",
            "The access token has wrong claims: Object missing required field `jkt` - at `$.cnf`.",
        ),
    ],
)
def test_a_token_against_the_rules_is_refused(authorizations: list[str], error: str, why: str) -> None:
    assert Api().refusal(*authorizations, proofs=[bound()]) == (error, why)


def test_a_stolen_token_is_worthless_with_another_key() -> None:
    assert Api().refusal(f"DPoP {TOKEN}", proofs=[bound(key=OTHER_EC)]) == (
        "invalid_token",
        "The access token is bound to another key than the DPoP proof's (cnf.jkt).",
    )


def test_a_proof_for_another_token_is_refused() -> None:
    assert Api().refusal(f"DPoP {TOKEN}", proofs=[bound("another")]) == (
        "invalid_dpop_proof",
        "The DPoP proof's ath is not the hash of the access token.",
    )


def test_where_nonces_are_wanted_a_proof_has_the_one_that_was_given() -> None:
    api = Api()
    wanted = ("use_dpop_nonce", "The DPoP proof must have the nonce of the header DPoP-Nonce.")
    assert api.refusal(f"DPoP {TOKEN}", proofs=[bound()], wants_nonce=True) == wanted
    assert api.refusal(f"DPoP {TOKEN}", proofs=[bound(jti="2", nonce="made up")], wants_nonce=True) == wanted
    api.check(f"DPoP {TOKEN}", proofs=[bound(jti="3", nonce=api.guard.nonces.current(0))], wants_nonce=True)


def test_a_challenge_says_what_is_wrong_and_which_algorithms_there_are() -> None:
    algorithms = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512"
    assert challenge(Refused("", "nothing there")) == f'DPoP algs="{algorithms}"'
    assert challenge(Refused("invalid_token", 'it says "no"')) == (
        f"""DPoP error="invalid_token", error_description="it says 'no'", algs="{algorithms}\""""
    )
