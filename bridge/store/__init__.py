"""The bridge's memory: the ports `Store` and `OrderStore` on SQLite and PostgreSQL. Only here is SQL.

`url` says which database, `sqlite` and `postgresql` connect to it, `engine` runs transactions on it; `tables` and
`migrations` are its schema, `errors` the edge at which its errors become ours. Each source has its store beside the
others on the same database: `nhn`, `altinn`.
"""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from bridge.leases import Holdings
from bridge.ports import Clock
from bridge.store.altinn import AltinnStore
from bridge.store.engine import TIMEOUT_S, Database, open_database
from bridge.store.errors import NoStoreYet
from bridge.store.leases import SqlLeases
from bridge.store.migrations import migrate, require_head
from bridge.store.nhn import NhnStore, ReceiverOffset, ReceiverState
from bridge.store.postgresql import LEASES_POOL_SIZE
from bridge.store.sqlite import BUSY_TIMEOUT_S

__all__ = [
    "AltinnStore",
    "Database",
    "NhnStore",
    "NoStoreYet",
    "ReceiverOffset",
    "ReceiverState",
    "SqlLeases",
    "Stores",
    "open_database",
    "open_store",
]


@dataclass(frozen=True, slots=True)
class Stores:
    """Each source's store, all on one database."""

    database: Database
    for_leases: Database
    """The same; where it is a server, by connections of its own."""
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
    open_one = partial(
        open_database,
        url,
        timeout_s=timeout_s,
        busy_timeout_s=busy_timeout_s,
        create=is_owner,
        tls=tls,
        read_url=read_url,
    )
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(open_one())
        await (migrate(database) if is_owner else require_head(database))
        apart = open_one(pool_size=LEASES_POOL_SIZE) if database.is_shared else nullcontext(database)
        yield Stores(
            database=database,
            for_leases=await opened.enter_async_context(apart),
            nhn=NhnStore(database, clock=clock, holdings=holdings),
            altinn=AltinnStore(database, holdings=holdings),
        )
