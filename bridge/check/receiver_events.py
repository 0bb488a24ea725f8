"""NHN's events as their subscribers see them: a name and a HER-id, and which of them no pattern takes. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec

from bridge.check.report import plural
from bridge.ops.topic import matches

ANYBODY = "0"
"""Stands for every HER-id where no pattern names one."""


class ReceiverEvents(msgspec.Struct, frozen=True):
    """Events with these names, for these HER-ids."""

    events: Sequence[str]
    """Those that are wanted."""
    her_ids: Collection[int]
    """Of all tenants."""
    name = ""

    @property
    def sample_keys(self) -> list[str]:
        """Routing keys of each kind."""
        return [f"{event}.{min(self.her_ids)}" for event in self.events]

    def all(self) -> str:
        """All of them, in words."""
        return ", ".join(self.events)

    def unbound(self, patterns: Collection[str]) -> Mapping[str, int]:
        """Event → of how many HER-ids no pattern takes it."""
        return unbound(self.events, self.her_ids, patterns)

    def listed(self, counts: Mapping[str, int]) -> str:
        """`sent-state, other, new-message of 2 of 5 HER-ids`."""
        total = len(self.her_ids)
        of_all = [event for event, count in counts.items() if count == total]
        of_some = [
            f"{event} of {count} of {plural(total, 'HER-id')}" for event, count in counts.items() if count < total
        ]
        return ", ".join([*of_all, *of_some])

    def fix(self, counts: Mapping[str, int]) -> str:
        """What a person does about those without a queue."""
        return f"Bind a queue for them (e.g. `{next(iter(counts))}.*`), or name the unwanted in BRIDGE_NHN__IGNORE."


def unbound(events: Sequence[str], her_ids: Collection[int], patterns: Collection[str]) -> Mapping[str, int]:
    """Event → of how many HER-ids no pattern takes it; an event that is taken of all is left out.

    Patterns are parted by the HER-id that they name, so that tens of thousands of both are no work: a word of a pattern
    that is in no routing key makes it take nothing.
    """
    wanted = {str(her_id) for her_id in her_ids}
    of_all: list[str] = []
    of_one: defaultdict[str, list[str]] = defaultdict(list)
    for pattern in patterns:
        words = set(pattern.split("."))
        if words <= {"*", "#", *events}:
            of_all.append(pattern)
        elif named := words & wanted:
            of_one[min(named)].append(pattern)
    counts: dict[str, int] = {}
    for event in events:
        if not _is_taken(f"{event}.{ANYBODY}", of_all):
            counts[event] = len(wanted) - sum(_is_taken(f"{event}.{her_id}", own) for her_id, own in of_one.items())
    return {event: count for event, count in counts.items() if count}


def _is_taken(key: str, patterns: Collection[str]) -> bool:
    return any(matches(pattern, key) for pattern in patterns)
