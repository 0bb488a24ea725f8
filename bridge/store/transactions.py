"""Where the statements of a transaction run: those of PostgreSQL on the event loop, each a round trip to the server;
those of SQLite all together in a thread, because a hop to a thread and back costs more than a statement.

So the work of a transaction is plain code on a connection, the same for both.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from bridge.errors import StoreUnavailable

Answer = TypeVar("Answer")
Work = Callable[[Connection], Answer]
"""The statements of one transaction."""
Options = Mapping[str, object]
"""Execution options of SQLAlchemy: how a transaction begins."""


class Transactions(Protocol):
    """Runs transactions, each whole or absent. Raises what SQLAlchemy and its drivers do."""

    @property
    def engine(self) -> Engine:
        """What SQLAlchemy's events are listened to at."""
        ...

    async def run(self, work: Work[Answer], options: Options) -> Answer:
        """What `work` returns, in a transaction. It may end long after its caller was cancelled."""
        ...

    async def close(self) -> None:
        """Close the connections that are not in use."""
        ...


class LoopTransactions:
    """On an asyncio driver."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """See Transactions."""
        return self._engine.sync_engine

    async def run(self, work: Work[Answer], options: Options) -> Answer:
        """See Transactions."""
        async with self._engine.connect() as connected:
            connection = await connected.execution_options(**options)
            async with connection.begin():
                return await connection.run_sync(work)

    async def close(self) -> None:
        """See Transactions."""
        await self._engine.dispose()


class ThreadTransactions:
    """One at a time, in a thread of their own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    @property
    def engine(self) -> Engine:
        """See Transactions."""
        return self._engine

    async def run(self, work: Work[Answer], options: Options) -> Answer:
        """See Transactions. One that nobody waits for any more is rolled back, unless its commit has begun."""
        is_given_up = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._transact, work, options, is_given_up
            )
        finally:
            is_given_up.set()

    async def close(self) -> None:
        """See Transactions."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _transact(self, work: Work[Answer], options: Options, is_given_up: threading.Event) -> Answer:
        with self._engine.connect() as connected:
            connection = connected.execution_options(**options)
            with connection.begin():
                answer = work(connection)
                if is_given_up.is_set():
                    raise StoreUnavailable("The store was too slow for whoever asked")
                return answer
