"""Half a surrogate pair in JSON is no character; msgspec refuses a whole body for one. Pure."""

import re

_HEX = rb"[0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]%b\\u[dD][c-fC-F]%b|(u[dD][89a-fA-F]%b)|.)" % (_HEX, _HEX, _HEX), re.DOTALL)
"""An escape in JSON; the group is half of a surrogate pair without the other."""
_MAYBE = re.compile(rb"\\u[dD][89a-fA-F]")


def mended(body: bytes) -> bytes:
    """The JSON with U+FFFD for each half pair, as decoders of text do; the very same bytes where there is none."""
    return _ESCAPE.sub(_mend, body) if _MAYBE.search(body) else body


def _mend(escape: re.Match[bytes]) -> bytes:
    return escape.group() if escape.group(1) is None else b"\\ufffd"
