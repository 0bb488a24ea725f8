"""On what kind of file system a directory is, where the system says so (Linux: proc(5), /proc/self/mountinfo)."""

from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
NETWORK_FILE_SYSTEMS = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}
)
"""SQLite's own warning: https://www.sqlite.org/useovernet.html."""
_MOUNT_POINT = 4
"""Its field in a line."""


def file_system_of(directory: Path) -> str | None:
    """E.g. `ext4`; None where it cannot be told."""
    try:
        mounts = MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return None
    return kind_of(str(directory.resolve()), mounts)


def kind_of(path: str, mounts: str) -> str | None:
    """The type of the file system that is mounted nearest above the absolute path. Pure."""
    best, kind = "", None
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) <= _MOUNT_POINT:
            continue
        point = _unescaped(fields[_MOUNT_POINT])
        if _is_at_or_below(path, point) and len(point) >= len(best):
            best, kind = point, after.split(" ")[0]
    return kind


def _is_at_or_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")


def _unescaped(field: str) -> str:
    r"""Space, tab, line feed and backslash are written `\040`, `\011`, `\012`, `\134`."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
