"""Clients: registered, replaced, kept in a file."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import ECKey, RSAKey

from bridge.sandbox.sign_in.client_file import client_in_file
from bridge.sandbox.sign_in.clients import Clients, KeySet, Registration, new_client
from bridge.sandbox.sign_in.forms import check_grant_type, read_form, required
from bridge.sandbox.sign_in.jose import read_jwt
from bridge.sandbox.sign_in.refused import Refused
from tests.unit.sandbox.sign_in.makers import EC, OTHER_EC, assertion, registration

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("ES256", ECKey), ("ES512", ECKey), ("PS256", RSAKey), ("RS256", RSAKey)]
)
def test_a_new_client_can_sign_with_its_algorithm(algorithm: str, kind: type[ECKey] | type[RSAKey]) -> None:
    client = new_client("c", algorithm=algorithm)
    known = Clients().register(client.registration())
    key = kind.import_key(dict(client.jwk))
    text = assertion(header={"alg": algorithm, "kid": client.jwk["kid"]}, key=key)
    assert client.jwk["alg"] == algorithm
    assert known.has_signed(read_jwt(text))


def test_a_client_is_registered_without_its_private_key_and_does_not_print_it() -> None:
    client = new_client()
    (jwk,) = client.registration().jwks.keys
    assert set(jwk) == {"kty", "crv", "x", "y", "kid", "alg"}
    assert client.jwk["d"] not in repr(client)


def test_registering_again_replaces_the_keys() -> None:
    known = Clients()
    old, new = read_jwt(assertion()), read_jwt(assertion(key=OTHER_EC, header={"kid": "key-2"}))

    def taken(*keys: ECKey) -> list[bool]:
        client = known.register(registration(*keys))
        return [client.has_signed(old), client.has_signed(new)]

    assert taken(EC) == [True, False]
    assert taken(EC, OTHER_EC) == [True, True]
    only_new = known.register(
        Registration(client_id="client-1", jwks=KeySet(keys=(OTHER_EC.as_dict(private=False, kid="key-2"),)))
    )
    assert [only_new.has_signed(old), only_new.has_signed(new)] == [False, True]


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"client_id": ""}, "a client needs an id"),
        ({"jwks": KeySet(keys=())}, "a client needs 1 to 20 keys"),
        ({"jwks": KeySet(keys=({"kty": "RSA"},))}, "a key has members that are missing or do not fit together"),
        ({"jwks": KeySet(keys=(EC.as_dict(private=True),))}, "a key has private members"),
        (
            {"jwks": KeySet(keys=({**EC.as_dict(private=False), "alg": []},))},
            "a key's alg must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512",
        ),
        (
            {"jwks": KeySet(keys=(EC.as_dict(private=False, alg="HS256"),))},
            "a key's alg must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512",
        ),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(members: dict[str, Any], why: str) -> None:
    usual = {"client_id": "c", "jwks": KeySet(keys=(EC.as_dict(private=False),))}
    with pytest.raises(ValueError, match=f"^{why}"):
        Clients().register(Registration(**{**usual, **members}))


def test_there_is_a_limit_to_clients_but_not_to_replacing_them() -> None:
    known = Clients()
    for number in range(1000):
        known.register(msgspec.structs.replace(registration(EC), client_id=str(number)))
    known.register(msgspec.structs.replace(registration(OTHER_EC), client_id="0"))
    with pytest.raises(ValueError, match="there are 1000 clients already"):
        known.register(registration(EC))


def test_a_key_file_is_made_for_its_owner_alone_and_used_again(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    client = client_in_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == client.jwk
    assert client_in_file(path, tenancy="multi").jwk == client.jwk


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"kty": "EC"}', '{"kty": "oct", "k": "AAAA"}'])
def test_a_file_that_holds_something_else_is_left_as_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="holds no private key as JWK; name a file that is not there yet"):
        client_in_file(path)
    assert path.read_text() == text


def test_a_file_with_a_public_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(EC.as_dict(private=False)))
    with pytest.raises(ValueError, match="holds a public key; the private one is needed"):
        client_in_file(path)


def test_a_form_is_read() -> None:
    form = read_form(FORM, b"grant_type=client_credentials&scope=nhn%3Amsh%2Fapi&empty=")
    assert form == {"grant_type": "client_credentials", "scope": "nhn:msh/api"}
    assert required(form, "scope") == "nhn:msh/api"
    check_grant_type(form, "client_credentials")


@pytest.mark.parametrize(
    ("content_type", "body", "error", "why"),
    [
        ("application/json", b"{}", "invalid_request", f"The content type must be {FORM}."),
        (FORM, b"\xff", "invalid_request", "The form cannot be read."),
        (FORM, b"a=1&" * 51, "invalid_request", "The form cannot be read."),
        (FORM, b"a=1&a=2", "invalid_request", "A parameter must not be given twice."),
        (FORM, b"", "invalid_request", "The parameter grant_type is missing."),
        (FORM, b"grant_type=password", "unsupported_grant_type", "The grant_type must be client_credentials."),
    ],
)
def test_a_form_against_the_rules_is_refused(content_type: str, body: bytes, error: str, why: str) -> None:
    with pytest.raises(Refused) as caught:
        check_grant_type(read_form(content_type, body), "client_credentials")
    assert (caught.value.error, caught.value.description) == (error, why)
