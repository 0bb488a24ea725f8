"""HelseID's check of private_key_jwt, refusal by refusal."""

from typing import Any

import pytest
from joserfc.jwk import OctKey

from bridge.sandbox.sign_in.client_assertions import ClientAssertion, check_client_assertion
from bridge.sandbox.sign_in.clients import Clients, KeySet, Registration
from bridge.sandbox.sign_in.refused import Refused
from tests.unit.sandbox.sign_in.makers import ABSENT, EC, ISSUER, NOW_S, OTHER_EC, assertion, clients, rsa, signed


def check(text: str, *, client_id: str | None = "client-1", known: Clients | None = None) -> ClientAssertion:
    return check_client_assertion(text, issuer=ISSUER, client_id=client_id, clients=known or clients(EC), now_s=NOW_S)


def refusal(text: str, **options: Any) -> str:
    with pytest.raises(Refused) as caught:
        check(text, **options)
    assert caught.value.error == "invalid_client"
    return caught.value.description


def test_an_assertion_in_order_tells_the_client_its_id_and_whom_it_acts_for() -> None:
    accepted = check(assertion(assertion_details={"type": "helseid_authorization"}))
    assert (accepted.client.client_id, accepted.assertion_id) == ("client-1", "assertion-1")
    assert accepted.details == {"type": "helseid_authorization"}


def test_the_client_id_need_not_be_in_the_form() -> None:
    assert check(assertion(), client_id=None).assertion_id == "assertion-1"


@pytest.mark.parametrize("claims", [{"iat": ABSENT, "nbf": ABSENT}, {"exp": int(NOW_S) + 65}, {"exp": int(NOW_S) - 4}])
def test_times_within_the_skew_are_taken(claims: dict[str, Any]) -> None:
    assert check(assertion(**claims)).assertion_id == "assertion-1"


@pytest.mark.parametrize(("key", "key_id"), [(EC, "key-1"), (OTHER_EC, "key-2"), (OTHER_EC, ABSENT)])
def test_any_registered_key_signs_and_is_found_without_its_id(key: Any, key_id: Any) -> None:
    text = assertion(header={"kid": key_id}, key=key)
    assert check(text, known=clients(EC, OTHER_EC)).assertion_id == "assertion-1"


def test_a_key_that_is_registered_with_an_algorithm_signs_with_no_other() -> None:
    known = clients(rsa())
    jwk = rsa().as_dict(private=False, kid="key-1", alg="PS256")
    assert check(assertion(header={"alg": "RS256"}, key=rsa()), known=known).assertion_id == "assertion-1"
    known.register(Registration(client_id="client-1", jwks=KeySet(keys=(jwk,))))
    assert check(assertion(header={"alg": "PS256"}, key=rsa()), known=known).assertion_id == "assertion-1"
    assert "signature fits no key" in refusal(assertion(header={"alg": "RS256"}, key=rsa()), known=known)


@pytest.mark.parametrize(
    ("header", "claims", "why"),
    [
        ({"typ": "JWT"}, {}, "The client assertion's typ must be client-authentication+jwt."),
        ({"typ": ABSENT}, {}, "The client assertion's typ must be client-authentication+jwt."),
        (
            {"kid": "key-2"},
            {},
            "The client assertion's signature fits no key that is registered for the client.",
        ),
        ({}, {"iss": "client-2"}, "Unknown client: the iss of the client assertion is not registered."),
        (
            {},
            {"sub": "client-2"},
            "The client assertion's iss and sub must both be the client_id of the request.",
        ),
        (
            {},
            {"aud": f"{ISSUER}/"},
            "The client assertion's aud must be the issuer, exactly as in its discovery document.",
        ),
        (
            {},
            {"aud": f"{ISSUER}/connect/token"},
            "The client assertion's aud must be the issuer, exactly as in its discovery document.",
        ),
        (
            {},
            {"aud": [ISSUER]},
            "The client assertion has wrong claims: Expected `str`, got `array` - at `$.aud`.",
        ),
        ({}, {"exp": int(NOW_S) - 5}, "The client assertion has expired."),
        ({}, {"exp": int(NOW_S) + 66}, "The client assertion's exp is more than 60 s ahead."),
        ({}, {"nbf": int(NOW_S) + 6}, "The client assertion is not yet valid: its iat or nbf is ahead."),
        ({}, {"iat": int(NOW_S) + 6}, "The client assertion is not yet valid: its iat or nbf is ahead."),
        ({}, {"jti": ""}, "The client assertion's jti must have 1 to 256 characters."),
        ({}, {"jti": "x" * 257}, "The client assertion's jti must have 1 to 256 characters."),
        (
            {},
            {"jti": ABSENT},
            "The client assertion has wrong claims: Object missing required field `jti`.",
        ),
        (
            {},
            {"exp": ABSENT},
            "The client assertion has wrong claims: Object missing required field `exp`.",
        ),
    ],
)
def test_an_assertion_against_the_rules_is_refused(header: dict[str, Any], claims: dict[str, Any], why: str) -> None:
    assert refusal(assertion(header=header, **claims)) == why


def test_the_form_must_name_the_same_client() -> None:
    assert refusal(assertion(), client_id="client-2") == (
        "The client assertion's iss and sub must both be the client_id of the request."
    )


def test_a_key_that_is_not_registered_is_refused() -> None:
    assert refusal(assertion(key=OTHER_EC)) == (
        "The client assertion's signature fits no key that is registered for the client."
    )


def test_an_algorithm_that_is_not_approved_is_refused() -> None:
    text = signed(
        {"alg": "HS256", "typ": "client-authentication+jwt"},
        {"iss": "client-1", "sub": "client-1", "aud": ISSUER, "exp": int(NOW_S) + 30, "jti": "1"},
        OctKey.generate_key(256),
    )
    assert refusal(text).startswith("The client assertion's alg must be one of RS256,")


@pytest.mark.parametrize("text", ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_signed_jwt_is_refused(text: str) -> None:
    assert refusal(text).startswith("The client assertion ")
