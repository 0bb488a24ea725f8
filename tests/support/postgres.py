"""PostgreSQL databases for tests."""

import asyncio
import shlex
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from sqlalchemy import delete

from bridge.clock import SystemClock
from bridge.store import open_store
from bridge.store.tables import metadata

T = TypeVar("T")


def run_apart(work: Coroutine[object, object, T]) -> T:
    """The result of a coroutine, from synchronous code, whether or not this thread has an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements, each in a transaction of its own; returns the rows of the last."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        rows = []
        for statement in statements:
            rows = await connection.fetch(statement, timeout=20)
        return [tuple(row) for row in rows]
    finally:
        await connection.close()


async def count_bridge_connections(url: str) -> object:
    """How many connections bridges have to this database; on the server's others, other tests may be at work."""
    ((count,),) = await execute(
        url,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'notification-bridge' AND datname = current_database()",
    )
    return count


async def end_bridge_connections(url: str) -> None:
    """The server ends those connections."""
    await execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'notification-bridge' AND datname = current_database()",
    )


class Databases:
    """Makes and drops databases on one server."""

    def __init__(self, url: str) -> None:
        """`url`: of a user who may make databases."""
        self.url = url
        self._shared: str | None = None

    def emptied(self) -> str:
        """URL of the database that tests use in turn: migrated, nothing in its tables, nobody connected to it."""
        if self._shared is None:
            self._shared = self.make()
            run_apart(_migrate(self._shared))
        else:
            run_apart(_empty(self._shared))
        return self._shared

    def make(self) -> str:
        """URL of a new database, empty."""
        name = f"test_{uuid4().hex[:12]}"
        run_apart(execute(self.url, f"CREATE DATABASE {name}"))
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop(self, url: str) -> None:
        """Take a database away, with all connections to it."""
        run_apart(execute(self.url, f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)"))

    def close(self) -> None:
        """Leave nothing behind."""
        if self._shared is not None:
            self.drop(self._shared)


async def _migrate(url: str) -> None:
    async with open_store(url, clock=SystemClock()):
        pass


async def _empty(url: str) -> None:
    await execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        # At once and not by TRUNCATE, which makes each table's files anew: a quarter of the time.
        f"DO $$ BEGIN {' '.join(f'{delete(table)};' for table in reversed(metadata.sorted_tables))} END $$",
    )


async def pg_ctl(command: str, *arguments: str) -> None:
    """Run `pg_ctl` on the server under test."""
    process = await asyncio.create_subprocess_exec(*shlex.split(command), *arguments)
    assert await process.wait() == 0
