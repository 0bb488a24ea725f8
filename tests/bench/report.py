"""What a publisher that runs as a process of its own says at its end, as one line of JSON."""

import resource
import sys
import time

import msgspec


class Report(msgspec.Struct, frozen=True):
    """Of one run."""

    events: int
    seconds: float
    cpu_s: float
    """Of the publisher's process, from `begin` on."""
    memory_mb: float
    """At most."""


_began: list[float] = []


def begin() -> None:
    """What the process has used so far is no part of it: its start, the making of messages."""
    _began.append(time.process_time())


def report(events: int, seconds: float) -> None:
    """Write it, from the process that published."""
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = msgspec.json.encode(Report(events, seconds, time.process_time() - _began[-1], memory_mb))
    sys.stdout.buffer.write(line + b"\n")
