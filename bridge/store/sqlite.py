"""The connection to an SQLite file: how it is opened, what each connection is told, how its transactions begin."""

from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.errors import ConfigurationError, StoreUnavailable
from bridge.store.errors import NoStoreYet, mapped_errors

BUSY_TIMEOUT_S = 5.0
"""How long SQLite waits for another process's lock; has to be less than a transaction may take, so that its answer
comes first."""

BEGIN = "sqlite_begin"
"""Execution option: how a transaction begins; empty for none."""
READING = {BEGIN: "BEGIN"}
WRITING = {BEGIN: "BEGIN IMMEDIATE"}
"""The write lock from the start: SQLite does not wait for it once a transaction has read."""
NO_TRANSACTION = {BEGIN: ""}

_FILE = "sqlite_file"
"""What a connection remembers of the file that it opened."""


def sqlite_engine(url: URL, busy_timeout_s: float, *, create: bool) -> Engine:
    """An engine for the file. Raises ConfigurationError where no store can be there."""
    path = Path(url.database or "")
    with mapped_errors():
        if not path.parent.is_dir():
            raise ConfigurationError(f"BRIDGE_STORE__URL: there is no directory {path.parent}; create it first")
        if path.is_dir():
            raise ConfigurationError(f"BRIDGE_STORE__URL: {path} is a directory; name a file in it")
        if not create and not path.exists():
            raise NoStoreYet(f"BRIDGE_STORE__URL: there is no store at {path} yet; `bridge run` makes it")
    engine = create_engine(
        url,
        hide_parameters=True,
        # SQLite has one writer at a time: our own wait in line for the thread, which is fairer and faster than
        # SQLite's polling for the lock. The transaction's time limit bounds the waiting.
        pool_size=1,
        max_overflow=0,
        # isolation_level None: the driver begins no transactions of its own.
        connect_args={"timeout": busy_timeout_s, "isolation_level": None},
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "connect", partial(_note_file, path))
    event.listen(engine, "begin", partial(_require_file, path))
    event.listen(engine, "begin", _begin)
    return engine


def switch_to_wal(connection: Connection) -> str:
    """Ask for a write-ahead log; returns the mode that the file is in afterwards."""
    mode = connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    return str(mode.scalar_one())


def _configure(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """What SQLite forgets with each connection. FULL: a commit is on disk when it returns, power cuts included."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _note_file(path: Path, _connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    record.info[_FILE] = _file_behind(path)


def _require_file(path: Path, connection: Connection) -> None:
    """SQLite goes on writing to a file that was removed or replaced, and what it commits there is lost with us."""
    if connection.info[_FILE] != _file_behind(path):
        raise StoreUnavailable("The store failed: its file was removed or replaced while it was in use")


def _file_behind(path: Path) -> tuple[int, int] | None:
    """Device and inode that the name stands for now."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin(connection: Connection) -> None:
    if statement := connection.get_execution_options().get(BEGIN, "BEGIN"):
        connection.exec_driver_sql(statement)
