"""Maskinporten's check of a JWT grant, refusal by refusal."""

from typing import Any

import pytest

from bridge.sandbox.sign_in.jwt_grants import JwtGrant, check_jwt_grant
from bridge.sandbox.sign_in.refused import Refused
from tests.unit.sandbox.sign_in.makers import ABSENT, EC, MASKINPORTEN, NOW_S, clients, grant, rsa

SCOPE = "altinn:serviceowner/notifications.create"
KNOWN = frozenset({SCOPE, "altinn:serviceowner"})


def check(text: str) -> JwtGrant:
    return check_jwt_grant(text, issuer=MASKINPORTEN, clients=clients(rsa(), EC), known=KNOWN, now_s=NOW_S)


def refusal(text: str) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        check(text)
    return caught.value.error, caught.value.description


def test_a_grant_in_order_tells_the_client_and_the_scopes() -> None:
    accepted = check(grant())
    assert (accepted.client.client_id, accepted.scopes) == ("client-1", frozenset({SCOPE}))
    assert accepted.identity == "client-1/grant-1"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_each_allowed_algorithm_is_taken(algorithm: str) -> None:
    assert check(grant(header={"alg": algorithm})).scopes == {SCOPE}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(NOW_S) + 120},
        {"iat": int(NOW_S) - 10},
        {"iat": int(NOW_S) + 10},
        {"resource": ["https://api.example"]},
        {"pid": "x", "consumer_org": "x", "iss_onbehalfof": "x"},
        {"scope": f" {SCOPE}  "},
    ],
)
def test_what_is_documented_as_allowed_is_allowed(claims: dict[str, Any]) -> None:
    assert check(grant(**claims)).scopes == {SCOPE}


def test_without_an_id_the_same_grant_is_known_by_all_of_it() -> None:
    once, later = grant(jti=ABSENT), grant(jti=ABSENT, exp=int(NOW_S) + 61)
    assert check(once).identity == check(once).identity
    assert check(once).identity != check(later).identity


ALLOWED = "only aud, consumer_org, exp, iat, iss, iss_onbehalfof, jti, pid, resource, scope are."


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"nbf": int(NOW_S)}, f"There are claims that are not allowed, 1 in number: {ALLOWED}"),
        ({"sub": "client-1"}, f"There are claims that are not allowed, 1 in number: {ALLOWED}"),
        (
            {"aud": MASKINPORTEN.rstrip("/")},
            "Invalid audience (aud): it must be the issuer, with its trailing slash. (MP-110)",
        ),
        (
            {"aud": f"{MASKINPORTEN}token"},
            "Invalid audience (aud): it must be the issuer, with its trailing slash. (MP-110)",
        ),
        (
            {"aud": [MASKINPORTEN]},
            "The JWT grant has wrong claims: Expected `str`, got `array` - at `$.aud`.",
        ),
        ({"iss": "client-2"}, "Client not found: the iss is not registered. (MP-100)"),
        ({"exp": int(NOW_S) + 121}, "The grant lives longer than 120 s."),
        ({"iat": int(NOW_S) - 11}, "The issue time (iat) is more than 10 s from ours. (MP-130)"),
        ({"iat": int(NOW_S) + 11}, "The issue time (iat) is more than 10 s from ours. (MP-130)"),
        ({"exp": int(NOW_S)}, "The grant has expired. (MP-130)"),
        ({"jti": ""}, "The jti must have 1 to 256 characters."),
        (
            {"iat": ABSENT},
            "The JWT grant has wrong claims: Object missing required field `iat`.",
        ),
        (
            {"scope": ABSENT},
            "The JWT grant has wrong claims: Object missing required field `scope`.",
        ),
        (
            {"scope": [SCOPE]},
            "The JWT grant has wrong claims: Expected `str`, got `array` - at `$.scope`.",
        ),
    ],
)
def test_claims_against_the_rules_are_refused(claims: dict[str, Any], why: str) -> None:
    assert refusal(grant(**claims)) == ("invalid_grant", f"Invalid assertion. {why}")


@pytest.mark.parametrize("scope", ["", "altinn:other", f"{SCOPE} nhn:msh/api"])
def test_a_scope_that_the_client_may_not_have_is_refused(scope: str) -> None:
    assert refusal(grant(scope=scope)) == (
        "invalid_scope",
        "The client has no access to the scopes, or they do not exist. (MP-200)",
    )


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"alg": "PS256"}, "The signature's alg must be one of RS256, RS384, RS512. (MP-120)"),
        ({"kid": ABSENT}, "The header must have a kid. (MP-120)"),
        ({"x5c": ["AAAA"]}, "The header must have either kid or x5c; this stand-in knows no certificate. (MP-120)"),
        ({"kid": "key-2"}, "Invalid JWT signature, or a kid that is not registered for the client. (MP-120)"),
        ({"kid": "key-9"}, "Invalid JWT signature, or a kid that is not registered for the client. (MP-120)"),
    ],
)
def test_a_header_against_the_rules_is_refused(header: dict[str, Any], why: str) -> None:
    assert refusal(grant(header=header)) == ("invalid_grant", f"Invalid assertion. {why}")


def test_an_ec_key_is_refused_although_it_is_registered() -> None:
    assert refusal(grant(header={"alg": "ES256", "kid": "key-2"}, key=EC)) == (
        "invalid_grant",
        "Invalid assertion. The signature's alg must be one of RS256, RS384, RS512. (MP-120)",
    )


@pytest.mark.parametrize("text", ["", "a.b.c"])
def test_what_is_no_jwt_is_refused(text: str) -> None:
    assert refusal(text) == ("invalid_grant", "Invalid assertion. The JWT grant is no JWT of three parts.")
