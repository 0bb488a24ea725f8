"""Who gets an e-mail or SMS: made up, and recognisably so. Pure."""

import msgspec

from bridge.sandbox.altinn.statuses import NOT_IDENTIFIED, RESERVED, Channel

_UNREACHABLE = (RESERVED, NOT_IDENTIFIED)
_KINDS = 8
"""Of eight, five have an address alone, two are persons, one is an organisation."""


class Recipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As the order's endpoints show it."""

    address: str
    """E-mail address or mobile number; empty where Altinn found none."""
    national_identity_number: str | None = None
    organization_number: str | None = None


def recipient(channel: Channel, number: int, first_status: str) -> Recipient:
    """The recipient that `number` (0 to 2^32-1) stands for; without an address where Altinn found none."""
    is_unreachable = first_status in _UNREACHABLE
    address = "" if is_unreachable else _address(channel, number)
    kind = number % _KINDS
    if kind == 0 and first_status != RESERVED:
        return Recipient(address, organization_number=f"31{number // _KINDS % 10_000_000:07d}")
    if kind in (1, 2) or is_unreachable:
        return Recipient(address, national_identity_number=_national_identity_number(number // _KINDS))
    return Recipient(address)


def _address(channel: Channel, number: int) -> str:
    if channel is Channel.SMS:
        return f"+47990{number % 100_000:05d}"
    return f"mottaker-{number}@example.com"


def _national_identity_number(number: int) -> str:
    """A day, a month that no calendar has (as in Norway's test data: 80 more) and seven digits."""
    return f"{number % 28 + 1:02d}{number % 12 + 81}{number % 10_000_000:07d}"
