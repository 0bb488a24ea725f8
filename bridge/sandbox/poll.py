"""One request for notifications, checked as NHN's API does. Pure.

Limits: PAGE "Get Notifications" of 28.04.2026 and nhn-notifications §1.2, §1.3. Names of parameters are matched
without regard to case and a repeated scalar takes its first value, as ASP.NET binds; a comma list is not an integer.
HER-ids that are given twice count towards the limit and are read once: NHN states no rule.
"""

import re
from urllib.parse import unquote_plus

import msgspec

API_VERSION = "3"
MAX_HER_IDS = 1500
MAX_ITEMS = 1000
DEFAULT_ITEMS = 100
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,20}\s*", re.ASCII)
_NAMES = {"herids": "HerIds", "offset": "Offset", "notificationstofetch": "NotificationsToFetch"}
_SHOWN_CHARACTERS = 40
_MAX_DIGITS = 19


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """A request that keeps to the limits."""

    her_ids: frozenset[int]
    offset: int
    """Exclusive."""
    limit: int
    api_version: str
    source_system: str


class InvalidPoll(Exception):
    """The request breaks the API's rules."""

    def __init__(self, *errors: str) -> None:
        """`errors`: what `validationErrors` says, at least one."""
        super().__init__(" ".join(errors))
        self.errors = errors


def parse_poll(query: str, *, api_version: str | None, source_system: str | None) -> Poll:
    """Raises InvalidPoll with everything that is wrong. `query` is the raw query string; headers are None if absent."""
    errors = _header_errors(api_version, source_system)
    values = _values(query)
    her_ids = _integers("HerIds", values["HerIds"], -_INT32_MAX - 1, _INT32_MAX, errors)
    offsets = _integers("Offset", values["Offset"][:1], -_INT64_MAX - 1, _INT64_MAX, errors)
    limits = _integers("NotificationsToFetch", values["NotificationsToFetch"][:1], -_INT32_MAX - 1, _INT32_MAX, errors)
    if not values["HerIds"]:
        errors.append("The HerIds field is required.")
    if len(values["HerIds"]) > MAX_HER_IDS:
        errors.append(f"HerIds: at most {MAX_HER_IDS} HER-ids can be provided in one request.")
    if not values["Offset"]:
        errors.append("The Offset field is required.")
    if offsets and offsets[0] < 0:
        errors.append("Offset must be 0 or greater.")
    if limits and not 1 <= limits[0] <= MAX_ITEMS:
        errors.append(f"NotificationsToFetch must be between 1 and {MAX_ITEMS}.")
    if errors:
        raise InvalidPoll(*errors)
    return Poll(
        her_ids=frozenset(her_ids),
        offset=offsets[0],
        limit=limits[0] if limits else DEFAULT_ITEMS,
        api_version=api_version or "",
        source_system=source_system or "",
    )


def _header_errors(api_version: str | None, source_system: str | None) -> list[str]:
    errors = []
    if not api_version:
        errors.append("The api-version header is required.")
    elif api_version != API_VERSION:
        errors.append(f"The api-version header must be {API_VERSION} for this endpoint.")
    if not source_system:
        errors.append("The nhn-source-system header is required.")
    return errors


def _values(query: str) -> dict[str, list[str]]:
    """The raw values of the known parameters."""
    values: dict[str, list[str]] = {name: [] for name in _NAMES.values()}
    pairs = query.split("&")
    # 1500 HER-ids in the documented spelling are an ordinary request: they take the short way, here and in _integers.
    values["HerIds"] = [pair[7:] for pair in pairs if pair.startswith("HerIds=")]
    for pair in pairs:
        if not pair.startswith("HerIds="):
            name, _, value = pair.partition("=")
            if known := _NAMES.get(unquote_plus(name).lower()):
                values[known].append(value)
    return values


def _integers(name: str, texts: list[str], lowest: int, highest: int, errors: list[str]) -> list[int]:
    """The values as integers; what is none of the width is an error, told once a parameter."""
    if _are_plain(texts) and max(numbers := list(map(int, texts)), default=0) <= highest:
        return numbers
    numbers = []
    for raw in texts:
        text = unquote_plus(raw)
        number = int(text) if _INTEGER.fullmatch(text) else None
        if number is None or not lowest <= number <= highest:
            shown = "".join(character for character in text[:_SHOWN_CHARACTERS] if character.isprintable())
            errors.append(f"The value '{shown}' is not valid for {name}.")
            return []
        numbers.append(number)
    return numbers


def _are_plain(texts: list[str]) -> bool:
    """Whether all are a few ASCII digits."""
    return (
        all(map(str.isdecimal, texts)) and max(map(len, texts), default=0) <= _MAX_DIGITS and "".join(texts).isascii()
    )
