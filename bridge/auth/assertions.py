"""The JWTs that ask for a token. Pure.

HelseID: pages bruk_av_client_assertion_enmd and organisasjonsnumre_enmd ("The usage of organization numbers") of NHN's
developer portal, and NHN's HelseID.Library. Maskinporten: page "JWT grant" of docs.digdir.no.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bridge.auth.keys import SigningKey
from bridge.errors import ConfigurationError

HELSEID_LIFE_S = 30
"""HelseID takes an `exp` of at most 60 s ahead; half of it leaves the clocks 30 s to either side."""
MASKINPORTEN_LIFE_S = 60
"""Maskinporten takes `exp - iat` of at most 120 s."""

Tenancy = Literal["single", "multi"]
_ORGANISATION_NUMBER = re.compile(r"[0-9]{9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Organisation:
    """For whom a token is asked. Nine digits each; not shown, since a sole trader's number is a person's."""

    parent: str | None = None
    child: str | None = None

    def __repr__(self) -> str:
        return f"Organisation(parent={'…' if self.parent else None}, child={'…' if self.child else None})"


NOBODY_ELSE = Organisation()
"""The client's own organisation."""


def assertion_details(tenancy: Tenancy, organisation: Organisation) -> Mapping[str, Any] | None:
    """HelseID's claim `assertion_details` (FK5 of its functional requirements); None where nothing has to be said.

    A single-tenant client's parent is known to HelseID and goes into the token by itself. Without a child a
    multi-tenant value ends in a colon, as NHN's own library writes it. Raises ConfigurationError.
    """
    _check(tenancy, organisation)
    if tenancy == "multi":
        return _authorization("urn:oid:1.0.6523", f"NO:ORGNR:{organisation.parent}:{organisation.child or ''}")
    if organisation.child is not None:
        return _authorization("urn:oid:2.16.578.1.12.4.1.4.101", organisation.child)
    return None


def _check(tenancy: Tenancy, organisation: Organisation) -> None:
    mistakes = [
        f"the {name} organisation number must be nine digits"
        for name, number in (("parent", organisation.parent), ("child", organisation.child))
        if number is not None and not _ORGANISATION_NUMBER.fullmatch(number)
    ]
    if tenancy == "multi" and organisation.parent is None:
        mistakes.append("a multi-tenant client needs the parent organisation number of whom it acts for")
    if mistakes:
        raise ConfigurationError(*mistakes)


def _authorization(system: str, value: str) -> Mapping[str, Any]:
    identifier = {"system": system, "type": "ENH", "value": value}
    return {"type": "helseid_authorization", "practitioner_role": {"organization": {"identifier": identifier}}}


def client_assertion(
    key: SigningKey,
    *,
    client_id: str,
    audience: str,
    issued_at: datetime,
    assertion_id: str,
    details: Mapping[str, Any] | None = None,
) -> str:
    """private_key_jwt for one token request of HelseID; a new `assertion_id` (`jti`) for every request."""
    now = int(issued_at.timestamp())
    claims: dict[str, Any] = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + HELSEID_LIFE_S,
        "jti": assertion_id,
    }
    if details is not None:
        claims["assertion_details"] = details
    return key.sign(_header(key, "client-authentication+jwt"), claims)


def jwt_grant(
    key: SigningKey, *, client_id: str, audience: str, scope: str, issued_at: datetime, assertion_id: str
) -> str:
    """JWT-bearer grant for one token request of Maskinporten.

    It refuses every claim that it does not know: no `sub`, no `nbf`. `audience`: the issuer with its trailing slash.
    """
    now = int(issued_at.timestamp())
    claims = {
        "aud": audience,
        "iss": client_id,
        "scope": scope,
        "iat": now,
        "exp": now + MASKINPORTEN_LIFE_S,
        "jti": assertion_id,
    }
    return key.sign(_header(key, None), claims)


def _header(key: SigningKey, kind: str | None) -> Mapping[str, str]:
    members = {"kid": key.key_id, "typ": kind}
    return {name: value for name, value in members.items() if value is not None}
