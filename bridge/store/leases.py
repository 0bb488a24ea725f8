"""Leases and replicas in the database, by the database's clock, and the check of a lease within a commit."""

from collections.abc import Collection, Mapping
from functools import partial

import msgspec
from sqlalchemy import Connection, Select, bindparam, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.errors import Deposed
from bridge.leases import Lease, Process, Proof, Replica, Snapshot
from bridge.store.database_clock import DatabaseNow
from bridge.store.engine import Database
from bridge.store.tables import lease, replica

Wanted = Mapping[str, frozenset[int]]
"""Tenant → the receivers that a replica was given."""

# Of every commit, and made once: SQLAlchemy takes as long to put it together as to run it.
_LOCK_LEASE = (
    select(lease.c.name)
    .where(
        lease.c.name == bindparam("of"),
        lease.c.owner == bindparam("owned_by"),
        lease.c.epoch == bindparam("at_epoch"),
    )
    .with_for_update()
)


class SqlLeases:
    """The port `Leases` on a database. Every method is one transaction and raises StoreUnavailable."""

    def __init__(self, database: Database, *, lease_s: float) -> None:
        """`lease_s`: how long a replica's word that it is alive holds, and with it its leases, seconds."""
        self._database = database
        self._lease_s = lease_s
        # A server that is silent is given up, and asked on another connection, before the lease has ended.
        self._timeout_s = lease_s / 3 if database.is_shared else None

    async def beat(self, me: Replica, *, wanted: Wanted | None) -> Snapshot:
        """Say that this replica is alive, and with it the leases that it holds. `wanted`: the receivers that it was
        given, None: as last time.
        """
        return await self._database.write(
            partial(_beat, me=me, wanted=wanted, lease_s=self._lease_s), timeout_s=self._timeout_s
        )

    async def look(self) -> Snapshot:
        """Who is alive and holds what."""
        return await self._database.read(_snapshot, timeout_s=self._timeout_s)

    async def take(self, me: str, names: Collection[str]) -> dict[str, int]:
        """Take those leases that nobody holds; returns each one's epoch, which is higher than any before."""
        return await self._database.write(partial(_take, me=me, names=sorted(names)), timeout_s=self._timeout_s)

    async def give_back(self, me: str, name: str, *, call_is_over: bool = False) -> None:
        """Nobody holds it from now on. `call_is_over`: nor does this replica call it any more."""
        await self._database.write(
            partial(_give_back, me=me, name=name, call_is_over=call_is_over), timeout_s=self._timeout_s
        )

    async def call(self, me: str, names: Collection[str]) -> None:
        """Have these leases handed over to this replica, for something that it alone has to do."""
        await self._database.write(partial(_call, me=me, names=sorted(names)), timeout_s=self._timeout_s)

    async def declare(self, prefix: str, streams: Collection[str]) -> None:
        """Of all leases whose names begin so, these and no others are streams with receivers."""
        await self._database.write(partial(_declare, prefix=prefix, streams=sorted(streams)), timeout_s=self._timeout_s)

    async def leave(self, me: str) -> None:
        """This replica is gone, and holds nothing. Also for one that is known to be dead."""
        await self._database.write(partial(_leave, me=me), timeout_s=self._timeout_s)

    async def wanted(self, tenant: str) -> frozenset[int]:
        """The receivers of a tenant that any live replica was given."""
        return await self._database.read(partial(_wanted, tenant=tenant), timeout_s=self._timeout_s)


def require_lease(connection: Connection, name: str, proof: Proof) -> None:
    """Lock the lease's row until the transaction ends. Raises Deposed unless it still is what `proof` says.

    Every commit begins with this, so that those under one lease are one after another, whether anybody still waits
    for them or not, and so that nobody can take the lease over in the middle of one.
    """
    found = connection.execute(_LOCK_LEASE, {"of": name, "owned_by": proof.owner, "at_epoch": proof.epoch})
    if found.scalar_one_or_none() is None:
        raise Deposed(f"{name}: another process owns it by now")


def _beat(connection: Connection, *, me: Replica, wanted: Wanted | None, lease_s: float) -> Snapshot:
    said = {
        "process": msgspec.msgpack.encode(me.process),
        "serves": msgspec.msgpack.encode(sorted(me.serves)),
        "expires_at": DatabaseNow() + lease_s,
    }
    if wanted is not None:
        said["wanted"] = msgspec.msgpack.encode({tenant: sorted(her_ids) for tenant, her_ids in wanted.items()})
    connection.execute(delete(replica).where(replica.c.expires_at < DatabaseNow() - 10 * lease_s))
    updated = connection.execute(update(replica).where(replica.c.id == me.id).values(**said))
    if updated.rowcount == 0:
        connection.execute(replica.insert().values(id=me.id, **said))
    _add(connection, sorted(me.serves))
    return _snapshot(connection)


def _add(connection: Connection, names: list[str]) -> None:
    """Make the rows that are missing."""
    present = set((connection.execute(select(lease.c.name).where(lease.c.name.in_(names)))).scalars())
    rows = [{"name": name, "epoch": 0, "is_stream": False} for name in names if name not in present]
    if not rows:
        return
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert
    connection.execute(insert(lease).on_conflict_do_nothing(), rows)


def _snapshot(connection: Connection) -> Snapshot:
    replicas = connection.execute(
        select(replica.c.id, replica.c.process, replica.c.serves)
        .where(replica.c.expires_at > DatabaseNow())
        .order_by(replica.c.id)
    )
    owner = case((lease.c.owner.in_(_living()), lease.c.owner), else_=None)
    leases = connection.execute(select(lease.c.name, lease.c.epoch, owner, lease.c.called_by, lease.c.is_stream))
    return Snapshot(
        replicas=[
            Replica(
                id=each,
                process=msgspec.msgpack.decode(process, type=Process),
                serves=msgspec.msgpack.decode(serves, type=frozenset[str]),
            )
            for each, process, serves in replicas
        ],
        leases={
            name: Lease(name=name, epoch=epoch, owner=owner, called_by=called_by, is_stream=is_stream)
            for name, epoch, owner, called_by, is_stream in leases
        },
    )


def _living() -> Select[tuple[str]]:
    return select(replica.c.id).where(replica.c.expires_at > DatabaseNow())


def _take(connection: Connection, *, me: str, names: list[str]) -> dict[str, int]:
    taken = {}
    for name in names:  # in this order everywhere, so that no two wait for one another
        found = connection.execute(
            update(lease)
            .where(lease.c.name == name, lease.c.owner.is_(None) | lease.c.owner.not_in(_living()))
            .values(owner=me, epoch=lease.c.epoch + 1)
            .returning(lease.c.epoch)
        )
        epoch = found.scalar_one_or_none()
        if epoch is not None:
            taken[name] = int(epoch)
    return taken


def _give_back(connection: Connection, *, me: str, name: str, call_is_over: bool) -> None:
    connection.execute(update(lease).where(lease.c.name == name, lease.c.owner == me).values(owner=None))
    if call_is_over:
        connection.execute(update(lease).where(lease.c.name == name, lease.c.called_by == me).values(called_by=None))


def _call(connection: Connection, *, me: str, names: list[str]) -> None:
    _add(connection, names)
    connection.execute(update(lease).where(lease.c.name.in_(names)).values(called_by=me))


def _declare(connection: Connection, *, prefix: str, streams: list[str]) -> None:
    _add(connection, streams)
    connection.execute(
        update(lease)
        .where(lease.c.name.startswith(prefix, autoescape=True))
        .values(is_stream=lease.c.name.in_(streams))
    )


def _leave(connection: Connection, *, me: str) -> None:
    connection.execute(delete(replica).where(replica.c.id == me))
    connection.execute(update(lease).where(lease.c.owner == me).values(owner=None))
    connection.execute(update(lease).where(lease.c.called_by == me).values(called_by=None))


def _wanted(connection: Connection, *, tenant: str) -> frozenset[int]:
    rows = connection.execute(select(replica.c.wanted).where(replica.c.expires_at > DatabaseNow()))
    lists = [msgspec.msgpack.decode(row, type=dict[str, list[int]]) for row in rows.scalars() if row is not None]
    return frozenset(her_id for given in lists for her_id in given.get(tenant, ()))
