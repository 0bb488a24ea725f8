"""Receivers that are polled together because they stand at the same offset, and where cohorts meet. Pure."""

from collections.abc import Iterable, Sequence

from bridge.checkpoints import StreamState
from bridge.nhn.answers import Problem


class Cohort:
    """Part of a stream: the main cohort shares the stream's cursor, stragglers have a cursor of their own."""

    def __init__(
        self,
        her_ids: Iterable[int],
        cursor: int,
        *,
        is_main: bool,
        floor: int | None = None,
        position: int | None = None,
        due_at: float = 0.0,
    ) -> None:
        self.her_ids = sorted(her_ids)
        self.cursor = cursor
        """What has been handed out, committed or on its way."""
        self.position = cursor if position is None else position
        """The `Offset` of the next request; below the cursor while the window is read again: by the main cohort to find
        late rows, by a straggler to learn what it has done with.
        """
        self.is_main = is_main
        self.due_at = due_at
        """Monotonic time of the next poll, seconds."""
        self.shown: set[tuple[int, str]] = set()
        """Items without an offset that this sweep has shown so far."""
        self.problem: Problem | None = None
        """Why the API refuses these receivers; None while it does not."""
        self.is_accepted = False
        """Whether the API took the last request for it."""
        self.floor = cursor if floor is None else floor
        """Of a straggler: up to here everything of its is done with; beyond, what the stream's window has. It joins
        only where all of the window lies beyond.
        """


def cohorts_of(state: StreamState, *, window_start: int) -> list[Cohort]:
    """The main cohort first, then the stragglers of each place together."""
    main = [her_id for her_id, own in state.receivers.items() if own is None]
    stragglers: dict[tuple[int, int], list[int]] = {}
    for her_id, own in state.receivers.items():
        if own is not None:
            stragglers.setdefault((own, state.floors.get(her_id, own)), []).append(her_id)
    cohorts = [Cohort(main, state.cursor, is_main=True, position=window_start)]
    for (cursor, floor), her_ids in sorted(stragglers.items()):
        position = min(window_start, cursor) if cursor <= state.cursor else cursor
        cohorts.append(Cohort(her_ids, cursor, is_main=False, floor=floor, position=position))
    return cohorts


def next_due(cohorts: Sequence[Cohort]) -> Cohort:
    """Who is polled next: the one that has waited longest, so that a newcomer takes turns with the others (G4)."""
    return min((cohort for cohort in cohorts if cohort.her_ids), key=lambda cohort: cohort.due_at)


def joining_limit(cohort: Cohort, cohorts: Sequence[Cohort], seen: int) -> int | None:
    """How far this cohort may go, so that it can join another at exactly the same offset; None: as far as there is.

    Whoever is behind goes up to where the other stands; the other stands still meanwhile, because one cohort is polled
    at a time. `seen`: the highest offset that the feed has shown. Where it has not been seen to have come that far,
    nothing is concluded from seeing nothing: a cursor may be a number from the settings.
    """
    goals = [other for other in cohorts if other.is_main != cohort.is_main and other.problem is None]
    return min((other.cursor for other in goals if cohort.cursor <= other.cursor <= seen), default=None)


def joinable(cohorts: Sequence[Cohort]) -> list[Cohort]:
    """Stragglers that have come to where the main cohort stands; none where the API refuses the one or the other."""
    main = next(cohort for cohort in cohorts if cohort.is_main)
    there = [c for c in cohorts if not c.is_main and c.cursor == main.cursor and c.position >= c.cursor]
    return [straggler for straggler in there if straggler.problem is None and main.problem is None]
