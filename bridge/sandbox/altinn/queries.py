"""What a request asks for, checked as ASP.NET binds it. Pure."""

import re
from collections.abc import Iterable

import msgspec

MAX_PAGE_SIZE = 500
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,20}\s*", re.ASCII)
_DIGITS = "[0-9a-f]"
_HYPHENATED = f"{_DIGITS}{{8}}-{_DIGITS}{{4}}-{_DIGITS}{{4}}-{_DIGITS}{{4}}-{_DIGITS}{{12}}"
_GUID = re.compile(rf"{_DIGITS}{{32}}|{_HYPHENATED}|\{{{_HYPHENATED}\}}|\({_HYPHENATED}\)", re.ASCII)
_SHOWN_CHARACTERS = 40


class FeedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the feed that keeps to the rules."""

    seq: int = 0
    """Exclusive: rows behind it, or before it where the order is descending."""
    page_size: int = MAX_PAGE_SIZE
    is_descending: bool = False
    """With `seq` 0: from the newest row."""


class Invalid(ValueError):
    """The request breaks the API's rules."""

    def __init__(self, errors: dict[str, str]) -> None:
        """`errors`: parameter → sentence, at least one."""
        super().__init__(" ".join(errors.values()))
        self.errors = errors


def parse_id(text: str) -> str:
    """An id as it is written: small letters and hyphens. Raises Invalid for what is no GUID."""
    lower = text.strip().lower()
    if not _GUID.fullmatch(lower):
        raise Invalid({"id": _not_valid(text)})
    digits = re.sub(r"[^0-9a-f]", "", lower)
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def parse_feed_query(pairs: Iterable[tuple[str, str]]) -> FeedQuery:
    """Names count without regard to case, of a repeated one the first value. Raises Invalid with all that is wrong.

    A page size out of 1 to 500 is the nearest that is not.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        given.setdefault(name.lower(), value)
    errors: dict[str, str] = {}
    seq = _integer("Seq", given.get("seq", "0"), _INT64_MAX, errors)
    page_size = _integer("PageSize", given.get("pagesize", str(MAX_PAGE_SIZE)), _INT32_MAX, errors)
    order_by = given.get("orderby", "asc").lower()
    if seq < 0:
        errors["Seq"] = f"The field Seq must be between 0 and {_INT64_MAX}."
    if order_by not in {"asc", "desc"}:
        errors["OrderBy"] = _not_valid(given["orderby"])
    if errors:
        raise Invalid(errors)
    return FeedQuery(seq=seq, page_size=min(max(page_size, 1), MAX_PAGE_SIZE), is_descending=order_by == "desc")


def _integer(name: str, text: str, highest: int, errors: dict[str, str]) -> int:
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or not -highest - 1 <= number <= highest:
        errors[name] = _not_valid(text)
        return 0
    return number


def _not_valid(text: str) -> str:
    shown = "".join(character for character in text[:_SHOWN_CHARACTERS] if character.isprintable())
    return f"The value '{shown}' is not valid."
