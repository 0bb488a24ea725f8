"""The bridge's memory: the ports `Store` and `OrderStore` on SQLite and PostgreSQL. Only here is SQL.

`url` says which database, `sqlite` and `postgresql` connect to it, `engine` runs transactions on it; `tables` and
`migrations` are its schema, `errors` the edge at which its errors become ours. Each source has its store beside the
others on the same database: `nhn`, `altinn`.
"""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bridge.leases import Holdings
from bridge.ports import Clock
from bridge.store.altinn import AltinnStore
from bridge.store.engine import TIMEOUT_S, Database, open_database
from bridge.store.leases import SqlLeases
from bridge.store.migrations import migrate, require_head
from bridge.store.nhn import NhnStore, ReceiverOffset
from bridge.store.sqlite import BUSY_TIMEOUT_S

__all__ = [
    "AltinnStore",
    "Database",
    "NhnStore",
    "ReceiverOffset",
    "SqlLeases",
    "Stores",
    "open_database",
    "open_store",
]


@dataclass(frozen=True, slots=True)
class Stores:
    """Each source's store, all on one database."""

    database: Database
    nhn: NhnStore
    altinn: AltinnStore


@asynccontextmanager
async def open_store(
    url: str,
    *,
    clock: Clock,
    timeout_s: float = TIMEOUT_S,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    is_owner: bool = True,
    tls: ssl.SSLContext | None = None,
    read_url: Callable[[], str] | None = None,
    holdings: Holdings | None = None,
) -> AsyncIterator[Stores]:
    """The stores on the database that `BRIDGE_STORE__URL` names, its schema brought up to date, until the block ends.

    `is_owner=False` neither makes nor migrates it: for commands that look at the store of a running bridge. `tls`,
    `read_url`: as `postgresql_engine` says, `holdings`: as `NhnStore` says. Raises ConfigurationError (no store can be
    there, or its schema is not this program's) and StoreUnavailable.
    """
    async with open_database(
        url, timeout_s=timeout_s, busy_timeout_s=busy_timeout_s, create=is_owner, tls=tls, read_url=read_url
    ) as database:
        await (migrate(database) if is_owner else require_head(database))
        yield Stores(
            database=database,
            nhn=NhnStore(database, clock=clock, holdings=holdings),
            altinn=AltinnStore(database, holdings=holdings),
        )
