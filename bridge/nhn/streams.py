"""Which stream a receiver belongs to. Pure planning, from what is wanted and what the store remembers.

A receiver stays in its stream for as long as it is wanted; newcomers fill up streams that have room, and what is left
is spread evenly over new ones.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from bridge.checkpoints import StreamState

MAX_RECEIVERS = 1500
"""HER-ids the API takes in one request."""


class Plan(msgspec.Struct, frozen=True):
    """What has to change so that exactly the wanted receivers are polled."""

    retire: frozenset[int]
    """Receivers that are no longer wanted; they keep their cursors for their return."""
    enrol: Mapping[str, tuple[int, ...]]
    """Stream → receivers that become part of it."""


def plan(tenant: str, wanted: Collection[int], streams: Sequence[StreamState]) -> Plan:
    """The plan for one tenant."""
    placed = {her_id for stream in streams for her_id in stream.receivers}
    newcomers = sorted(set(wanted) - placed)
    enrol: dict[str, tuple[int, ...]] = {}
    for stream in streams:
        room = MAX_RECEIVERS - len(set(stream.receivers) & set(wanted))
        if newcomers[:room]:
            enrol[stream.name] = tuple(newcomers[:room])
            newcomers = newcomers[room:]
    first_new = 1 + max((_number(stream.name) for stream in streams), default=0)
    new_streams = -(-len(newcomers) // MAX_RECEIVERS)
    for index in range(new_streams):
        share = tuple(newcomers[index::new_streams])
        enrol[f"nhn/{tenant}/{first_new + index}"] = share
    return Plan(retire=frozenset(placed - set(wanted)), enrol=enrol)


def _number(stream: str) -> int:
    return int(stream.rpartition("/")[2])
