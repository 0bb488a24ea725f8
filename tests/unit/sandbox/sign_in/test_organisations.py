"""HelseID's `assertion_details`, as documented and otherwise."""

from typing import Any

import pytest

from bridge.sandbox.sign_in.organisations import Organisation, Tenancy, organisation_of
from bridge.sandbox.sign_in.refused import Refused

OWN, PARENT, CHILD = "310000000", "311111111", "312222222"
PARENT_SYSTEM, CHILD_SYSTEM = "urn:oid:1.0.6523", "urn:oid:2.16.578.1.12.4.1.4.101"


def details(system: str, value: str, kind: str = "ENH") -> dict[str, Any]:
    identifier = {"system": system, "type": kind, "value": value}
    return {"type": "helseid_authorization", "practitioner_role": {"organization": {"identifier": identifier}}}


@pytest.mark.parametrize(
    ("tenancy", "claim", "expected"),
    [
        ("single", None, Organisation(OWN)),
        ("single", details(CHILD_SYSTEM, CHILD), Organisation(OWN, CHILD)),
        ("multi", details(PARENT_SYSTEM, f"NO:ORGNR:{PARENT}"), Organisation(PARENT)),
        ("multi", details(PARENT_SYSTEM, f"NO:ORGNR:{PARENT}:"), Organisation(PARENT)),
        ("multi", details(PARENT_SYSTEM, f"NO:ORGNR:{PARENT}:{CHILD}"), Organisation(PARENT, CHILD)),
        ("multi", [{"type": "other"}, details(PARENT_SYSTEM, f"NO:ORGNR:{PARENT}")], Organisation(PARENT)),
    ],
)
def test_the_documented_forms_are_understood(tenancy: Tenancy, claim: object, expected: Organisation) -> None:
    assert organisation_of(claim, tenancy=tenancy, own=OWN) == expected


@pytest.mark.parametrize(
    ("tenancy", "claim", "why"),
    [
        ("multi", None, "HID-1007: A multi-tenant client must pass a parent organization number."),
        (
            "multi",
            details(CHILD_SYSTEM, CHILD),
            "HID-1007: A multi-tenant client must pass a parent organization number, too.",
        ),
        (
            "single",
            details(PARENT_SYSTEM, f"NO:ORGNR:{PARENT}:"),
            "HID-1005: Passing a parent organization number is not enabled for the client.",
        ),
        ("single", details(CHILD_SYSTEM, "31222222"), "HID-1004: The format of the organization number is incorrect."),
        (
            "multi",
            details(PARENT_SYSTEM, f"NO:ORGNR:{PARENT}:1"),
            "HID-1004: The format of the organization number is incorrect.",
        ),
        ("multi", details(PARENT_SYSTEM, PARENT), "HID-1004: The format of the organization number is incorrect."),
        (
            "multi",
            details("urn:oid:2.16.578.1.12.4.1.2.101", PARENT),
            "HID-1007: The system of the organization number is not known.",
        ),
        (
            "single",
            details(CHILD_SYSTEM, CHILD, kind="ORG"),
            "HID-1007: The type of an organization's identifier is ENH.",
        ),
        (
            "single",
            {"type": "other"},
            "HID-1007: assertion_details must hold one object of the type helseid_authorization.",
        ),
        (
            "single",
            [details(CHILD_SYSTEM, CHILD), details(CHILD_SYSTEM, CHILD)],
            "HID-1007: assertion_details must hold one object of the type helseid_authorization.",
        ),
        (
            "single",
            "helseid_authorization",
            "HID-1007: assertion_details must hold one object of the type helseid_authorization.",
        ),
        (
            "single",
            {"type": "helseid_authorization", "practitioner_role": {}},
            "HID-1007: assertion_details: Object missing required field `organization` - at `$.practitioner_role`.",
        ),
    ],
)
def test_other_forms_are_refused_with_helseids_numbers(tenancy: Tenancy, claim: object, why: str) -> None:
    with pytest.raises(Refused) as caught:
        organisation_of(claim, tenancy=tenancy, own=OWN)
    assert (caught.value.error, caught.value.description) == ("invalid_request", why)


@pytest.mark.parametrize(
    ("tenancy", "claim", "who", "why"),
    [
        ("single", None, OWN, "HID-1001: The parent organization number is not in the whitelist for the client."),
        (
            "multi",
            details(PARENT_SYSTEM, f"NO:ORGNR:{PARENT}:{CHILD}"),
            PARENT,
            "HID-1001: The parent organization number is not in the whitelist for the client.",
        ),
        (
            "multi",
            details(PARENT_SYSTEM, f"NO:ORGNR:{PARENT}:{CHILD}"),
            CHILD,
            "HID-1002: The child organization number is not in the whitelist for the client.",
        ),
    ],
)
def test_an_organisation_that_has_not_delegated_is_refused(tenancy: Tenancy, claim: object, who: str, why: str) -> None:
    with pytest.raises(Refused) as caught:
        organisation_of(claim, tenancy=tenancy, own=OWN, refused={who})
    assert caught.value.description == why


def test_an_organisation_does_not_print_its_numbers() -> None:
    assert repr(Organisation(PARENT, CHILD)) == "Organisation(…)"
