"""What must not be seen in logs and errors, found in texts and in the values of log lines. Pure.

Secrets: private keys (PEM, JWK), tokens (JWT, Authorization headers, forms), credentials in URLs, whatever has a
secret's name. Personal data: national identity numbers and e-mail addresses. Replaced by `[redacted]`; too much is
better than too little, but offsets, HER-ids and event ids stay readable.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

REDACTED = "[redacted]"

MAX_TEXT = 4000
"""Characters of one value; a longer one is cut: a log line is not the place for a payload."""
MAX_SCANNED = 40_000
"""Characters that are looked at. Cut before looking, a secret could lose the end it is recognised by, so what is looked
at is much longer than what is kept."""
MAX_DEPTH = 6
"""Levels of lists and mappings in one value."""
MAX_ITEMS = 100
"""Entries of one list or mapping."""

_PATTERNS = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", REDACTED),
        # Private members of a JWK (RFC 7518 §6), in JSON or in a Python repr.
        (r"""(["'](?:d|p|q|dp|dq|qi|k)["']\s*:\s*["'])[^"']{8,}""", rf"\1{REDACTED}"),
        (
            r"""(?i)((?:password|passwd|secret|token|assertion|private_key)(?:=|["']\s*:)\s*["']?)[^\s"'&,;}\]]+""",
            rf"\1{REDACTED}",
        ),
        # JWS and JWE: a JSON header in base64url begins with eyJ.
        (r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){1,4}", REDACTED),
        (r"(?i)\b(Bearer|DPoP|Basic)(\s+)[A-Za-z0-9._~+/=-]{20,}", rf"\1\2{REDACTED}"),
        # Up to the last @ before a space or quote: a password may hold / or @.
        (r"\b([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s\"'<>]{0,2048}@", rf"\1{REDACTED}@"),
        (r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", REDACTED),
        # 11 digits by themselves, or 6 and 5 where the 6 can be a date of birth (D-numbers add 40 to the day, synthetic
        # ones 40, 65 or 80 to the month): not a part of a longer number, an id or a fraction.
        (
            r"(?<![0-9A-Za-z])(?<!\d\.)(?:\d{11}|(?:[04][1-9]|[1256]\d|[37][01])[0-9]\d{3} \d{5})(?![0-9A-Za-z]|\.\d)",
            REDACTED,
        ),
    )
)

_SECRET_NAMES = re.compile(
    "password|passwd|passphrase|token|authorization|dpop|privatekey|assertion|secret|cookie|credential|apikey"
)
_HARMLESS_ENDINGS = ("_at", "_s", "_url", "_file", "_type", "_endpoint", "_count")
"""Of names that speak about a secret without holding it, e.g. `token_expires_at`."""


def redact_text(text: str, *, max_length: int = MAX_TEXT) -> str:
    """The text without what must not be seen, cut at `max_length` characters."""
    shown = text[:MAX_SCANNED]
    for pattern, replacement in _PATTERNS:
        shown = pattern.sub(replacement, shown)
    return shown if len(shown) <= max_length else f"{shown[:max_length]}…"


def redact(name: str, value: object, depth: int = 0) -> Any:
    """The value of one key of a log line, made of what JSON has. Numbers stay: they are offsets, counts and times."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    if _is_secret_name(name) or depth > MAX_DEPTH:
        return REDACTED
    if isinstance(value, Mapping):
        entries = list(value.items())[:MAX_ITEMS]
        return {redact_text(str(key)): redact(str(key), inner, depth + 1) for key, inner in entries}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(name, inner, depth + 1) for inner in list(value)[:MAX_ITEMS]]
    return redact_text(_text(value))


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    return describe(value) if isinstance(value, BaseException) else str(value)


def describe(error: BaseException) -> str:
    """An error in one line: kind and message; of a group the errors in it."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(describe, error.exceptions))
    message = str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _is_secret_name(name: str) -> bool:
    lowered = name.lower()
    if lowered.endswith(_HARMLESS_ENDINGS):
        return False
    return _SECRET_NAMES.search(lowered.replace("_", "").replace("-", "")) is not None
