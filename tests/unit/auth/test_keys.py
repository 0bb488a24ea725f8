"""Signing keys: which are taken, with which algorithm, and what is said of the others."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey

from bridge.auth.keys import KeyConfig, SigningKeys, parse_key
from bridge.errors import ConfigurationError
from tests.support.sign_in import EC_JWK, EC_THUMBPRINT, RecordingObserver, ec_jwk, header_of, jwk, pem, rsa_key


def mistake(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_key(text, key_id=None, algorithm="PS256")
    return str(caught.value)


def test_a_jwk_keeps_its_own_kid_and_alg_whatever_is_configured() -> None:
    key = parse_key(jwk(rsa_key(), kid="own", alg="RS512"), key_id="configured", algorithm="PS256")
    assert (key.key_id, key.algorithm) == ("own", "RS512")


def test_a_jwk_without_kid_and_alg_takes_the_configured_ones() -> None:
    key = parse_key(jwk(rsa_key()), key_id="configured", algorithm="PS384")
    assert (key.key_id, key.algorithm) == ("configured", "PS384")


@pytest.mark.parametrize(("curve", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512")])
def test_the_curve_of_an_ec_key_decides_its_algorithm(curve: str, algorithm: str) -> None:
    assert parse_key(pem(ECKey.generate_key(curve)), key_id=None, algorithm="PS256").algorithm == algorithm


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_pem_signs_with_the_configured_algorithm(algorithm: str) -> None:
    key = parse_key(pem(rsa_key()), key_id="k", algorithm=algorithm)
    token = key.sign({"typ": "JWT"}, {"iss": "me"})
    assert header_of(token) == {"alg": algorithm, "typ": "JWT"}
    assert jwt.decode(token, rsa_key(), algorithms=[algorithm]).claims == {"iss": "me"}


def test_a_pem_in_one_line_with_backslash_n_is_read() -> None:
    one_line = pem(rsa_key()).replace("\n", "\\n")
    assert parse_key(one_line, key_id=None, algorithm="PS256").public_jwk["n"] == rsa_key().as_dict()["n"]


def test_the_public_jwk_has_only_the_members_that_make_the_key() -> None:
    key = parse_key(ec_jwk(kid="1", secretNote="do not tell"), key_id=None, algorithm="PS256")
    assert key.public_jwk == {"kty": "EC", "crv": "P-256", "x": EC_JWK["x"], "y": EC_JWK["y"]}


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    assert parse_key(ec_jwk(), key_id=None, algorithm="PS256").thumbprint == EC_THUMBPRINT


def test_a_key_prints_as_its_id_and_algorithm() -> None:
    key = parse_key(ec_jwk(kid="2026-a"), key_id=None, algorithm="PS256")
    assert repr(key) == "SigningKey(kid 2026-a, ES256)"
    assert str(parse_key(ec_jwk(), key_id=None, algorithm="PS256")) == "no kid, ES256"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is neither a JWK (JSON) nor PEM"),
        ("hunter2", "is neither a JWK (JSON) nor PEM"),
        (ec_jwk()[:-20], "is no complete JSON object with the members of a JWK"),
        ('{"kty": 1}', "is no complete JSON object with the members of a JWK"),
        ("{" + '"a":[' * 2000, "is no complete JSON object with the members of a JWK"),
        (json.dumps({"keys": [EC_JWK]}), "is a set of keys; give the one key that signs"),
        pytest.param(
            json.dumps(OctKey.generate_key(256).as_dict(private=True)),
            "is not of the type RSA or EC (its `kty`)",
            id="oct",  # two processes that share the tests must call each the same
        ),
        (json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)), "is not of the type RSA or EC (its `kty`)"),
        (ec_jwk(use="enc"), "is not meant for signing (its `use` or `key_ops`)"),
        (json.dumps({**EC_JWK, "key_ops": ["verify"]}), "is not meant for signing (its `use` or `key_ops`)"),
        (ec_jwk(d=""), "cannot be read: members or lines are missing, cut off or do not fit together"),
        (ec_jwk(d="AAAA"), "cannot be read: members or lines are missing, cut off or do not fit together"),
        (ec_jwk(crv="P-999"), "cannot be read: members or lines are missing, cut off or do not fit together"),
        (
            '{"kty":"RSA","n":"AQAB","e":7}',
            "cannot be read: members or lines are missing, cut off or do not fit together",
        ),
        (json.dumps(ECKey.generate_key("P-256").as_dict()), "is a public key; the private one is needed"),
        (rsa_key().as_pem().decode(), "is a public key; the private one is needed"),
        (
            rsa_key().as_pem(private=True, password="x").decode(),
            "is encrypted; give it without a password, protected as a secret",
        ),
        (pem(rsa_key())[:200], "cannot be read: members or lines are missing, cut off or do not fit together"),
        (OKPKey.generate_key("Ed25519").as_pem(private=True).decode(), "is not of the type RSA or EC"),
        (ec_jwk(alg="RS256"), "signs with ES256, and another `alg` is set"),
        (
            jwk(rsa_key(), alg="ES256"),
            "signs with RS256 or RS384 or RS512 or PS256 or PS384 or PS512, and another `alg` is set",
        ),
        (pem(ECKey.generate_key("secp256k1")), "is on a curve other than P-256, P-384 or P-521"),
    ],
)
def test_each_unfit_key_is_refused_with_one_sentence(text: str, sentence: str) -> None:
    assert mistake(text) == sentence


def test_a_short_rsa_key_is_refused() -> None:
    with pytest.warns(SecurityWarning):
        short = rsa_key("short", 1024)
    assert mistake(pem(short)) == "is an RSA key of 1024 bits; at least 2048 are needed"


@pytest.mark.parametrize("text", [ec_jwk(), pem(rsa_key()).strip(), pem(ECKey.generate_key("P-521")).strip()])
def test_a_key_that_is_cut_off_anywhere_is_refused(text: str) -> None:
    for length in range(len(text)):
        with pytest.raises(ConfigurationError):
            parse_key(text[:length], key_id=None, algorithm="PS256")


def test_a_key_of_a_curve_that_nobody_supports_is_refused() -> None:
    """`openssl ecparam -name prime239v1 -genkey`: an error of its own in the library beneath."""
    prime239v1 = """-----BEGIN EC PRIVATE KEY-----
MHECAQEEHlocUK7voxASqDJomSqmwgCdMBxkdxt2EDbhIOBgG6AKBggqhkjOPQMB
BKFAAz4ABARnurBh/kdwyd2H59LkhHNjJeEyHq+lfI77KIIiAioAI+41nx2pVE2/
mXTjy4R/hX8q+WtsOdwMuj4hmQ==
-----END EC PRIVATE KEY-----"""
    assert mistake(prime239v1) == "cannot be read: members or lines are missing, cut off or do not fit together"
    brainpool = ec.generate_private_key(ec.BrainpoolP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    assert mistake(brainpool.decode()) == "is on a curve other than P-256, P-384 or P-521"


def test_no_part_of_a_broken_key_is_in_its_error_or_in_what_caused_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_key('{"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "sEcReT-part"}', key_id=None, algorithm="PS256")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "sEcReT" not in str(caught.value)


def test_a_key_that_the_issuer_does_not_take_is_refused_with_the_name_of_the_key() -> None:
    def check(_: object) -> None:
        raise ConfigurationError("is too old")

    with pytest.raises(ConfigurationError, match=r"^the private key is too old$"):
        SigningKeys(KeyConfig(read=ec_jwk), rsa_algorithm="PS256", observer=RecordingObserver(), check=check)


def test_the_configuration_prints_nothing_of_where_the_key_comes_from() -> None:
    assert repr(KeyConfig(read=ec_jwk, key_id="k")) == "KeyConfig(key_id='k', algorithm=None)"
