"""The bridge's memory: the ports `Store` and `OrderStore` on SQLite and, later, PostgreSQL. Only here is SQL.

`engine` holds the database and its transactions, `tables` and `migrations` its schema, `errors` the edge at which its
errors become ours. Each source has its store beside the others on the same database: `nhn`, `altinn`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bridge.ports import Clock
from bridge.store.altinn import AltinnStore
from bridge.store.engine import BUSY_TIMEOUT_S, TIMEOUT_S, Database, open_database
from bridge.store.migrations import migrate, require_head
from bridge.store.nhn import NhnStore, ReceiverOffset

__all__ = ["AltinnStore", "Database", "NhnStore", "ReceiverOffset", "Stores", "open_database", "open_store"]


@dataclass(frozen=True, slots=True)
class Stores:
    """Each source's store, all on one database."""

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
) -> AsyncIterator[Stores]:
    """The stores on the database that `BRIDGE_STORE__URL` names, its schema brought up to date, until the block ends.

    `is_owner=False` neither makes nor migrates it: for commands that look at the store of a running bridge. Raises
    ConfigurationError (no store can be there, or its schema is not this program's) and StoreUnavailable.
    """
    async with open_database(url, timeout_s=timeout_s, busy_timeout_s=busy_timeout_s, create=is_owner) as database:
        await (migrate(database) if is_owner else require_head(database))
        yield Stores(nhn=NhnStore(database, clock=clock), altinn=AltinnStore(database))
