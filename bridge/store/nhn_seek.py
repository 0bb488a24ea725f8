"""Moving receivers to other offsets, as statements: one transaction over all streams that this concerns."""

import secrets
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.checkpoints import Sought, seek
from bridge.errors import InvariantViolation
from bridge.leases import Holdings
from bridge.store.leases import require_lease
from bridge.store.portions import portions
from bridge.store.tables import nhn_receiver, nhn_recent, nhn_stream, nhn_unnumbered

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
    for tenant, to in cursors.items():
        members = _members(connection, tenant)
        stream_of = {her_id: stream for stream, each in members.items() for her_id in each}
        for her_id, cursor in to.items():
            if her_id in stream_of:
                stream = stream_of[her_id]
                streams.setdefault(stream, (members[stream], {}))[1][her_id] = cursor
            else:
                absent.append({"tenant": tenant, "her_id": her_id, "cursor": cursor})
    # In this order everywhere, so that no two wait for one another.
    if holdings is not None:
        for stream in sorted(streams):
            require_lease(connection, stream, holdings.proof(stream))
    for stream, (receivers, to) in sorted(streams.items()):
        cursor = _lock(connection, stream)
        _move(connection, stream, cursor, seek(cursor, receivers, to), now)
    _keep(connection, absent, now)


def _members(connection: Connection, tenant: str) -> dict[str, Members]:
    """Stream → who belongs to it."""
    rows = connection.execute(
        select(nhn_receiver.c.stream, nhn_receiver.c.her_id, nhn_receiver.c.cursor).where(
            nhn_receiver.c.tenant == tenant, nhn_receiver.c.stream.is_not(None)
        )
    )
    members: defaultdict[str, Members] = defaultdict(dict)
    for stream, her_id, own in rows:
        members[stream][her_id] = own
    return dict(members)


def _lock(connection: Connection, stream: str) -> int:
    """Lock the stream's row, and mark it: what its owner tried before and had no answer to is not there any more.

    Returns the stream's cursor.
    """
    found = connection.execute(
        update(nhn_stream)
        .where(nhn_stream.c.name == stream)
        .values(commit_id=secrets.randbits(63))
        .returning(nhn_stream.c.cursor)
    )
    return int(found.scalar_one())


def _move(connection: Connection, stream: str, previous: int, sought: Sought, now: datetime) -> None:
    if sought.cursor != previous:
        connection.execute(
            update(nhn_stream).where(nhn_stream.c.name == stream).values(cursor=sought.cursor, updated_at=now)
        )
    together: defaultdict[int | None, list[int]] = defaultdict(list)
    for her_id, own in sought.receivers.items():
        together[own].append(her_id)
    for own, her_ids in together.items():
        connection.execute(
            update(nhn_receiver)
            .where(nhn_receiver.c.stream == stream, nhn_receiver.c.her_id.in_(sorted(her_ids)))
            .values(cursor=own, updated_at=now)
        )
    if not sought.keeps_window:
        connection.execute(delete(nhn_recent).where(nhn_recent.c.stream == stream))
    connection.execute(
        delete(nhn_unnumbered).where(
            nhn_unnumbered.c.stream == stream, nhn_unnumbered.c.her_id.in_(sorted(sought.repeated))
        )
    )


def _keep(connection: Connection, absent: list[dict[str, object]], now: datetime) -> None:
    """Note where receivers that are in no stream are to begin when they come."""
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert
    for portion in portions(absent):
        rows = insert(nhn_receiver).values([{**row, "stream": None, "updated_at": now} for row in portion])
        kept = connection.execute(
            rows.on_conflict_do_update(
                index_elements=[nhn_receiver.c.tenant, nhn_receiver.c.her_id],
                set_={"cursor": rows.excluded.cursor, "updated_at": now},
                where=nhn_receiver.c.stream.is_(None),
            )
        )
        if kept.rowcount != len(portion):
            raise InvariantViolation("receivers came into a stream while they were to be moved")
