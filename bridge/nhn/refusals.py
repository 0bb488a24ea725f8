"""Finding the HER-ids for which the API refuses a whole request. Pure: a generator asks, the caller probes.

    search = find_refused(ids); part = next(search); part = search.send(problem or None) …; StopIteration.value

k refused of n are found with about 2·k·log2(n) probes.
"""

from collections.abc import Generator, Mapping, Sequence

from bridge.nhn.answers import Problem

Search = Generator[tuple[int, ...], Problem | None, dict[int, Problem]]

HOPELESS_PARTS = 8
SAMPLES_A_PART = 8
"""When the first so many parts are refused, and so many ids of each alone too, it is not the ids: the search ends."""


class EverythingRefused(Exception):
    """Whatever is asked is refused: the request, the URL or the sign-in is wrong, not a HER-id."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def find_refused(her_ids: Sequence[int], turn: int = 0) -> Search:
    """Which of the ids are refused alone, and why. Raises EverythingRefused. Empty: the refusal was not theirs.

    `turn`: of the searches so far. Each samples other ids, so that one that is accepted among 1500 is found in the end.
    """
    refused: dict[int, Problem] = {}
    any_accepted = False
    level = _halves(tuple(her_ids))
    while level:
        found: dict[tuple[int, ...], Problem] = {}
        for part in level:
            problem = yield part
            any_accepted = any_accepted or problem is None
            if problem is not None and len(part) == 1:
                refused[part[0]] = problem
            elif problem is not None:
                found[part] = problem
        if not any_accepted and len(found) >= HOPELESS_PARTS:
            yield from _require_one_accepted(found, turn)
            any_accepted = True
        level = [half for part in found for half in _halves(part)]
    if len(refused) == len(her_ids) > 1:
        raise EverythingRefused(next(iter(refused.values())))
    return refused


def _require_one_accepted(
    parts: Mapping[tuple[int, ...], Problem], turn: int
) -> Generator[tuple[int, ...], Problem | None, None]:
    for sample in range(SAMPLES_A_PART):
        for part in parts:
            place = (turn * SAMPLES_A_PART + sample) % len(part)
            if sample < len(part) and (yield (part[place],)) is None:
                return
    raise EverythingRefused(next(iter(parts.values())))


def _halves(part: tuple[int, ...]) -> list[tuple[int, ...]]:
    middle = len(part) // 2
    return [part[:middle], part[middle:]] if middle else []
