"""The database behind the stores: its URL, its connections, its transactions, its time limits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.errors import ConfigurationError, StoreUnavailable
from bridge.store.errors import mapped_errors

TIMEOUT_S = 15.0
"""Longest a transaction may take, the waiting for its connection and its lock included."""
BUSY_TIMEOUT_S = 5.0
"""How long SQLite waits for another process's lock; has to be less than `TIMEOUT_S`, so that its answer comes first."""
GIVE_UP_S = 1.0
"""What a transaction whose caller was cancelled, or whose database is closed, still gets to end well."""
WAL_RETRY_S = 0.02
"""Between tries to switch a new file to WAL while another process does the same."""

_BEGIN = "sqlite_begin"
"""Execution option: how a transaction on SQLite begins; empty for none."""
_FILE = "sqlite_file"
"""What a connection remembers of the file that it opened."""

Answer = TypeVar("Answer")
Work = Callable[[AsyncConnection], Awaitable[Answer]]
"""The statements of one transaction; it may run on when its caller no longer waits."""


class Database:
    """Transactions on one database. Every one is whole or absent, whatever ends it."""

    def __init__(self, engine: AsyncEngine, *, timeout_s: float = TIMEOUT_S) -> None:
        self._engine = engine
        self._timeout_s = timeout_s
        self._running: set[asyncio.Task[object]] = set()

    async def read(self, work: Work[Answer]) -> Answer:
        """What `work` returns, in a transaction that sees one state of the database. Raises StoreUnavailable."""
        return await self._run(work, "BEGIN", self._timeout_s)

    async def write(self, work: Work[Answer], *, timeout_s: float | None = None) -> Answer:
        """What `work` returns, once its transaction is on disk; any error rolls that back.

        Raises StoreUnavailable where the database did not take it, InvariantViolation where a constraint refused it.
        After `timeout_s` (else the database's limit) or a connection lost while committing it raises StoreUnavailable
        without knowing whether the transaction is whole or absent: later ones wait until that is settled.
        """
        # The write lock from the start: SQLite does not wait for it once a transaction has read.
        return await self._run(work, "BEGIN IMMEDIATE", timeout_s or self._timeout_s)

    async def enter_wal(self, busy_timeout_s: float) -> None:
        """Put an SQLite file into WAL mode, which it keeps: readers then never wait for the writer.

        While another process does the same to a new file SQLite fails at once instead of waiting, so the waiting is
        here. Raises StoreUnavailable after `busy_timeout_s`, ConfigurationError where there cannot be WAL.
        """
        deadline = asyncio.get_running_loop().time() + busy_timeout_s
        while True:
            try:
                mode = await self._run(_switch_to_wal, "", self._timeout_s)
            except StoreUnavailable:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(WAL_RETRY_S)
            else:
                if mode != "wal":
                    raise ConfigurationError(
                        "BRIDGE_STORE__URL: this file system cannot hold SQLite's write-ahead log; name a local disk"
                    )
                return

    async def close(self) -> None:
        """Close the connections, those in use once their transactions ended; bounded, never raises."""
        if self._running:
            await asyncio.wait(self._running, timeout=GIVE_UP_S)
        await asyncio.wait({asyncio.create_task(self._engine.dispose(), name="store closing")}, timeout=GIVE_UP_S)

    async def _run(self, work: Work[Answer], begin: str, timeout_s: float) -> Answer:
        """In a task of its own, because a cancelled statement ends only when the disk or the server has answered."""
        task = asyncio.create_task(self._transaction(work, begin), name="store transaction")
        self._running.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait({task}, timeout=timeout_s)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=GIVE_UP_S)
            raise
        finally:
            task.cancel()
        if not task.done():
            raise StoreUnavailable("The store gave no answer in time")
        return task.result()

    async def _transaction(self, work: Work[Answer], begin: str) -> Answer:
        with mapped_errors():
            async with self._engine.execution_options(**{_BEGIN: begin}).begin() as connection:
                return await work(connection)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Looked at even if nobody waits any more, or asyncio complains about it.
            task.exception()


@asynccontextmanager
async def open_database(
    url: str, *, timeout_s: float = TIMEOUT_S, busy_timeout_s: float = BUSY_TIMEOUT_S, create: bool = True
) -> AsyncIterator[Database]:
    """Connect to the database that `BRIDGE_STORE__URL` names; its tables are left as they are.

    `create`: make an SQLite file that is not there yet. Raises ConfigurationError (a URL or file that cannot be a
    store) and StoreUnavailable.
    """
    engine_url = parse_url(url)
    is_sqlite = engine_url.get_backend_name() == "sqlite"
    if is_sqlite:
        engine = _sqlite_engine(engine_url, busy_timeout_s, create=create)
    else:
        engine = create_async_engine(engine_url, hide_parameters=True)
    database = Database(engine, timeout_s=timeout_s)
    try:
        if is_sqlite:
            await database.enter_wal(busy_timeout_s)
        yield database
    finally:
        await database.close()


def parse_url(url: str) -> URL:
    """The URL with its asyncio driver. Raises ConfigurationError, without the URL, which may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Without its cause, which may quote the URL.
        raise ConfigurationError(
            "BRIDGE_STORE__URL is not a database URL: use sqlite:///path/to/bridge.db or postgresql://host/database"
        ) from None
    match parsed.drivername:
        case "sqlite" | "sqlite+aiosqlite":
            if parsed.host or parsed.username or parsed.query or parsed.database in {None, "", ":memory:"}:
                raise ConfigurationError(
                    "BRIDGE_STORE__URL has to name a file and nothing else: use sqlite:///relative/path.db or "
                    "sqlite:////absolute/path.db"
                )
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgresql+asyncpg":
            if find_spec("asyncpg") is None:
                raise ConfigurationError(
                    "BRIDGE_STORE__URL asks for PostgreSQL, but its driver is not installed: add the package asyncpg"
                )
            return parsed.set(drivername="postgresql+asyncpg")
        case _:
            raise ConfigurationError("BRIDGE_STORE__URL has to begin with sqlite:/// or postgresql://")


def _sqlite_engine(url: URL, busy_timeout_s: float, *, create: bool) -> AsyncEngine:
    path = Path(url.database or "")
    with mapped_errors():
        if not path.parent.is_dir():
            raise ConfigurationError(f"BRIDGE_STORE__URL: there is no directory {path.parent}; create it first")
        if path.is_dir():
            raise ConfigurationError(f"BRIDGE_STORE__URL: {path} is a directory; name a file in it")
        if not create and not path.exists():
            raise ConfigurationError(f"BRIDGE_STORE__URL: there is no store at {path} yet; `bridge run` makes it")
    engine = create_async_engine(
        url,
        hide_parameters=True,
        # SQLite has one writer at a time: our own wait in line for the connection, which is fairer and faster than
        # SQLite's polling for the lock. The transaction's time limit bounds the waiting.
        pool_size=1,
        max_overflow=0,
        # isolation_level None: the driver begins no transactions of its own.
        connect_args={"timeout": busy_timeout_s, "isolation_level": None},
    )
    event.listen(engine.sync_engine, "connect", _configure_sqlite)
    event.listen(engine.sync_engine, "connect", partial(_note_file, path))
    event.listen(engine.sync_engine, "begin", partial(_require_file, path))
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    event.listen(engine.sync_engine, "invalidate", _roll_back)
    return engine


def _configure_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
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


def _begin_sqlite(connection: Connection) -> None:
    if statement := connection.get_execution_options().get(_BEGIN, "BEGIN"):
        connection.exec_driver_sql(statement)


def _roll_back(connection: DBAPIConnection, _record: ConnectionPoolEntry, _error: BaseException | None) -> None:
    """A connection that is closed while a cursor of its last statement is somewhere in memory keeps its transaction,
    and with it the write lock, until that cursor is collected; so the transaction ends before.
    """
    with suppress(Exception, asyncio.CancelledError):  # It is closed in any case, and the first error told.
        connection.rollback()


async def _switch_to_wal(connection: AsyncConnection) -> str:
    mode = await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    return str(mode.scalar_one())
