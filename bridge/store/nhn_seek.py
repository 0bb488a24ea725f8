"""Moving receivers to other offsets, as statements: one transaction over all streams that this concerns."""

import secrets
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bridge.checkpoints import Sought, seek
from bridge.leases import Holdings
from bridge.store.leases import require_lease
from bridge.store.portions import portions
from bridge.store.tables import nhn_receiver, nhn_recent, nhn_stream, nhn_unnumbered

# Run once a receiver, of which there may be 45,000.
_MOVE_RECEIVER = (
    update(nhn_receiver)
    .where(nhn_receiver.c.tenant == bindparam("of"), nhn_receiver.c.her_id == bindparam("who"))
    .values(cursor=bindparam("own"), floor=None, updated_at=bindparam("at"))
)
_FORGET_RETIRED = delete(nhn_receiver).where(
    nhn_receiver.c.tenant == bindparam("of"),
    nhn_receiver.c.her_id == bindparam("who"),
    nhn_receiver.c.stream.is_(None),
)

# A retired receiver's are still with the stream that it was in.
_FORGET_UNNUMBERED = delete(nhn_unnumbered).where(
    nhn_unnumbered.c.stream.in_(select(nhn_stream.c.name).where(nhn_stream.c.tenant == bindparam("of"))),
    nhn_unnumbered.c.her_id == bindparam("who"),
)

Members = dict[int, int | None]
"""HER-id → its own cursor, or None where it shares its stream's."""


def seek_all(
    connection: Connection,
    *,
    cursors: Mapping[str, Mapping[int, int]],
    holdings: Holdings | None,
    now: datetime,
) -> None:
    """Move receivers: tenant → HER-id → its new cursor. See the port `Store`."""
    streams: dict[str, tuple[Members, dict[int, int]]] = {}
    absent: list[dict[str, object]] = []
    repeated: list[dict[str, object]] = []
    for tenant, to in cursors.items():
        members = _members(connection, tenant)
        retired = members.pop(None, {})
        stream_of = {her_id: stream for stream, each in members.items() if stream for her_id in each}
        for her_id, cursor in to.items():
            if her_id in stream_of:
                stream = stream_of[her_id]
                streams.setdefault(stream, (members[stream], {}))[1][her_id] = cursor
            else:
                absent.append({"tenant": tenant, "her_id": her_id, "cursor": cursor})
            if cursor < (retired.get(her_id) or 0):
                repeated.append({"of": tenant, "who": her_id})
    # In this order everywhere, so that no two wait for one another.
    if holdings is not None:
        for stream in sorted(streams):
            require_lease(connection, stream, holdings.proof(stream))
    for stream, (receivers, to) in sorted(streams.items()):
        tenant, cursor = _lock(connection, stream)
        sought = seek(cursor, receivers, to)
        _move_stream(connection, stream, cursor, sought, now)
        _move_receivers(connection, tenant, sought, now)
    _keep(connection, absent, now)
    if repeated:
        connection.execute(_FORGET_UNNUMBERED, repeated)


def _members(connection: Connection, tenant: str) -> dict[str | None, Members]:
    """Stream → who belongs to it; None → who is retired."""
    rows = connection.execute(
        select(nhn_receiver.c.stream, nhn_receiver.c.her_id, nhn_receiver.c.cursor).where(
            nhn_receiver.c.tenant == tenant
        )
    )
    members: defaultdict[str | None, Members] = defaultdict(dict)
    for stream, her_id, own in rows:
        members[stream][her_id] = own
    return dict(members)


def _lock(connection: Connection, stream: str) -> tuple[str, int]:
    """Lock the stream's row, and mark it: what its owner tried before and had no answer to is not there any more.

    Returns the stream's tenant and cursor.
    """
    found = connection.execute(
        update(nhn_stream)
        .where(nhn_stream.c.name == stream)
        .values(commit_id=secrets.randbits(63))
        .returning(nhn_stream.c.tenant, nhn_stream.c.cursor)
    )
    tenant, cursor = found.one()
    return tenant, cursor


def _move_stream(connection: Connection, stream: str, previous: int, sought: Sought, now: datetime) -> None:
    if sought.cursor != previous:
        connection.execute(
            update(nhn_stream).where(nhn_stream.c.name == stream).values(cursor=sought.cursor, updated_at=now)
        )
    if not sought.keeps_window:
        connection.execute(delete(nhn_recent).where(nhn_recent.c.stream == stream))
        # Nothing tells any more what of those that stay behind is done with: all up to where they stand.
        connection.execute(update(nhn_receiver).where(nhn_receiver.c.stream == stream).values(floor=None))
    connection.execute(
        delete(nhn_unnumbered).where(
            nhn_unnumbered.c.stream == stream, nhn_unnumbered.c.her_id.in_(sorted(sought.repeated))
        )
    )


def _move_receivers(connection: Connection, tenant: str, sought: Sought, now: datetime) -> None:
    connection.execute(
        _MOVE_RECEIVER,
        [{"of": tenant, "who": her_id, "own": own, "at": now} for her_id, own in sought.receivers.items()],
    )


def _keep(connection: Connection, absent: list[dict[str, object]], now: datetime) -> None:
    """Note where receivers that are in no stream are to begin when they come.

    One that came into a stream meanwhile, though nobody was to enrol any, is refused by the table's key.
    """
    for portion in portions(absent):
        connection.execute(_FORGET_RETIRED, [{"of": row["tenant"], "who": row["her_id"]} for row in portion])
        connection.execute(insert(nhn_receiver), [{**row, "stream": None, "updated_at": now} for row in portion])
