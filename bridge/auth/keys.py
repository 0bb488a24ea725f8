"""Signing keys, from a JWK or PEM; JOSE is joserfc's part.

A JWK's own `kid` and `alg` hold; where it has none, and for PEM, the configuration's do, then the default of its type.
HelseID takes RS, PS and ES with 256, 384 or 512 (AlgorithmValidator of NHN's HelseID.Samples), Maskinporten RS.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import InvalidKeyTypeError, JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from bridge.auth.last_good import LastGood
from bridge.auth.observer import SignInObserver
from bridge.errors import ConfigurationError

MIN_RSA_BITS = 2048
"""NIST SP 800-131A; NHN's own generator makes 4096."""
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
EC_ALGORITHMS: Mapping[str, str] = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
"""By curve: P-256, P-384, P-521."""

_PRIVATE_MEMBERS = {
    "RSA": ("n", "e", "d", "p", "q", "dp", "dq", "qi"),
    "EC": ("crv", "x", "y", "d"),
}
_PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyConfig:
    """The private key and, for what it does not say itself, its id and algorithm."""

    read: Callable[[], str] = field(repr=False)
    """Gives the JWK (JSON) or PEM as it is now; called for each token, so that a key changes without a restart. Raises
    ConfigurationError."""
    key_id: str | None = None
    """`kid` under which the issuer knows the key."""
    algorithm: str | None = None
    """For a PEM RSA key; default: the issuer's recommendation."""


class SigningKey:
    """A private RSA or EC key with its algorithm and id. Prints as nothing but those two."""

    def __init__(self, key: RSAKey | ECKey, *, algorithm: str, key_id: str | None) -> None:
        self._key = key
        self.algorithm = algorithm
        self.key_id = key_id
        members = key.as_dict()
        self.public_jwk = {name: str(members[name]) for name in ("kty", *_PUBLIC_MEMBERS[key.key_type])}
        """Required public members only: an unknown member of a JWK could be a secret."""
        self.thumbprint = key.thumbprint()
        """RFC 7638, SHA-256: what an access token's `cnf.jkt` must be."""

    def __repr__(self) -> str:
        return f"SigningKey({self})"

    def __str__(self) -> str:
        return f"kid {self.key_id}, {self.algorithm}" if self.key_id else f"no kid, {self.algorithm}"

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """A compact JWT; `alg` is added to the header."""
        return jwt.encode(
            {"alg": self.algorithm, **header},
            dict(claims),
            self._key,
            algorithms=[self.algorithm],
            default_type=None,
        )


class SigningKeys:
    """The signing key of one configuration as it is now; the last good one where a changed one is no good."""

    def __init__(
        self,
        config: KeyConfig,
        *,
        rsa_algorithm: str,
        observer: SignInObserver,
        check: Callable[[SigningKey], None] = lambda _: None,
    ) -> None:
        """`rsa_algorithm`: of an RSA key for which none is given. `check`: what else the issuer asks of a key; raises
        ConfigurationError, as this does.
        """
        self._config = config
        self._rsa_algorithm = rsa_algorithm
        self._check = check
        self._key = LastGood("the private key", config.read, self._parse, observer=observer)

    def _parse(self, text: str) -> SigningKey:
        algorithm = self._config.algorithm or self._rsa_algorithm
        key = parse_key(text, key_id=self._config.key_id, algorithm=algorithm)
        self._check(key)
        return key

    def current(self) -> SigningKey:
        """The key to sign with now."""
        return self._key.current()


def parse_key(text: str, *, key_id: str | None, algorithm: str) -> SigningKey:
    """A key from JWK or PEM; `key_id` and `algorithm` (of an RSA key) fill in what it does not say itself.

    Raises ConfigurationError with a clause that follows the key's name ("is …") and holds nothing of the key.
    """
    stripped = text.strip()
    if stripped.startswith("{"):
        return _from_jwk(stripped, key_id=key_id, algorithm=algorithm)
    if "-----BEGIN" in stripped:
        return _checked(_from_pem(stripped), algorithm=None, rsa_algorithm=algorithm, key_id=key_id)
    raise ConfigurationError("is neither a JWK (JSON) nor PEM")


class _Jwk(msgspec.Struct):
    """Members that decide; the key's own are taken from the same text by name."""

    kty: str | None = None
    alg: str | None = None
    kid: str | None = None
    use: str | None = None
    key_ops: list[str] | None = None
    keys: object = None


def _from_jwk(text: str, *, key_id: str | None, algorithm: str) -> SigningKey:
    try:
        jwk = msgspec.json.decode(text, type=_Jwk)
        members = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise ConfigurationError("is no complete JSON object with the members of a JWK") from None
    if jwk.keys is not None:
        raise ConfigurationError("is a set of keys; give the one key that signs")
    if jwk.kty not in _PRIVATE_MEMBERS:
        raise ConfigurationError("is not of the type RSA or EC (its `kty`)")
    if jwk.use not in {None, "sig"} or (jwk.key_ops is not None and "sign" not in jwk.key_ops):
        raise ConfigurationError("is not meant for signing (its `use` or `key_ops`)")
    wanted = {name: members[name] for name in _PRIVATE_MEMBERS[jwk.kty] if name in members}
    key_class = RSAKey if jwk.kty == "RSA" else ECKey
    key = _imported(key_class, {"kty": jwk.kty, **wanted})
    return _checked(key, algorithm=jwk.alg, rsa_algorithm=algorithm, key_id=jwk.kid or key_id)


def _from_pem(text: str) -> RSAKey | ECKey:
    if re.search(r"ENCRYPTED|Proc-Type", text):
        raise ConfigurationError("is encrypted; give it without a password, protected as a secret")
    # a PEM in one line of an environment variable is written with \n
    pem = text.replace("\\n", "\n")
    try:
        return _imported(RSAKey, pem)
    except InvalidKeyTypeError:
        pass
    try:
        return _imported(ECKey, pem)
    except InvalidKeyTypeError:
        raise ConfigurationError("is not of the type RSA or EC") from None


def _imported(key_class: type[RSAKey] | type[ECKey], value: str | dict[str, Any]) -> RSAKey | ECKey:
    """Import by joserfc, with its many errors as one sentence: their messages and causes may quote the key."""
    try:
        # a short key is refused in `_checked`, not warned about
        with warnings.catch_warnings(action="ignore", category=SecurityWarning):
            return key_class.import_key(value)
    except InvalidKeyTypeError:
        raise
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError):
        raise ConfigurationError(
            "cannot be read: members or lines are missing, cut off or do not fit together"
        ) from None


def _checked(key: RSAKey | ECKey, *, algorithm: str | None, rsa_algorithm: str, key_id: str | None) -> SigningKey:
    """`algorithm`: the key's own; None where it names none."""
    if key.private_key is None:
        raise ConfigurationError("is a public key; the private one is needed")
    if isinstance(key, RSAKey):
        if key.raw_value.key_size < MIN_RSA_BITS:
            raise ConfigurationError(
                f"is an RSA key of {key.raw_value.key_size} bits; at least {MIN_RSA_BITS} are needed"
            )
        allowed: tuple[str, ...] = RSA_ALGORITHMS
        chosen = algorithm or rsa_algorithm
    else:
        only = EC_ALGORITHMS.get(key.raw_value.curve.name)
        if only is None:
            raise ConfigurationError("is on a curve other than P-256, P-384 or P-521")
        allowed = (only,)
        chosen = algorithm or only
    if chosen not in allowed:
        raise ConfigurationError(f"signs with {' or '.join(allowed)}, and another `alg` is set")
    return SigningKey(key, algorithm=chosen, key_id=key_id)
