"""Many values, a bounded number a statement: databases limit how many parameters one may have."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

PORTION: Final = 1000
"""Values a statement; SQLite takes 32,766, PostgreSQL's protocol 32,767."""

Value = TypeVar("Value")


def portions(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in their order, at most `PORTION` at a time."""
    rest = iter(values)
    while portion := list(islice(rest, PORTION)):
        yield portion
