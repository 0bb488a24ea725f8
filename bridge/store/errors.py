"""The one edge at which errors of SQLAlchemy and its drivers become the bridge's own.

Messages are fixed sentences: what a driver says may hold a URL, SQL or values.
"""

import socket
import ssl
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

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bridge.errors import BridgeError, ConfigurationError, InvariantViolation, StoreUnavailable


class NoAnswer(StoreUnavailable):
    """Nothing came back, so that a transaction may have become whole all the same, or may still do so."""


class NoStoreYet(ConfigurationError):
    """Nothing is there, and it was not to be made."""


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


_POSTGRESQL: dict[str, tuple[type[BridgeError], str]] = {
    "08": (NoAnswer, "the connection to it broke off"),
    "25006": (StoreUnavailable, "it is read-only: BRIDGE_STORE__URL has to name the primary server"),
    "25P03": (StoreUnavailable, "it ended a transaction that had fallen silent"),
    "25P04": (StoreUnavailable, "it ended a transaction that took too long"),
    "28": (StoreUnavailable, "it refuses the login: check user and password in BRIDGE_STORE__URL, and its pg_hba.conf"),
    "3D": (StoreUnavailable, "it has no such database: check BRIDGE_STORE__URL, or create it"),
    "3F": (StoreUnavailable, "there is no schema in which the user may make tables"),
    "40": (StoreUnavailable, "it rolled a transaction back in favour of another"),
    "40003": (NoAnswer, "it does not know whether it took a transaction"),
    "40002": (InvariantViolation, "what it was given contradicts what it holds"),
    "42501": (StoreUnavailable, "the user lacks a right to its tables or its schema: grant it"),
    "23": (InvariantViolation, "what it was given contradicts what it holds"),
    "53": (StoreUnavailable, "it is out of resources"),
    "53100": (StoreUnavailable, "its disk is full"),
    "53300": (StoreUnavailable, "it has no connection left"),
    "55": (StoreUnavailable, "another transaction holds what it needs"),
    "57": (NoAnswer, "it was stopped or interrupted"),
    "57014": (StoreUnavailable, "it broke off a statement that took too long"),
    "58": (StoreUnavailable, "its disk or its system failed"),
    "72": (StoreUnavailable, "what was being read is gone meanwhile"),
    "F0": (StoreUnavailable, "it cannot use its own configuration"),
    "XX": (StoreUnavailable, "it, or a proxy before it, had an internal error"),
    "XX001": (InvariantViolation, "its data are damaged"),
    "XX002": (InvariantViolation, "an index of it is damaged"),
}
"""SQLSTATE, or its class, the first two characters (https://www.postgresql.org/docs/current/errcodes-appendix.html).
Classes not named say, as on SQLite, that a statement of ours does not fit the store."""

_ON_THE_WAY: tuple[tuple[type[OSError], str], ...] = (
    (
        ssl.SSLCertVerificationError,
        "its certificate is not trusted or is for another name: check BRIDGE_STORE__TLS__CA_FILE",
    ),
    (ssl.SSLError, "TLS failed: check BRIDGE_STORE__TLS__CERT_FILE and __KEY_FILE"),
    (socket.gaierror, "the host name is not known"),
    (ConnectionRefusedError, "nothing listens there"),
    (ConnectionError, "the connection failed, or it does not offer what BRIDGE_STORE__URL asks for (TLS)"),
)
"""Why there is no connection, the special before the general."""


UNFIT = "it does not take a statement of this program"


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise errors of the database, its driver, the operating system and time limits as BridgeErrors."""
    try:
        yield
    except (SQLAlchemyError, SQLiteError, OSError, OverflowError) as error:
        raise classify(error) from error


def classify(error: Exception) -> BridgeError:
    """The bridge's error for a library's: by the database's own code where there is one, else by class."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        kind, sentence = _SQLITE.get(code & 0xFF, (InvariantViolation, UNFIT))
        return kind(f"The store failed: {sentence} ({getattr(cause, 'sqlite_errorname', code)})")
    state = sqlstate(error)
    if state is not None:
        kind, sentence = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]) or (InvariantViolation, UNFIT)
        return kind(f"The store failed: {sentence} (SQLSTATE {state})")
    if isinstance(error, TimeoutError | PoolTimeout):
        return NoAnswer("The store gave no answer in time")
    if isinstance(error, OSError):
        saying = next((text for kind, text in _ON_THE_WAY if isinstance(error, kind)), type(error).__name__)
        return NoAnswer(f"The store cannot be reached ({saying})")
    if isinstance(error, OperationalError | InterfaceError | InternalError | NotSupportedError):
        # The last two are the driver's own state: a protocol that it lost track of, a statement prepared for a table
        # that a migration has changed meanwhile. Both are new on the next connection.
        return NoAnswer(f"The store cannot be reached ({type(cause).__name__})")
    return InvariantViolation(f"The store does not take what it was given ({type(cause).__name__})")


def sqlstate(error: BaseException | None) -> str | None:
    """PostgreSQL's code for the error, five characters; None where it is not PostgreSQL that speaks."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    return state if isinstance(state, str) else None
