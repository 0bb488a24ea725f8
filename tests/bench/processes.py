"""What another process has used, read from /proc; and how fast a process is here, now."""

import os
import time
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system time of the process so far, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def memory_mb(pid: int) -> float:
    """What it has resident now."""
    return _status_mb(pid, "VmRSS:")


def peak_memory_mb(pid: int) -> float:
    """The most that it had resident at a time."""
    return _status_mb(pid, "VmHWM:")


def pace_ms() -> float:
    """How long a fixed piece of work takes at this moment: longer where a neighbour on the same host is at work."""
    began = time.perf_counter()
    sum(each * each for each in range(1_000_000))
    return (time.perf_counter() - began) * 1000


def _status_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc/{pid}/status does not tell {name}")
