"""Clients as an issuer knows them: their public keys, scopes and organisation. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from joserfc.jwk import ECKey, RSAKey

from bridge.sandbox.sign_in.jose import ALGORITHMS, MIN_RSA_BITS, Jwt, Key, Unreadable, public_key
from bridge.sandbox.sign_in.organisations import Tenancy

NHN_SCOPE = "nhn:msh/api"
ALTINN_SCOPE = "altinn:serviceowner/notifications.create"
SANDBOX_CLIENT = "bridge-sandbox"
SANDBOX_ALTINN_CLIENT = "bridge-sandbox-altinn"
SANDBOX_ORGANISATION = "310000000"
"""Made up, like all numbers that begin with 3 in Norway's test data."""
MAX_CLIENTS = 1000
_MAX_KEYS = 20
_EC_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 7517 §5."""

    keys: tuple[dict[str, Any], ...]


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client as it is registered. Registering it again replaces it: that is how keys are exchanged."""

    client_id: str
    jwks: KeySet
    """Public keys; `kid` and `alg` hold where they are given."""
    scope: str = f"{NHN_SCOPE} {ALTINN_SCOPE}"
    """Those that it may ask for, separated by spaces."""
    tenancy: Tenancy = "single"
    organisation: str = SANDBOX_ORGANISATION
    """Number of its own organisation."""


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """One of a client's keys."""

    key: Key
    key_id: str | None
    algorithm: str | None
    """The only one that is taken; None: any that fits the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client."""

    client_id: str
    keys: tuple[RegisteredKey, ...]
    scopes: frozenset[str]
    tenancy: Tenancy
    organisation: str = field(repr=False)

    def has_signed(self, token: Jwt) -> bool:
        """Whether the JWT is signed with one of its keys: the one that its `kid` names, else any."""
        key_id, algorithm = token.header.get("kid"), token.header.get("alg")
        return any(
            token.is_signed_with(registered.key)
            for registered in self.keys
            if key_id in (None, registered.key_id) and registered.algorithm in (None, algorithm)
        )


class Clients:
    """All that are registered, by id."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}

    def get(self, client_id: str) -> Client | None:
        """The client of this id."""
        return self._clients.get(client_id)

    def register(self, wanted: Registration) -> Client:
        """Raises ValueError with a sentence."""
        if not wanted.client_id:
            raise ValueError("a client needs an id")
        if len(self._clients) >= MAX_CLIENTS and wanted.client_id not in self._clients:
            raise ValueError(f"there are {MAX_CLIENTS} clients already")
        client = Client(
            client_id=wanted.client_id,
            keys=_registered(wanted.jwks.keys),
            scopes=frozenset(wanted.scope.split()),
            tenancy=wanted.tenancy,
            organisation=wanted.organisation,
        )
        self._clients[client.client_id] = client
        return client


def _registered(jwks: Sequence[Mapping[str, Any]]) -> tuple[RegisteredKey, ...]:
    if not 0 < len(jwks) <= _MAX_KEYS:
        raise ValueError(f"a client needs 1 to {_MAX_KEYS} keys")
    keys = []
    for jwk in jwks:
        if jwk.get("alg") not in (None, *ALGORITHMS):
            raise ValueError(f"a key's alg must be one of {', '.join(ALGORITHMS)}")
        try:
            keys.append(RegisteredKey(public_key(jwk), jwk.get("kid"), jwk.get("alg")))
        except Unreadable as error:
            raise ValueError(f"a key {error}") from None
    return tuple(keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientWithKey:
    """A client as its owner knows it."""

    client_id: str
    jwk: Mapping[str, Any] = field(repr=False)
    """Private."""
    tenancy: Tenancy = "single"

    def registration(self) -> Registration:
        """What its owner would tell the issuer."""
        key_class = RSAKey if self.jwk["kty"] == "RSA" else ECKey
        named = {name: self.jwk[name] for name in ("kid", "alg") if name in self.jwk}
        public = key_class.import_key(dict(self.jwk)).as_dict(private=False) | named
        return Registration(client_id=self.client_id, jwks=KeySet(keys=(public,)), tenancy=self.tenancy)


def new_client(
    client_id: str = SANDBOX_CLIENT, *, algorithm: str = "ES256", tenancy: Tenancy = "single"
) -> ClientWithKey:
    """A client with a new key of `algorithm`, for RSA of 2048 bits: enough for a sandbox, and there at once."""
    curve = _EC_CURVES.get(algorithm)
    key = ECKey.generate_key(curve) if curve else RSAKey.generate_key(MIN_RSA_BITS)
    jwk = key.as_dict(private=True, kid=key.thumbprint(), alg=algorithm)
    return ClientWithKey(client_id=client_id, jwk=jwk, tenancy=tenancy)
