"""Access tokens of HelseID for NHN's API: what is in one, and what the API looks at. Pure.

RFC 9068; claims as HelseID's own tokens have them (nhn-notifications §3).
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from bridge.sandbox.sign_in.clients import Client
from bridge.sandbox.sign_in.jose import IssuingKey, Unreadable, read_jwt
from bridge.sandbox.sign_in.organisations import Organisation
from bridge.sandbox.sign_in.refused import INSUFFICIENT_SCOPE, UNUSABLE, Refused

TYPE = "at+jwt"
AUDIENCE = "nhn:msh"
DEFAULT_CAPACITY = 1000
SomeClaims = TypeVar("SomeClaims", bound=msgspec.Struct)
_CLAIMS = "helseid://claims/client/claims/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a token is made for."""

    issuer: str
    client: Client
    scopes: frozenset[str]
    organisation: Organisation
    thumbprint: str
    """Of the key that the token is bound to."""


def token_claims(binding: Binding, *, token_id: str, now_s: float, life_s: float) -> Mapping[str, Any]:
    """Claims of a new token. `now_s`: Unix time."""
    numbers = {"orgnr_parent": binding.organisation.parent, "orgnr_child": binding.organisation.child}
    return {
        "iss": binding.issuer,
        "aud": AUDIENCE,
        "client_id": binding.client.client_id,
        "jti": token_id,
        "iat": int(now_s),
        "nbf": int(now_s),
        "exp": int(now_s + life_s),
        "scope": sorted(binding.scopes),
        "cnf": {"jkt": binding.thumbprint},
        **{f"{_CLAIMS}{name}": number for name, number in numbers.items() if number is not None},
    }


class _Confirmation(msgspec.Struct):
    jkt: str


class _Claims(msgspec.Struct):
    exp: float
    aud: str
    scope: frozenset[str]
    cnf: _Confirmation


class Verified(Generic[SomeClaims]):
    """The tokens of one issuer. A token is used for many requests: its signature is checked once."""

    def __init__(self, key: IssuingKey, claims: type[SomeClaims], *, kind: str, capacity: int) -> None:
        """`kind`: their `typ`. `capacity`: tokens that are remembered."""
        self._key = key
        self._claims = claims
        self._kind = kind
        self._capacity = capacity
        self._known: OrderedDict[str, SomeClaims] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def claims(self, text: str) -> SomeClaims:
        """The claims of a token that the issuer has signed, expired or not. Raises Refused."""
        return self._known.get(text) or self._verify(text)

    def _verify(self, text: str) -> SomeClaims:
        try:
            token = read_jwt(text)
            claims = token.claims(self._claims)
        except Unreadable as error:
            raise unusable(f"The access token {error}.") from None
        if token.header.get("typ") != self._kind:
            raise unusable(f"The access token's typ must be {self._kind}.")
        if not self._key.has_signed(token):
            raise unusable("The access token's signature is not the issuer's.")
        self._known[text] = claims
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return claims


class TokenCheck:
    """The API's side."""

    def __init__(self, key: IssuingKey, *, scope: str, capacity: int = DEFAULT_CAPACITY) -> None:
        """`scope`: the one that the API wants. `capacity`: tokens that are remembered."""
        self._scope = scope
        self._verified = Verified(key, _Claims, kind=TYPE, capacity=capacity)

    def __len__(self) -> int:
        return len(self._verified)

    def thumbprint_of(self, text: str, *, now_s: float) -> str:
        """The thumbprint of the key that the token is bound to. `now_s`: Unix time. Raises Refused."""
        claims = self._verified.claims(text)
        if claims.exp <= now_s:
            raise unusable("The access token has expired.")
        if claims.aud != AUDIENCE:
            raise unusable("The access token is meant for another audience.")
        if self._scope not in claims.scope:
            raise Refused(INSUFFICIENT_SCOPE, f"The access token lacks the scope {self._scope}.")
        return claims.cnf.jkt


def unusable(why: str) -> Refused:
    """A token is not taken, whatever for."""
    return Refused(UNUSABLE, why)
