"""The store of the Altinn source, on SQLAlchemy Core."""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from bridge.checkpoints import (
    ORDER_STATES,
    AltinnCheckpoint,
    EmailSeen,
    FeedState,
    OrderState,
    WatchedOrder,
    WatchOrders,
)
from bridge.leases import Holdings, Proof
from bridge.store.altinn_checkpoints import AltinnTransaction
from bridge.store.engine import Database
from bridge.store.leases import require_lease
from bridge.store.portions import portions
from bridge.store.tables import altinn_email, altinn_feed, altinn_order

_FIELDS = WatchedOrder.__struct_fields__
_ORDERS = select(*(altinn_order.c[field] for field in _FIELDS))


class AltinnStore:
    """The port `OrderStore` on a database. Calls may overlap.

    A commit that got no answer in time may be whole all the same; made again it changes nothing more.
    """

    def __init__(self, database: Database, *, holdings: Holdings | None = None) -> None:
        """`holdings`: the leases under which this process may move what a stream knows; None: it takes no leases.

        Registering orders needs none: whoever does it changes nothing that a stream's owner could miss.
        """
        self._database = database
        self._holdings = holdings

    async def commit(self, checkpoint: AltinnCheckpoint) -> None:
        """As the port says."""
        is_free = self._holdings is None or isinstance(checkpoint, WatchOrders)
        proof = None if is_free or self._holdings is None else self._holdings.proof(checkpoint.stream)
        await self._database.write(partial(_commit, checkpoint=checkpoint, proof=proof))

    async def due(self, stream: str, *, now: float, limit: int) -> Sequence[WatchedOrder]:
        """As the port says."""
        of_stream = _ORDERS.where(altinn_order.c.stream == stream, altinn_order.c.due_at <= now)
        query = of_stream.order_by(altinn_order.c.due_at, altinn_order.c.order_id).limit(limit)
        return await self._database.read(partial(_orders, query=query))

    async def next_due(self, stream: str) -> float | None:
        """As the port says."""
        return await self._database.read(partial(_next_due, stream=stream))

    async def emails(self, order_ids: Collection[str]) -> Mapping[str, Mapping[str, EmailSeen]]:
        """As the port says."""
        return await self._database.read(partial(_emails, order_ids=order_ids))

    async def feed(self, stream: str) -> FeedState | None:
        """As the port says."""
        return await self._database.read(partial(_feed, stream=stream))

    async def orders(
        self,
        *,
        states: Collection[OrderState] | None = None,
        stream: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> Sequence[WatchedOrder]:
        """As the port says."""
        query = _ORDERS.order_by(altinn_order.c.order_id).limit(limit)
        if stream is not None:
            query = query.where(altinn_order.c.stream == stream)
        if after is not None:
            query = query.where(altinn_order.c.order_id > after)
        return await self._database.read(partial(_page, query=query, states=states, limit=limit))

    async def order(self, order_id: str) -> WatchedOrder | None:
        """As the port says."""
        query = _ORDERS.where(altinn_order.c.order_id == order_id)
        return next(iter(await self._database.read(partial(_orders, query=query))), None)

    async def states(self, order_ids: Collection[str]) -> Mapping[str, OrderState]:
        """As the port says."""
        return await self._database.read(partial(_states, order_ids=order_ids))

    async def email_counts(self, order_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """As the port says."""
        return await self._database.read(partial(_email_counts, order_ids=order_ids))

    async def counts(self) -> Mapping[OrderState, int]:
        """As the port says."""
        return await self._database.read(_counts)

    async def remove(self, order_ids: Collection[str]) -> int:
        """As the port says."""
        return await self._database.write(partial(_remove, order_ids=order_ids))

    async def forget_closed(self, before: float, limit: int) -> int:
        """As the port says."""
        return await self._database.write(partial(_forget_closed, before=before, limit=limit))


def _commit(connection: Connection, *, checkpoint: AltinnCheckpoint, proof: Proof | None) -> None:
    if proof is not None:
        require_lease(connection, checkpoint.stream, proof)
    AltinnTransaction(connection).apply(checkpoint)


def _orders(connection: Connection, *, query: Select[*tuple[Any, ...]]) -> list[WatchedOrder]:
    rows = connection.execute(query)
    return [WatchedOrder(**dict(zip(_FIELDS, row, strict=True))) for row in rows]


def _page(
    connection: Connection,
    *,
    query: Select[*tuple[Any, ...]],
    states: Collection[OrderState] | None,
    limit: int,
) -> list[WatchedOrder]:
    """One look into the index for each state: of several at once a database would sort all that there are."""
    if states is None:
        return _orders(connection, query=query)
    by_state = [_orders(connection, query=query.where(altinn_order.c.state == state)) for state in set(states)]
    return list(islice(heapq.merge(*by_state, key=attrgetter("order_id")), limit))


def _next_due(connection: Connection, *, stream: str) -> float | None:
    earliest = select(func.min(altinn_order.c.due_at)).where(
        altinn_order.c.stream == stream, altinn_order.c.due_at.is_not(None)
    )
    due_at: float | None = (connection.execute(earliest)).scalar_one()
    return due_at


def _emails(connection: Connection, *, order_ids: Iterable[str]) -> dict[str, dict[str, EmailSeen]]:
    emails: dict[str, dict[str, EmailSeen]] = {order_id: {} for order_id in order_ids}
    for portion in portions(emails):
        rows = connection.execute(
            select(
                altinn_email.c.order_id,
                altinn_email.c.notification_id,
                altinn_email.c.status,
                altinn_email.c.last_update,
            ).where(altinn_email.c.order_id.in_(portion))
        )
        for order_id, notification_id, status, last_update in rows:
            emails[order_id][notification_id] = EmailSeen(notification_id, status, last_update)
    return emails


def _feed(connection: Connection, *, stream: str) -> FeedState | None:
    rows = connection.execute(select(altinn_feed.c.cursor, altinn_feed.c.marks).where(altinn_feed.c.stream == stream))
    return next((FeedState(cursor, marks) for cursor, marks in rows), None)


def _states(connection: Connection, *, order_ids: Iterable[str]) -> dict[str, OrderState]:
    states: dict[str, OrderState] = {}
    for portion in portions(order_ids):
        rows = connection.execute(
            select(altinn_order.c.order_id, altinn_order.c.state).where(altinn_order.c.order_id.in_(portion))
        )
        states.update(dict(rows.all()))
    return states


def _email_counts(connection: Connection, *, order_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for portion in portions(order_ids):
        rows = connection.execute(
            select(altinn_email.c.order_id, altinn_email.c.status, func.count())
            .where(altinn_email.c.order_id.in_(portion))
            .group_by(altinn_email.c.order_id, altinn_email.c.status)
        )
        for order_id, status, count in rows:
            counts.setdefault(order_id, {})[status] = count
    return counts


def _counts(connection: Connection) -> dict[OrderState, int]:
    rows = connection.execute(select(altinn_order.c.state, func.count()).group_by(altinn_order.c.state))
    found: dict[str, int] = dict(rows.all())
    return {state: found.get(state, 0) for state in ORDER_STATES}


def _remove(connection: Connection, *, order_ids: Iterable[str]) -> int:
    removed = 0
    for portion in portions(sorted(set(order_ids))):
        gone = connection.execute(delete(altinn_order).where(altinn_order.c.order_id.in_(portion)))
        removed += gone.rowcount
    return removed


def _forget_closed(connection: Connection, *, before: float, limit: int) -> int:
    oldest = (
        select(altinn_order.c.order_id)
        .where(altinn_order.c.closed_at < before)
        .order_by(altinn_order.c.closed_at, altinn_order.c.order_id)
        .limit(limit)
    )
    gone = connection.execute(delete(altinn_order).where(altinn_order.c.order_id.in_(oldest)))
    return gone.rowcount
