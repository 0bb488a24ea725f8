"""How each checkpoint of an Altinn stream changes the tables, within the caller's transaction.

Each gives the same result when it is made again. Orders that are not there yet are inserted first, where nobody else
did; then the rows of all that it names are locked, in the order of their ids, and those that change are written. So
several writers neither miss each other's changes nor lock each other out for good.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.checkpoints import (
    AltinnCheckpoint,
    FeedRead,
    FeedRow,
    OrderPolled,
    OrdersPolled,
    Registration,
    WatchOrders,
    order_stream,
)
from bridge.errors import InvariantViolation
from bridge.store.order_changes import (
    OrderRow,
    named_again,
    newly_named,
    newly_watched,
    polled,
    registered_again,
)
from bridge.store.portions import portions
from bridge.store.tables import altinn_email, altinn_feed, altinn_order

Named = TypeVar("Named", Registration, FeedRow, OrderPolled)
_INSERTS: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""Both know what to do on a conflict, in the same words."""
_FIELDS = OrderRow.__struct_fields__


@dataclass(frozen=True, slots=True)
class AltinnTransaction:
    """One checkpoint's transaction."""

    connection: Connection

    def apply(self, checkpoint: AltinnCheckpoint) -> None:
        """Change the tables as the checkpoint's docstring says."""
        match checkpoint:
            case WatchOrders():
                self._watch(checkpoint)
            case OrdersPolled():
                self._polled(checkpoint)
            case FeedRead():
                self._feed_read(checkpoint)

    def _watch(self, step: WatchOrders) -> None:
        for named in portions(_by_id(step.orders).items()):
            self._insert_missing(newly_watched(registrations[0], step.at) for _, registrations in named)
            before = self._locked(order_id for order_id, _ in named)
            after = dict(before)
            for order_id, registrations in named:
                for registration in registrations:
                    after[order_id] = registered_again(after[order_id], registration, at=step.at, reopens=step.reopens)
            self._write(before, after)

    def _feed_read(self, step: FeedRead) -> None:
        self._move_feed(step)
        for named in portions(_by_id(step.rows).items()):
            self._insert_missing(newly_named(rows[0], step.at) for _, rows in named)
            before = self._locked(order_id for order_id, _ in named)
            after = dict(before)
            for order_id, rows in named:
                for row in rows:
                    after[order_id] = named_again(after[order_id], row, step.at)
            self._write(before, after)

    def _move_feed(self, step: FeedRead) -> None:
        """Lock the feed's row and move its cursor, which has to stand where it did or, for a repeat, where it will."""
        after = step.after
        if step.previous is not None and after.cursor < step.previous:
            raise InvariantViolation(f"{step.stream}: its cursor would go back from {step.previous} to {after.cursor}")
        places = {after.cursor}
        if step.previous is None:
            first = self._insert(altinn_feed).values(stream=step.stream, cursor=after.cursor, marks=after.marks)
            self.connection.execute(first.on_conflict_do_nothing())
        else:
            places.add(step.previous)
        moved = self.connection.execute(
            update(altinn_feed)
            .where(altinn_feed.c.stream == step.stream, altinn_feed.c.cursor.in_(places))
            .values(cursor=after.cursor, marks=after.marks)
        )
        if moved.rowcount != 1:
            raise InvariantViolation(f"{step.stream}: its cursor in the store is not {step.previous}")

    def _polled(self, step: OrdersPolled) -> None:
        for named in portions(_by_id(step.orders).items()):
            before = self._locked(order_id for order_id, _ in named)
            after = dict(before)
            polls = [poll for order_id, polls in named if order_id in before for poll in polls]
            for poll in polls:
                after[poll.order_id] = polled(after[poll.order_id], poll, step.at)
            self._write(before, after)
            self._remember_emails(polls)

    def _remember_emails(self, polls: Iterable[OrderPolled]) -> None:
        insert = self._insert(altinn_email)
        upsert = insert.on_conflict_do_update(
            index_elements=[altinn_email.c.order_id, altinn_email.c.notification_id],
            set_={"status": insert.excluded.status, "last_update": insert.excluded.last_update},
        )
        rows = ({"order_id": poll.order_id, **msgspec.structs.asdict(email)} for poll in polls for email in poll.emails)
        for portion in portions(rows):
            self.connection.execute(upsert, portion)

    def _insert_missing(self, orders: Iterable[OrderRow]) -> None:
        rows = [msgspec.structs.asdict(order) | {"stream": order_stream(order.order_id)} for order in orders]
        self.connection.execute(self._insert(altinn_order).on_conflict_do_nothing(), rows)

    def _locked(self, order_ids: Iterable[str]) -> dict[str, OrderRow]:
        """Those of a portion of orders that are in the store; nobody else changes them until the transaction ends."""
        found = self.connection.execute(
            select(*(altinn_order.c[field] for field in _FIELDS))
            .where(altinn_order.c.order_id.in_(list(order_ids)))
            .order_by(altinn_order.c.order_id)
            .with_for_update()
        )
        orders = (OrderRow(**dict(zip(_FIELDS, row, strict=True))) for row in found)
        return {order.order_id: order for order in orders}

    def _write(self, before: Mapping[str, OrderRow], after: Mapping[str, OrderRow]) -> None:
        changed = [msgspec.structs.asdict(order) for order_id, order in after.items() if order != before[order_id]]
        if changed:
            self.connection.execute(
                update(altinn_order).where(altinn_order.c.order_id == bindparam("changed_id")),
                [{"changed_id": row.pop("order_id"), **row} for row in changed],
            )

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        return _INSERTS[self.connection.dialect.name](table)


def _by_id(named: Iterable[Named]) -> dict[str, list[Named]]:
    """What is said of each order, by its id, sorted: every writer locks in the same order."""
    said: dict[str, list[Named]] = {}
    for each in named:
        said.setdefault(each.order_id, []).append(each)
    return dict(sorted(said.items()))
