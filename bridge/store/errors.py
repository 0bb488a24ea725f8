"""The one edge at which errors of SQLAlchemy and its drivers become the bridge's own.

Messages are fixed sentences: what a driver says may hold a URL, SQL or values.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import (
    SQLITE_ABORT,
    SQLITE_BUSY,
    SQLITE_CANTOPEN,
    SQLITE_CONSTRAINT,
    SQLITE_CORRUPT,
    SQLITE_FULL,
    SQLITE_INTERRUPT,
    SQLITE_IOERR,
    SQLITE_LOCKED,
    SQLITE_NOLFS,
    SQLITE_NOMEM,
    SQLITE_NOTADB,
    SQLITE_PERM,
    SQLITE_PROTOCOL,
    SQLITE_READONLY,
    SQLITE_SCHEMA,
)
from sqlite3 import Error as SQLiteError

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bridge.errors import BridgeError, ConfigurationError, InvariantViolation, StoreUnavailable

_SQLITE: dict[int, tuple[type[BridgeError], str]] = {
    SQLITE_ABORT: (StoreUnavailable, "it broke the statement off"),
    SQLITE_BUSY: (StoreUnavailable, "another process holds its lock"),
    SQLITE_CANTOPEN: (StoreUnavailable, "its file cannot be opened"),
    SQLITE_CONSTRAINT: (InvariantViolation, "what it was given contradicts what it holds"),
    SQLITE_CORRUPT: (InvariantViolation, "its file is damaged"),
    SQLITE_FULL: (StoreUnavailable, "the disk is full"),
    SQLITE_INTERRUPT: (StoreUnavailable, "it was interrupted"),
    SQLITE_IOERR: (StoreUnavailable, "the disk did not read or write"),
    SQLITE_LOCKED: (StoreUnavailable, "another connection holds its lock"),
    SQLITE_NOLFS: (StoreUnavailable, "its file is too large for the file system"),
    SQLITE_NOMEM: (StoreUnavailable, "no memory is left"),
    SQLITE_NOTADB: (ConfigurationError, "the file that BRIDGE_STORE__URL names is not an SQLite database"),
    SQLITE_PERM: (StoreUnavailable, "access to its file is denied"),
    SQLITE_PROTOCOL: (StoreUnavailable, "its file's lock could not be taken"),
    SQLITE_READONLY: (StoreUnavailable, "its file cannot be written"),
    SQLITE_SCHEMA: (StoreUnavailable, "its schema changed meanwhile"),
}
"""Primary result codes (https://www.sqlite.org/rescode.html). Those not named say that a statement of ours does not fit
the store, which no repeating mends: InvariantViolation."""


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise errors of the database, its driver, the operating system and time limits as BridgeErrors."""
    try:
        yield
    except (SQLAlchemyError, SQLiteError, OSError, OverflowError) as error:
        raise classify(error) from error


def classify(error: Exception) -> BridgeError:
    """The bridge's error for a library's: by SQLite's result code where there is one, else by class."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        kind, sentence = _SQLITE.get(code & 0xFF, (InvariantViolation, "it does not take a statement of this program"))
        return kind(f"The store failed: {sentence} ({getattr(cause, 'sqlite_errorname', code)})")
    if isinstance(error, TimeoutError | PoolTimeout):
        return StoreUnavailable("The store gave no answer in time")
    if isinstance(error, OperationalError | InterfaceError | OSError):
        return StoreUnavailable(f"The store cannot be reached ({type(cause).__name__})")
    return InvariantViolation(f"The store does not take what it was given ({type(cause).__name__})")
