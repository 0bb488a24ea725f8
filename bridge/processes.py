"""Which process this is, and whether another one of this host still lives, where the system says so (Linux: /proc)."""

import os
import socket
from pathlib import Path

from bridge.leases import Process

PROC = Path("/proc")
_STARTED = 19
"""Its field in /proc/<pid>/stat, counted behind the name's closing bracket: proc(5), `starttime`."""


def this_process() -> Process:
    """This one, as another process can find it."""
    pid = os.getpid()
    return Process(
        host=socket.gethostname(),
        pid=pid,
        boot_id=_read(PROC / "sys/kernel/random/boot_id"),
        namespace=_link(PROC / "self/ns/pid"),
        started=_started(pid),
    )


def is_alive(process: Process, *, here: Process) -> bool | None:
    """Whether the process runs; None where that cannot be told from `here`, this process."""
    if process.host != here.host or not process.boot_id or not here.boot_id:
        return None
    if process.boot_id != here.boot_id:
        return False
    if process.namespace != here.namespace or not process.started:
        return None
    return _started(process.pid) == process.started


def _started(pid: int) -> str:
    """Empty where there is no such process, or only what is left of it until its parent looks."""
    fields = _read(PROC / str(pid) / "stat").rpartition(")")[2].split()
    is_there = len(fields) > _STARTED and fields[0] not in {"Z", "X"}
    return fields[_STARTED] if is_there else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
