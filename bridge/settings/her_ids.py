"""Receiver HER-ids from the texts that name them. Pure. A HER-id that is named twice counts once."""

import re

from bridge.errors import ConfigurationError
from bridge.ops.redaction import redact_text
from bridge.settings.fields import listed

MAX_HER_ID = 2**31 - 1
"""The API's `HerIds` are int32 (API page "Get Notifications")."""
MAX_HER_IDS = 45_000
"""Over all tenants: 30 streams of 1500 receivers."""
MAX_QUOTED = 5
"""So many wrong lines or values are told; a file of another kind would give thousands."""


def her_ids_of(value: object) -> frozenset[int]:
    """A setting's value: JSON, comma-separated, or one. ValueError names what is wrong in it."""
    texts = [str(text) for text in listed(value)]
    if wrong := [text for text in texts if her_id_of(text) is None]:
        more = f" and {len(wrong) - MAX_QUOTED} more" if len(wrong) > MAX_QUOTED else ""
        raise ValueError(f"must be HER-ids, {RANGE}, but names {', '.join(map(_quoted, wrong[:MAX_QUOTED]))}{more}")
    return _bounded(frozenset(int(text) for text in texts))


def parse_her_ids(text: str) -> frozenset[int]:
    """A file's text: one HER-id a line; empty lines and what follows a `#` are passed over.

    Raises ConfigurationError with a sentence for each wrong line, that names its number, and ValueError where it names
    none or too many.
    """
    found: set[int] = set()
    mistakes: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        her_id = her_id_of(entry)
        if her_id is not None:
            found.add(her_id)
        elif entry:
            mistakes.append(f"line {number}: {_quoted(entry)} is not a HER-id ({RANGE}, one a line).")
    if mistakes:
        more = len(mistakes) - MAX_QUOTED
        raise ConfigurationError(*mistakes[:MAX_QUOTED], *([f"{more} more lines are wrong."] if more > 0 else []))
    if not found:
        raise ValueError("names no HER-id")
    return _bounded(frozenset(found))


RANGE = f"whole numbers from 1 to {MAX_HER_ID}"


def her_id_of(text: str) -> int | None:
    """A HER-id as people write it; None: it is none."""
    if not re.fullmatch(r"[1-9][0-9]{0,9}", text, re.ASCII):
        return None
    her_id = int(text)
    return her_id if her_id <= MAX_HER_ID else None


def _bounded(her_ids: frozenset[int]) -> frozenset[int]:
    if len(her_ids) > MAX_HER_IDS:
        raise ValueError(f"names {len(her_ids)} HER-ids, but a bridge serves at most {MAX_HER_IDS}")
    return her_ids


def _quoted(text: str) -> str:
    return f"`{redact_text(text)[:20]}`"
