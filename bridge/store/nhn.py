"""The store of the NHN source, on SQLAlchemy Core."""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import msgspec
from sqlalchemy import Connection, case, func, select, update

from bridge.checkpoints import NhnCheckpoint, RecentPage, StreamState
from bridge.errors import BridgeError
from bridge.leases import Holdings, Proof
from bridge.ports import Clock
from bridge.store.engine import Database
from bridge.store.errors import NoAnswer
from bridge.store.leases import require_lease
from bridge.store.nhn_checkpoints import NhnTransaction
from bridge.store.nhn_merge import merge_streams
from bridge.store.nhn_seek import seek_all
from bridge.store.tables import lease, nhn_receiver, nhn_recent, nhn_stream, nhn_unnumbered

SEEK_TIMEOUT_S = 60.0
"""45,000 receivers take a second or two where nobody else works."""

ReceiverState = Literal["sharing", "catching-up", "ahead", "retired"]
"""Whether a receiver shares its stream's cursor, has one of its own behind or beyond that (it joins where they meet),
or belongs to no stream and keeps its place for its return."""


class ReceiverOffset(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Where one receiver stands: a line of `bridge offsets list`."""

    tenant: str
    her_id: int
    stream: str | None
    """None: retired."""
    state: ReceiverState
    offset: int
    """Its own cursor, or its stream's where it shares that."""
    updated_at: datetime
    """When that cursor was last stored; aware, UTC."""


class _Attempt(msgspec.Struct, frozen=True):
    """A commit that has not answered, or not well."""

    checkpoint: NhnCheckpoint
    commit_id: int


class NhnStore:
    """The port `Store` on a database. Calls may overlap; those for one stream are its owner's, one at a time.

    A commit that got no answer in time may be whole all the same. The contract lets its caller repeat it, so each
    commit marks its stream's row with an id of its own, and a repeated one looks for that mark first.
    """

    def __init__(self, database: Database, *, clock: Clock, holdings: Holdings | None = None) -> None:
        """`clock` tells `updated_at`, nothing else. `holdings`: the leases under which this process may change
        streams; None: it is the only one that does, and takes no leases.
        """
        self._database = database
        self._clock = clock
        self._holdings = holdings
        self._unsettled: dict[str, _Attempt] = {}
        self._under_way: set[str] = set()
        """Streams of which a commit may still be at work where nobody waits for it any more."""

    @property
    def database(self) -> Database:
        """What it is on."""
        return self._database

    async def streams(self, tenant: str) -> Sequence[StreamState]:
        """As the port says; what the last commits came to is settled first."""
        if self._under_way:
            await self._database.write(partial(_wait_for, streams=sorted(self._under_way)))
        return await self._database.read(partial(_streams, tenant=tenant))

    async def retired(self, tenant: str) -> dict[int, int]:
        """As the port says."""
        return await self._database.read(partial(_retired, tenant=tenant))

    async def retire(self, tenant: str, her_ids: frozenset[int]) -> None:
        """As the port says; those that are in no stream are left as they are, so it can be repeated."""
        work = partial(_retire, tenant=tenant, her_ids=her_ids, holdings=self._holdings, now=self._clock.now())
        await self._database.write(work)

    async def merge(self, tenant: str, *, dissolved: str, into: str) -> None:
        """As the port says."""
        holdings, both = self._holdings, (dissolved, into)
        work = partial(
            merge_streams,
            read=partial(_streams, tenant=tenant),
            dissolved=dissolved,
            into=into,
            proofs={} if holdings is None else {name: holdings.proof(name) for name in both},
            now=self._clock.now(),
        )
        await self._database.write(work)

    async def seek(self, cursors: Mapping[str, Mapping[int, int]]) -> None:
        """As the port says."""
        work = partial(seek_all, cursors=cursors, holdings=self._holdings, now=self._clock.now())
        await self._database.write(work, timeout_s=SEEK_TIMEOUT_S)

    async def commit(self, checkpoint: NhnCheckpoint) -> None:
        """As the port says."""
        attempt = self._unsettled.get(checkpoint.stream)
        is_repeated = attempt is not None and attempt.checkpoint == checkpoint
        if attempt is None or not is_repeated:
            attempt = _Attempt(checkpoint, secrets.randbits(63))
            self._unsettled[checkpoint.stream] = attempt
        proof = None if self._holdings is None else self._holdings.proof(checkpoint.stream)
        is_settled = checkpoint.stream not in self._under_way
        self._under_way.add(checkpoint.stream)
        work = partial(_commit, attempt=attempt, is_repeated=is_repeated, proof=proof, now=self._clock.now())
        try:
            await self._database.write(work)
        except NoAnswer:
            raise
        except BridgeError:
            if is_settled:
                self._under_way.discard(checkpoint.stream)
            raise
        self._unsettled.pop(checkpoint.stream, None)
        self._under_way.discard(checkpoint.stream)

    async def receivers(self) -> Sequence[ReceiverOffset]:
        """Every receiver of every tenant, by tenant and HER-id. Raises StoreUnavailable."""
        return await self._database.read(_receiver_offsets)


def _commit(
    connection: Connection, *, attempt: _Attempt, is_repeated: bool, proof: Proof | None, now: datetime
) -> None:
    if proof is not None:
        require_lease(connection, attempt.checkpoint.stream, proof)
    if is_repeated:
        found = connection.execute(
            select(nhn_stream.c.commit_id).where(nhn_stream.c.name == attempt.checkpoint.stream).with_for_update()
        )
        if found.scalar_one_or_none() == attempt.commit_id:
            return
    NhnTransaction(connection, attempt.commit_id, now).apply(attempt.checkpoint)


def _wait_for(connection: Connection, *, streams: Sequence[str]) -> None:
    """Return once no transaction on these streams is under way. On PostgreSQL one whose client gave it up may still be,
    on a connection that nobody waits for; its end is bounded by the server's time limits.
    """
    for rows in (
        select(lease.c.name).where(lease.c.name.in_(streams)).order_by(lease.c.name),
        select(nhn_stream.c.name).where(nhn_stream.c.name.in_(streams)).order_by(nhn_stream.c.name),
    ):
        connection.execute(rows.with_for_update())


def _retire(
    connection: Connection, *, tenant: str, her_ids: frozenset[int], holdings: Holdings | None, now: datetime
) -> None:
    if holdings is not None:
        for stream in _streams_of(connection, tenant, her_ids):
            require_lease(connection, stream, holdings.proof(stream))
    of_stream = select(nhn_stream.c.cursor).where(nhn_stream.c.name == nhn_receiver.c.stream).scalar_subquery()
    connection.execute(
        update(nhn_receiver)
        .where(
            nhn_receiver.c.tenant == tenant,
            nhn_receiver.c.her_id.in_(sorted(her_ids)),
            nhn_receiver.c.stream.is_not(None),
        )
        .values(cursor=func.coalesce(nhn_receiver.c.cursor, of_stream), floor=None, stream=None, updated_at=now)
    )


def _streams_of(connection: Connection, tenant: str, her_ids: frozenset[int]) -> list[str]:
    rows = connection.execute(
        select(nhn_receiver.c.stream)
        .distinct()
        .where(
            nhn_receiver.c.tenant == tenant,
            nhn_receiver.c.her_id.in_(sorted(her_ids)),
            nhn_receiver.c.stream.is_not(None),
        )
    )
    return sorted(rows.scalars())


def _retired(connection: Connection, *, tenant: str) -> dict[int, int]:
    rows = connection.execute(
        select(nhn_receiver.c.her_id, nhn_receiver.c.cursor).where(
            nhn_receiver.c.tenant == tenant, nhn_receiver.c.stream.is_(None)
        )
    )
    return dict(rows.all())


def _receiver_offsets(connection: Connection) -> list[ReceiverOffset]:
    is_sharing = nhn_receiver.c.cursor.is_(None)
    rows = connection.execute(
        select(
            nhn_receiver.c.tenant,
            nhn_receiver.c.her_id,
            nhn_receiver.c.stream,
            nhn_receiver.c.cursor,
            nhn_stream.c.cursor,
            case((is_sharing, nhn_stream.c.updated_at), else_=nhn_receiver.c.updated_at),
        ).outerjoin_from(nhn_receiver, nhn_stream, nhn_receiver.c.stream == nhn_stream.c.name)
    )
    offsets = [
        ReceiverOffset(
            tenant=tenant,
            her_id=her_id,
            stream=stream,
            state=_state(own, shared),
            offset=shared if own is None else own,
            updated_at=updated_at,
        )
        for tenant, her_id, stream, own, shared, updated_at in rows
    ]
    # Sorted here, because databases differ in how they sort text.
    return sorted(offsets, key=lambda receiver: (receiver.tenant, receiver.her_id))


def _state(own: int | None, shared: int | None) -> ReceiverState:
    if shared is None:
        return "retired"
    if own is None:
        return "sharing"
    return "ahead" if own > shared else "catching-up"


def _streams(connection: Connection, *, tenant: str) -> list[StreamState]:
    rows = connection.execute(select(nhn_stream.c.name, nhn_stream.c.cursor).where(nhn_stream.c.tenant == tenant))
    receivers = _receivers(connection, tenant)
    unnumbered = _unnumbered(connection, tenant)
    recent = _recent(connection, tenant)
    return [
        StreamState(
            name=name,
            tenant=tenant,
            cursor=cursor,
            receivers={her_id: cursor for her_id, (cursor, _) in receivers[name].items()},
            floors={
                her_id: floor
                for her_id, (cursor, floor) in receivers[name].items()
                if cursor is not None and floor not in {None, cursor}
            },
            unnumbered=frozenset(unnumbered[name]),
            recent=tuple(recent[name]),
        )
        for name, cursor in sorted(rows.all())
    ]


def _receivers(connection: Connection, tenant: str) -> defaultdict[str, dict[int, tuple[int | None, int | None]]]:
    """Stream → HER-id → cursor and floor."""
    rows = connection.execute(
        select(nhn_receiver.c.stream, nhn_receiver.c.her_id, nhn_receiver.c.cursor, nhn_receiver.c.floor)
        .where(nhn_receiver.c.tenant == tenant, nhn_receiver.c.stream.is_not(None))
        .order_by(nhn_receiver.c.her_id)
    )
    receivers: defaultdict[str, dict[int, tuple[int | None, int | None]]] = defaultdict(dict)
    for stream, her_id, cursor, floor in rows:
        receivers[stream][her_id] = cursor, floor
    return receivers


def _unnumbered(connection: Connection, tenant: str) -> defaultdict[str, set[tuple[int, str]]]:
    rows = connection.execute(
        select(nhn_unnumbered.c.stream, nhn_unnumbered.c.her_id, nhn_unnumbered.c.event_id)
        .join_from(nhn_unnumbered, nhn_stream)
        .where(nhn_stream.c.tenant == tenant)
    )
    unnumbered: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)
    for stream, her_id, event_id in rows:
        unnumbered[stream].add((her_id, event_id))
    return unnumbered


def _recent(connection: Connection, tenant: str) -> defaultdict[str, list[RecentPage]]:
    rows = connection.execute(
        select(nhn_recent.c.stream, nhn_recent.c.read_at, nhn_recent.c.offsets)
        .join_from(nhn_recent, nhn_stream)
        .where(nhn_stream.c.tenant == tenant)
        .order_by(nhn_recent.c.read_at, nhn_recent.c.id)
    )
    recent: defaultdict[str, list[RecentPage]] = defaultdict(list)
    for stream, read_at, offsets in rows:
        recent[stream].append(RecentPage(read_at, offsets))
    return recent
