"""For whom a client of HelseID asks a token: the claim `assertion_details`. Pure.

Format: page organisasjonsnumre_enmd and FK5 of HelseID's functional requirements; error numbers: page
feilmeldinger_enmd, all of NHN's developer portal (nhn-notifications §3). Which OAuth error code goes with them is
nowhere stated.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from bridge.sandbox.sign_in.refused import INVALID_REQUEST, Refused

Tenancy = Literal["single", "multi"]
TYPE = "helseid_authorization"
PARENT_SYSTEM = "urn:oid:1.0.6523"
"""ISO 6523: `NO:ORGNR:<parent>`, then `:` or `:<child>` where there is more to say."""
CHILD_SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.101"
"""A sub-unit's number alone."""
_PARENT_VALUE = re.compile(r"NO:ORGNR:([0-9]{9})(?::([0-9]{9})?)?", re.ASCII)
_CHILD_VALUE = re.compile(r"[0-9]{9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Organisation:
    """Nine digits each; not shown, since a sole trader's number is a person's."""

    parent: str
    child: str | None = None

    def __repr__(self) -> str:
        return "Organisation(…)"


class _Identifier(msgspec.Struct):
    system: str
    type: str
    value: str


class _Organization(msgspec.Struct):
    identifier: _Identifier


class _PractitionerRole(msgspec.Struct):
    organization: _Organization


class _Authorization(msgspec.Struct):
    practitioner_role: _PractitionerRole


def organisation_of(
    details: object, *, tenancy: Tenancy, own: str, refused: Collection[str] = frozenset()
) -> Organisation:
    """The organisation that a token is for. Raises Refused.

    `details`: the claim, None where it is absent. `own`: number of the client's own organisation. `refused`: those that
    have not delegated.
    """
    identifier = _identifier(details)
    if identifier is None:
        if tenancy == "multi":
            raise _refused("HID-1007", "A multi-tenant client must pass a parent organization number.")
        organisation = Organisation(own)
    elif identifier.system == PARENT_SYSTEM:
        organisation = _with_parent(identifier.value, tenancy)
    elif identifier.system == CHILD_SYSTEM:
        organisation = _with_child(identifier.value, tenancy, own)
    else:
        raise _refused("HID-1007", "The system of the organization number is not known.")
    if organisation.parent in refused:
        raise _refused("HID-1001", "The parent organization number is not in the whitelist for the client.")
    if organisation.child in refused:
        raise _refused("HID-1002", "The child organization number is not in the whitelist for the client.")
    return organisation


def _identifier(details: object) -> _Identifier | None:
    """Of the one authorization of HelseID's type, alone or in a list with others."""
    found: list[Any] = [
        each
        for each in (details if isinstance(details, list) else [details])
        if isinstance(each, dict) and each.get("type") == TYPE
    ]
    if len(found) > 1 or (details is not None and not found):
        raise _refused("HID-1007", f"assertion_details must hold one object of the type {TYPE}.")
    if not found:
        return None
    try:
        identifier = msgspec.convert(found[0], _Authorization).practitioner_role.organization.identifier
    except msgspec.ValidationError as error:
        raise _refused("HID-1007", f"assertion_details: {error}.") from None
    if identifier.type != "ENH":
        raise _refused("HID-1007", "The type of an organization's identifier is ENH.")
    return identifier


def _with_parent(value: str, tenancy: Tenancy) -> Organisation:
    match = _PARENT_VALUE.fullmatch(value)
    if match is None:
        raise _refused("HID-1004", "The format of the organization number is incorrect.")
    if tenancy == "single":
        raise _refused("HID-1005", "Passing a parent organization number is not enabled for the client.")
    return Organisation(match[1], match[2])


def _with_child(value: str, tenancy: Tenancy, own: str) -> Organisation:
    if not _CHILD_VALUE.fullmatch(value):
        raise _refused("HID-1004", "The format of the organization number is incorrect.")
    if tenancy == "multi":
        raise _refused("HID-1007", "A multi-tenant client must pass a parent organization number, too.")
    return Organisation(own, value)


def _refused(number: str, why: str) -> Refused:
    return Refused(INVALID_REQUEST, f"{number}: {why}")
