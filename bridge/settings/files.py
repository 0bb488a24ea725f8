"""What stands in files and may change while the bridge runs: secrets and lists, read again when the file changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from bridge.errors import ConfigurationError

MAX_FILE_BYTES = 4_194_304
"""More than any list or key needs."""

T = TypeVar("T")


class FileContent(Generic[T]):
    """What a file says. A file that can no longer be used keeps its last good content, and `problem` says so."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        """`parse` raises ValueError, whose text never quotes a secret, or ConfigurationError."""
        self.path = path
        self._parse = parse
        self._version: tuple[int, int, int] | None = None
        self._content: T | None = None
        self.problem: str | None = None
        """Why what `get` returns is not what the file says now; None where it is. One sentence a line."""

    def get(self) -> T:
        """The content, parsed anew when the file's time, size or inode changed: a look costs one `stat`.

        Raises ConfigurationError where the file has not been good yet.
        """
        last_good = self._content
        try:
            content = self._read(last_good)
        except ConfigurationError as exc:
            if last_good is None:
                raise
            if self.problem != str(exc):
                structlog.get_logger().warning("settings.file_not_usable", reason=str(exc))
            self.problem = str(exc)
            return last_good
        self.problem = None
        self._content = content
        return content

    def _read(self, last_good: T | None) -> T:
        try:
            found = self.path.stat()
            # The inode, too: Kubernetes swaps a link when a Secret or ConfigMap changes.
            version = (found.st_mtime_ns, found.st_size, found.st_ino)
            if last_good is not None and version == self._version:
                return last_good
            with self.path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as exc:
            raise ConfigurationError(f"{self.path} cannot be read ({exc.strerror}).") from exc
        content = self._parsed(data)
        self._version = version
        return content

    def _parsed(self, data: bytes) -> T:
        if len(data) > MAX_FILE_BYTES:
            raise ConfigurationError(f"{self.path} is over {MAX_FILE_BYTES} bytes.")
        try:
            # Editors of other systems put a byte order mark first.
            return self._parse(data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise ConfigurationError(f"{self.path} is not UTF-8 text.") from None
        except ValueError as exc:
            raise ConfigurationError(f"{self.path} {exc}.") from None
        except ConfigurationError as exc:
            raise ConfigurationError(*(f"{self.path}, {mistake}" for mistake in exc.mistakes)) from None


class Secret(Generic[T]):
    """A secret, or several, given as they are or in a file. Never shown: neither by `repr` nor by `str`."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read

    @classmethod
    def given(cls, value: T) -> "Secret[T]":
        """A secret that never changes."""
        return cls(lambda: value)

    @classmethod
    def in_file(cls, path: Path, parse: Callable[[str], T]) -> "Secret[T]":
        """A secret that is read again when its file changed; see FileContent for a file that turns bad."""
        return cls(FileContent(path, parse).get)

    def get(self) -> T:
        """The secret as it is now. Raises ConfigurationError where its file has never been good."""
        return self._read()

    def __repr__(self) -> str:
        return "Secret(…)"
