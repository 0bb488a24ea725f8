"""JWTs and keys, by joserfc. Pure."""

import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""What HelseID takes (AlgorithmValidator of NHN's HelseID.Samples)."""
MIN_RSA_BITS = 2048
_REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS)
_REGISTRY.max_header_length = 8192
"""A proof's header holds a public key: an RSA key of 4096 bits makes 1 kB."""
_PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES = ("P-256", "P-384", "P-521")
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, RecursionError)

Key = RSAKey | ECKey
Claims = TypeVar("Claims")


class Unreadable(Exception):
    """Something is no JWT, or no public key. The message says what, and quotes nothing."""


class Jwt:
    """A JWT whose signature nobody has checked yet."""

    def __init__(self, signed: jws.CompactSignature) -> None:
        self._signed = signed
        self.header: Mapping[str, Any] = signed.protected

    @property
    def header_segment(self) -> bytes:
        """As it was sent; the same for all proofs of one key."""
        return self._signed.segments["header"]

    def is_signed_with(self, key: Key) -> bool:
        """Whether the signature is one of this key, by the algorithm that the header names."""
        try:
            return jws.validate_compact(self._signed, key, registry=_REGISTRY)
        except _UNREADABLE:
            return False

    def claims(self, kind: type[Claims]) -> Claims:
        """The claims as a struct or a dict. Raises Unreadable."""
        try:
            return msgspec.json.decode(self._signed.payload, type=kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise Unreadable(f"has wrong claims: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unreadable("has claims that are no JSON object") from None


def read_jwt(text: str) -> Jwt:
    """Raises Unreadable."""
    try:
        signed = jws.extract_compact(text.encode("ascii"), registry=_REGISTRY)
    except _UNREADABLE:
        raise Unreadable("is no JWT of three parts") from None
    if not isinstance(signed.protected, dict):
        raise Unreadable("has no JSON object as its header")
    return Jwt(signed)


def public_key(jwk: object) -> Key:
    """A public RSA or EC key of a JWK. Raises Unreadable, also where a private member is there."""
    if not isinstance(jwk, dict):
        raise Unreadable("is no JSON object")
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise Unreadable("has private members")
    names = _PUBLIC_MEMBERS.get(str(jwk.get("kty")))
    if names is None:
        raise Unreadable("is not of the type RSA or EC")
    members = {"kty": jwk["kty"], **{name: jwk.get(name) for name in names}}
    if jwk["kty"] == "EC" and members["crv"] not in _CURVES:
        raise Unreadable("is on a curve other than P-256, P-384 or P-521")
    try:
        with warnings.catch_warnings(action="ignore", category=SecurityWarning):
            key = RSAKey.import_key(members) if jwk["kty"] == "RSA" else ECKey.import_key(members)
    except _UNREADABLE:
        raise Unreadable("has members that are missing or do not fit together") from None
    if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_RSA_BITS:
        raise Unreadable(f"is an RSA key of fewer than {MIN_RSA_BITS} bits")
    return key


class IssuingKey:
    """The key with which an issuer signs its tokens."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256")
        self._key_id = self._key.thumbprint()

    def jwks(self) -> Mapping[str, Any]:
        """Its public part, as a key set."""
        return {"keys": [self._key.as_dict(private=False, kid=self._key_id, use="sig", alg="ES256")]}

    def sign(self, claims: Mapping[str, Any], *, kind: str) -> str:
        """A compact JWT; `kind` is its `typ`."""
        header = {"alg": "ES256", "typ": kind, "kid": self._key_id}
        return jwt.encode(header, dict(claims), self._key, algorithms=["ES256"])

    def has_signed(self, token: Jwt) -> bool:
        """Whether the token is one of this key's."""
        return token.is_signed_with(self._key)
