"""Finding the offset of an item that is too large or too deeply nested to be decoded. Pure; keeps a few bytes only.

An item over the limit may be passed only by its offset (product.md §8), and the offset may stand behind what makes it
large. So the bytes are looked at as they come and not kept: a scanner that knows strings and nesting, nothing else.
"""

import re

_MAX_NAME_BYTES = 64
# A few steps of Python a piece, whatever is in it: an item can be gigabytes of escapes or of brackets.
_STRUCTURE = re.compile(rb'"|:|[{\[]++|[}\]]++')
_STRING_CONTENT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NUMBER_END = re.compile(rb"[^0-9]")
_NOTIFICATIONS_DEPTH = 1
_ITEM_DEPTH = 3


class OffsetScanner:
    """Finds `$.notifications[*].offset` of the first item that has one."""

    def __init__(self) -> None:
        self.offset: int | None = None
        """The offset once found: 0..2^63-1."""
        self._depth = 0
        self._text: bytearray | None = None
        """The string that is being read, its first bytes; None outside of strings."""
        self._is_escaped = False
        self._last_text = b""
        self._is_notifications = False
        self._digits: bytearray | None = None

    def feed(self, piece: bytes) -> bool:
        """Look at the next bytes; True once the offset is found."""
        position = 0
        while position < len(piece) and self.offset is None:
            if self._digits is not None:
                position = self._read_number(piece, position)
            elif self._text is not None:
                position = self._read_string(piece, position)
            else:
                position = self._read_structure(piece, position)
        return self.offset is not None

    def _read_string(self, piece: bytes, position: int) -> int:
        text = self._text if self._text is not None else bytearray()
        content = _STRING_CONTENT.match(piece, position + self._is_escaped)
        end = content.end() if content else len(piece)
        self._is_escaped = piece[end:] == b"\\"
        # With its backslashes: an escaped name is none that we look for.
        text += piece[position : min(end + self._is_escaped, position + _MAX_NAME_BYTES - len(text))]
        if piece[end : end + 1] == b'"':
            self._last_text, self._text = bytes(text), None
        return end + 1

    def _read_structure(self, piece: bytes, position: int) -> int:
        found = _STRUCTURE.search(piece, position)
        if found is None:
            return len(piece)
        match found.group()[:1]:
            case b'"':
                self._text = bytearray()
            case b"{" | b"[":
                self._depth += len(found.group())
            case b"}" | b"]":
                self._depth -= len(found.group())
            case b":" if self._depth == _NOTIFICATIONS_DEPTH:
                self._is_notifications = self._last_text == b"notifications"
            case b":" if self._depth == _ITEM_DEPTH and self._is_notifications and self._last_text == b"offset":
                self._digits = bytearray()
            case _:
                pass
        return found.end()

    def _read_number(self, piece: bytes, position: int) -> int:
        digits = self._digits if self._digits is not None else bytearray()
        if not digits:
            blank = len(piece[position:]) - len(piece[position:].lstrip(b" \t\r\n"))
            if blank:
                return position + blank
        found = _NUMBER_END.search(piece, position)
        end = found.start() if found else len(piece)
        digits += piece[position:end][: _MAX_NAME_BYTES - len(digits)]
        if found:
            is_whole = digits and found.group() in b",} \t\r\n" and int(digits) < 2**63
            self.offset, self._digits = (int(digits) if is_whole else None), None
        return end
