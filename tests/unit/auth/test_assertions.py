"""The JWTs that ask for a token, claim by claim."""

from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt

from bridge.auth.assertions import NOBODY_ELSE, Organisation, assertion_details, client_assertion, jwt_grant
from bridge.auth.keys import parse_key
from bridge.errors import ConfigurationError
from tests.support.sign_in import claims_of, ec_jwk, header_of, pem, rsa_key

NOW = datetime(2026, 4, 14, 6, 0, 0, 999_000, tzinfo=UTC)


def details(system: str, value: str) -> dict[str, Any]:
    return {
        "type": "helseid_authorization",
        "practitioner_role": {"organization": {"identifier": {"system": system, "type": "ENH", "value": value}}},
    }


def test_a_client_assertion_has_exactly_the_documented_claims() -> None:
    key = parse_key(ec_jwk(kid="key-1"), key_id=None, algorithm="PS256")
    assertion = client_assertion(
        key, client_id="client-1", audience="https://issuer.example", issued_at=NOW, assertion_id="id-1"
    )
    assert header_of(assertion) == {"alg": "ES256", "kid": "key-1", "typ": "client-authentication+jwt"}
    assert claims_of(assertion) == {
        "iss": "client-1",
        "sub": "client-1",
        "aud": "https://issuer.example",
        "iat": 1776146400,
        "nbf": 1776146400,
        "exp": 1776146430,
        "jti": "id-1",
    }


def test_a_client_assertion_carries_the_organisation_as_assertion_details() -> None:
    key = parse_key(ec_jwk(), key_id=None, algorithm="PS256")
    assertion = client_assertion(
        key,
        client_id="client-1",
        audience="https://issuer.example",
        issued_at=NOW,
        assertion_id="id-1",
        details=assertion_details("multi", Organisation("111222333", "222333444")),
    )
    assert claims_of(assertion)["assertion_details"] == details("urn:oid:1.0.6523", "NO:ORGNR:111222333:222333444")
    assert "kid" not in header_of(assertion)


def test_a_jwt_grant_has_no_claim_that_maskinporten_refuses() -> None:
    key = parse_key(pem(rsa_key()), key_id="key-1", algorithm="RS256")
    grant = jwt_grant(
        key,
        client_id="client-1",
        audience="https://test.maskinporten.no/",
        scope="altinn:serviceowner/notifications.create",
        issued_at=NOW,
        assertion_id="id-1",
    )
    assert header_of(grant) == {"alg": "RS256", "kid": "key-1"}
    assert claims_of(grant) == {
        "aud": "https://test.maskinporten.no/",
        "iss": "client-1",
        "scope": "altinn:serviceowner/notifications.create",
        "iat": 1776146400,
        "exp": 1776146460,
        "jti": "id-1",
    }
    jwt.decode(grant, rsa_key(), algorithms=["RS256"])


@pytest.mark.parametrize(
    ("tenancy", "organisation", "expected"),
    [
        ("single", NOBODY_ELSE, None),
        ("single", Organisation("111222333"), None),
        ("single", Organisation(None, "222333444"), details("urn:oid:2.16.578.1.12.4.1.4.101", "222333444")),
        ("single", Organisation("111222333", "222333444"), details("urn:oid:2.16.578.1.12.4.1.4.101", "222333444")),
        ("multi", Organisation("111222333"), details("urn:oid:1.0.6523", "NO:ORGNR:111222333:")),
        ("multi", Organisation("111222333", "222333444"), details("urn:oid:1.0.6523", "NO:ORGNR:111222333:222333444")),
    ],
)
def test_the_organisation_is_written_as_helseid_documents_it(
    tenancy: Any, organisation: Organisation, expected: object
) -> None:
    assert assertion_details(tenancy, organisation) == expected


@pytest.mark.parametrize(
    ("tenancy", "organisation", "mistakes"),
    [
        ("multi", NOBODY_ELSE, ("a multi-tenant client needs the parent organisation number of whom it acts for",)),
        (
            "multi",
            Organisation("11122233", "2223334445"),
            (
                "the parent organisation number must be nine digits",
                "the child organisation number must be nine digits",
            ),
        ),
        ("single", Organisation(None, "222 333 444"), ("the child organisation number must be nine digits",)),
        ("single", Organisation("\u0661" * 9), ("the parent organisation number must be nine digits",)),
    ],
)
def test_wrong_organisation_numbers_are_named_without_being_shown(
    tenancy: Any, organisation: Organisation, mistakes: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        assertion_details(tenancy, organisation)
    assert caught.value.mistakes == mistakes


def test_an_organisation_does_not_print_its_numbers() -> None:
    assert repr(Organisation("111222333")) == "Organisation(parent=…, child=None)"
