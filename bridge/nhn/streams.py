"""Which stream a receiver belongs to. Pure planning, from what is wanted and what the store remembers.

A receiver stays in its stream for as long as it is wanted; newcomers fill up streams that have room, and what is left
is spread evenly over new ones. Only where two streams have become small are they made one.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from bridge.checkpoints import StreamState

MAX_RECEIVERS = 1500
"""HER-ids the API takes in one request."""
MERGED_AT_MOST = MAX_RECEIVERS // 2
"""What two streams that are made one may have together: so much room is left that it takes as many newcomers again to
make a second stream, so nobody is moved to and fro.
"""


class Merge(msgspec.Struct, frozen=True):
    """Two streams that are to become one."""

    dissolved: str
    into: str
    """The one that stands further on: the other's receivers catch up with it."""


class Plan(msgspec.Struct, frozen=True):
    """What has to change so that exactly the wanted receivers are polled."""

    retire: frozenset[int]
    """Receivers that are no longer wanted; they keep their cursors for their return."""
    enrol: Mapping[str, tuple[int, ...]]
    """Stream → receivers that become part of it."""
    merge: Merge | None = None
    """At most one at a time: both streams pause for it. The next plan may have the next."""


def plan(tenant: str, wanted: Collection[int], streams: Sequence[StreamState]) -> Plan:
    """The plan for one tenant."""
    placed = {her_id for stream in streams for her_id in stream.receivers}
    newcomers = sorted(set(wanted) - placed)
    enrol: dict[str, tuple[int, ...]] = {}
    sizes = {stream.name: len(set(stream.receivers) & set(wanted)) for stream in streams}
    for name, size in sizes.items():
        room = MAX_RECEIVERS - size
        if size and newcomers[:room]:
            enrol[name] = tuple(newcomers[:room])
            newcomers = newcomers[room:]
    # A stream that serves nobody is as good as a new one, and no better: else it would part what was made one.
    unused = [name for name, size in sizes.items() if not size]
    first_new = 1 + max((_number(name) for name in sizes), default=0)
    count = -(-len(newcomers) // MAX_RECEIVERS)
    names = [*unused, *(f"nhn/{tenant}/{first_new + index}" for index in range(count))][:count]
    enrol |= {name: tuple(newcomers[index::count]) for index, name in enumerate(names)}
    # Where somebody comes, it shows only afterwards who is small.
    merge = None if enrol else _two_small(sizes, {stream.name: stream.cursor for stream in streams})
    return Plan(retire=frozenset(placed - set(wanted)), enrol=enrol, merge=merge)


def _two_small(sizes: Mapping[str, int], cursors: Mapping[str, int]) -> Merge | None:
    """The two smallest streams that serve anybody, if together they are small."""
    served = sorted((size, _number(name), name) for name, size in sizes.items() if size)
    if len(served) <= 1 or served[0][0] + served[1][0] > MERGED_AT_MOST:
        return None
    dissolved, into = sorted((cursors[name], -number, name) for _, number, name in served[:2])
    return Merge(dissolved[-1], into[-1])


def _number(stream: str) -> int:
    return int(stream.rpartition("/")[2])
