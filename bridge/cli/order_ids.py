"""Order ids as people give them to a command: arguments, lines of standard input, lines of a file."""

from collections.abc import Iterable, Iterator, Sequence
from typing import IO

import click

from bridge.altinn.decode import canonical_order_id
from bridge.errors import ConfigurationError
from bridge.ops.address import printable
from bridge.ops.redaction import redact_text

MAX_TOLD = 20
"""So many wrong ids have a sentence each: whoever gives a wrong file sees that much sooner."""
MAX_QUOTED_CHARACTERS = 40
STANDARD_INPUT = "-"


def read_order_ids(arguments: Sequence[str], file: IO[str] | None) -> list[str]:
    """The ids in their canonical form, each once, in the order given. An argument `-` stands for standard input.

    Raises ConfigurationError with a sentence for each that is none, or where no id is given.
    """
    order_ids: dict[str, None] = {}
    mistakes: list[str] = []
    for where, text in _given(arguments, file):
        order_id = canonical_order_id(text)
        if order_id is not None:
            order_ids[order_id] = None
        else:
            quoted = printable(redact_text(text, max_length=MAX_QUOTED_CHARACTERS))
            mistakes.append(
                f"{where}`{quoted}` is no order id: give a UUID such as f1a1cc30-197f-4f34-8304-006ce4945fd1."
            )
    if mistakes:
        untold = len(mistakes) - MAX_TOLD
        more = [f"{untold} more are no order ids either."] if untold > 0 else []
        raise ConfigurationError(*mistakes[:MAX_TOLD], *more)
    if not order_ids:
        raise ConfigurationError("No order is named: give ids, `-` for standard input, or --file.")
    return list(order_ids)


def _given(arguments: Sequence[str], file: IO[str] | None) -> Iterator[tuple[str, str]]:
    """Where each text was found, for the beginning of a sentence, and the text."""
    for argument in arguments:
        if argument == STANDARD_INPUT:
            with click.open_file(STANDARD_INPUT, errors="replace") as lines:
                yield from _lines(lines, "standard input")
        else:
            yield "", argument.strip()
    if file is not None:
        yield from _lines(file, file.name)


def _lines(lines: Iterable[str], name: str) -> Iterator[tuple[str, str]]:
    """One id a line; empty lines and what follows `#` do not count."""
    for number, line in enumerate(lines, start=1):
        if text := line.partition("#")[0].strip():
            yield f"{name}, line {number}: ", text
