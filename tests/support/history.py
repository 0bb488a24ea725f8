"""What happened, as others than the bridge saw it, and the rules that it must not have broken. Knows nothing of ours.

The API's side says what was offered, a subscriber what arrived and in which order, a trigger in the database what was
committed, by whom and in which order.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Offer:
    """A notification that the API has."""

    id: str
    her_id: int
    offset: int


@dataclass(frozen=True)
class Arrival:
    """An event that a subscriber got."""

    id: str
    her_id: int
    offset: int
    body: bytes = b""


@dataclass(frozen=True)
class Commit:
    """A cursor that moved."""

    stream: str
    cursor: int
    owner: str
    epoch: int


@dataclass
class History:
    """All of it; each list in the order in which it happened."""

    offers: list[Offer] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)

    @property
    def repeats(self) -> int:
        """Arrivals of events that had arrived before. Allowed (at least once), but not many."""
        return len(self.arrivals) - len({arrival.id for arrival in self.arrivals})


def violations(history: History) -> list[str]:
    """One sentence for each broken rule and what broke it; empty where all is well."""
    return [
        *_lost(history),
        *_invented(history),
        *_changed(history.arrivals),
        *_out_of_order(history.arrivals),
        *_cursors_back(history.commits),
        *_deposed(history.commits),
    ]


def _lost(history: History) -> Iterator[str]:
    arrived = {arrival.id for arrival in history.arrivals}
    for offer in history.offers:
        if offer.id not in arrived:
            yield f"lost: offset {offer.offset} of HER-id {offer.her_id} never arrived"


def _invented(history: History) -> Iterator[str]:
    offered = {(offer.id, offer.her_id, offer.offset) for offer in history.offers}
    for arrival in history.arrivals:
        if (arrival.id, arrival.her_id, arrival.offset) not in offered:
            yield f"invented: {arrival.id} was never offered as offset {arrival.offset} of HER-id {arrival.her_id}"


def _changed(arrivals: Iterable[Arrival]) -> Iterator[str]:
    bodies: dict[str, bytes] = {}
    for arrival in arrivals:
        if bodies.setdefault(arrival.id, arrival.body) != arrival.body:
            yield f"changed: {arrival.id} came again as something else"


def _out_of_order(arrivals: Iterable[Arrival]) -> Iterator[str]:
    """First arrivals of one receiver ascend. A repeat is no violation, a first arrival behind a later one is."""
    highest: defaultdict[int, int] = defaultdict(int)
    seen: set[str] = set()
    for arrival in arrivals:
        if arrival.id in seen:
            continue
        seen.add(arrival.id)
        if arrival.offset < highest[arrival.her_id]:
            yield f"out of order: offset {arrival.offset} of HER-id {arrival.her_id} after {highest[arrival.her_id]}"
        highest[arrival.her_id] = max(highest[arrival.her_id], arrival.offset)


def _cursors_back(commits: Iterable[Commit]) -> Iterator[str]:
    cursors: dict[str, int] = {}
    for commit in commits:
        if commit.cursor < cursors.get(commit.stream, 0):
            yield f"back: {commit.stream} from {cursors[commit.stream]} to {commit.cursor}"
        cursors[commit.stream] = commit.cursor


def _deposed(commits: Iterable[Commit]) -> Iterator[str]:
    """Once an epoch has committed no earlier one does, and each epoch has one owner."""
    latest: dict[str, Commit] = {}
    for commit in commits:
        before = latest.get(commit.stream, commit)
        if commit.epoch < before.epoch:
            yield f"deposed: {commit.stream} by {commit.owner}, epoch {commit.epoch}, after epoch {before.epoch}"
        elif commit.epoch == before.epoch and commit.owner != before.owner:
            yield f"two owners: {commit.stream} in epoch {commit.epoch}: {before.owner} and {commit.owner}"
        else:
            latest[commit.stream] = commit
