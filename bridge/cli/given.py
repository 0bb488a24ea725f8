"""What people give to commands: many ids at once, times, and their consent."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO, TypeVar

import click

from bridge.errors import ConfigurationError
from bridge.ops.address import printable
from bridge.ops.redaction import redact_text

MAX_QUOTED_CHARACTERS = 40
STANDARD_INPUT = "-"
NOBODY_TO_ASK = "Without a terminal nobody can be asked: add --yes, or --dry-run to look first."

Id = TypeVar("Id")


def read_ids(
    arguments: Sequence[str], file: IO[str] | None, parse: Callable[[str], Id | None], *, kind: str, fix: str
) -> list[Id]:
    """The ids, each once, in the order given: arguments, of which `-` stands for standard input, and lines of a file.

    `parse` returns None for what is no id; `kind`, `fix`: what it should be, and how it looks, for a sentence each.
    Raises ConfigurationError with all of them.
    """
    ids: dict[Id, None] = {}
    mistakes: list[str] = []
    for where, text in _given(arguments, file):
        found = parse(text)
        if found is not None:
            ids[found] = None
        else:
            quoted = printable(redact_text(text, max_length=MAX_QUOTED_CHARACTERS))
            mistakes.append(f"{where}`{quoted}` is no {kind}: {fix}.")
    if mistakes:
        raise ConfigurationError.of_many(mistakes, more=f"are no {kind}s either")
    return list(ids)


def moment(value: str) -> datetime:
    """An ISO 8601 time with its zone. Raises click.BadParameter."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("it is no ISO 8601 time, such as 2026-04-14T08:00:00+02:00.") from None
    if found.tzinfo is None:
        raise click.BadParameter("it has no time zone: add one, such as +02:00, or Z for UTC.")
    return found


def agreed(question: str) -> bool:
    """Ask, with no for an answer unless it is yes. Raises ConfigurationError where there is nobody to answer."""
    try:
        return click.confirm(question)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise ConfigurationError(NOBODY_TO_ASK) from None


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
