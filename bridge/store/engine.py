"""The database behind the stores: its transactions and their time limits, on SQLite and PostgreSQL alike."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import Engine

from bridge.errors import ConfigurationError, StoreUnavailable
from bridge.store import postgresql, sqlite
from bridge.store.errors import NoAnswer, mapped_errors
from bridge.store.postgresql import POOL_SIZE, postgresql_engine
from bridge.store.sqlite import BUSY_TIMEOUT_S, sqlite_engine, switch_to_wal
from bridge.store.transactions import Answer, LoopTransactions, Options, ThreadTransactions, Transactions, Work
from bridge.store.url import parse_url

TIMEOUT_S = 15.0
"""Longest a transaction may take, the waiting for its connection and its lock included."""
GIVE_UP_S = 1.0
"""What a transaction whose caller was cancelled, or whose database is closed, still gets to end well."""
WAL_RETRY_S = 0.02
"""Between tries to switch a new file to WAL while another process does the same."""


class Database:
    """Transactions on one database. Every one is whole or absent, whatever ends it."""

    def __init__(self, transactions: Transactions, *, timeout_s: float = TIMEOUT_S) -> None:
        self._transactions = transactions
        self._timeout_s = timeout_s
        self._reading: Options = postgresql.READING if self.is_shared else sqlite.READING
        self._writing: Options = postgresql.WRITING if self.is_shared else sqlite.WRITING
        self._running: set[asyncio.Task[object]] = set()

    @property
    def engine(self) -> Engine:
        """What SQLAlchemy's events are listened to at."""
        return self._transactions.engine

    @property
    def is_shared(self) -> bool:
        """Whether other hosts may work on it at the same time."""
        return self._transactions.engine.dialect.name != "sqlite"

    async def read(self, work: Work[Answer], *, timeout_s: float | None = None) -> Answer:
        """What `work` returns, in a transaction that sees one state of the database.

        Raises StoreUnavailable, after `timeout_s` (else the database's limit) too.
        """
        return await self._run(work, self._reading, timeout_s or self._timeout_s)

    async def write(self, work: Work[Answer], *, timeout_s: float | None = None) -> Answer:
        """What `work` returns, once its transaction is on disk; any error rolls that back.

        Raises StoreUnavailable where the database did not take it, InvariantViolation where a constraint refused it.
        After `timeout_s` (else the database's limit) or a connection lost on the way it raises NoAnswer, a
        StoreUnavailable: the transaction may be whole, or absent, or still under way. On SQLite later ones wait until
        that is settled; on PostgreSQL those that lock the same row do.
        """
        return await self._run(work, self._writing, timeout_s or self._timeout_s)

    async def enter_wal(self, busy_timeout_s: float) -> None:
        """Put an SQLite file into WAL mode, which it keeps: readers then never wait for the writer.

        While another process does the same to a new file SQLite fails at once instead of waiting, so the waiting is
        here. Raises StoreUnavailable after `busy_timeout_s`, ConfigurationError where there cannot be WAL.
        """
        deadline = asyncio.get_running_loop().time() + busy_timeout_s
        while True:
            try:
                mode = await self._run(switch_to_wal, sqlite.NO_TRANSACTION, self._timeout_s)
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
        await asyncio.wait({asyncio.create_task(self._transactions.close(), name="store closing")}, timeout=GIVE_UP_S)

    async def _run(self, work: Work[Answer], options: Options, timeout_s: float) -> Answer:
        """In a task of its own, because a cancelled statement ends only when the disk or the server has answered."""
        task = asyncio.create_task(self._transaction(work, options), name="store transaction")
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
            raise NoAnswer("The store gave no answer in time")
        return task.result()

    async def _transaction(self, work: Work[Answer], options: Options) -> Answer:
        with mapped_errors():
            return await self._transactions.run(work, options)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Looked at even if nobody waits any more, or asyncio complains about it.
            task.exception()


@asynccontextmanager
async def open_database(
    url: str,
    *,
    timeout_s: float = TIMEOUT_S,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    create: bool = True,
    tls: ssl.SSLContext | None = None,
    read_url: Callable[[], str] | None = None,
    pool_size: int = POOL_SIZE,
) -> AsyncIterator[Database]:
    """Connect to the database that `BRIDGE_STORE__URL` names; its tables are left as they are.

    `create`: make an SQLite file that is not there yet. `tls`, `read_url`, `pool_size`: as `postgresql_engine` says.
    Raises ConfigurationError (a URL or file that cannot be a store) and StoreUnavailable.
    """
    engine_url = parse_url(url)
    is_sqlite = engine_url.get_backend_name() == "sqlite"
    transactions: Transactions
    if is_sqlite:
        transactions = ThreadTransactions(sqlite_engine(engine_url, busy_timeout_s, create=create))
    else:
        transactions = LoopTransactions(postgresql_engine(engine_url, tls=tls, read_url=read_url, pool_size=pool_size))
    database = Database(transactions, timeout_s=timeout_s)
    try:
        if is_sqlite:
            await database.enter_wal(busy_timeout_s)
        yield database
    finally:
        await database.close()
