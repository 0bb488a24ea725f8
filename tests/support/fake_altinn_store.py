"""A store of Altinn's orders in memory that can be told to fail."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from bridge.checkpoints import (
    CLOSED_STATES,
    ORDER_STATES,
    AltinnCheckpoint,
    EmailSeen,
    FeedRead,
    FeedState,
    OrderPolled,
    OrdersPolled,
    OrderState,
    WatchedOrder,
    WatchOrders,
    order_stream,
)
from bridge.errors import InvariantViolation, StoreUnavailable


@dataclass
class _Memory:
    orders: dict[str, WatchedOrder] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    """Order id → number of the feed's last row that named it."""
    emails: dict[str, dict[str, EmailSeen]] = field(default_factory=dict)
    feeds: dict[str, FeedState] = field(default_factory=dict)

    def copy(self) -> "_Memory":
        emails = {order_id: dict(seen) for order_id, seen in self.emails.items()}
        return _Memory(dict(self.orders), dict(self.sequences), emails, dict(self.feeds))


class FakeAltinnStore:
    """The port `OrderStore`; passes the contract suite. A failed commit changed nothing, as everywhere."""

    def __init__(self) -> None:
        self._memory = _Memory()
        self.failures_to_come = 0
        """So many of the next writes raise StoreUnavailable before they change anything."""
        self.failed: list[AltinnCheckpoint] = []
        """Checkpoints refused with StoreUnavailable, in order."""
        self.committed: list[AltinnCheckpoint] = []
        """Every checkpoint stored, in order."""

    async def commit(self, checkpoint: AltinnCheckpoint) -> None:
        try:
            await self._answer()
        except StoreUnavailable:
            self.failed.append(checkpoint)
            raise
        after = self._memory.copy()
        match checkpoint:
            case WatchOrders():
                _watch(after, checkpoint)
            case OrdersPolled():
                for poll in checkpoint.orders:
                    _note_poll(after, poll, checkpoint.at)
            case FeedRead():
                _read_feed(after, checkpoint)
        self._memory = after
        self.committed.append(checkpoint)

    async def due(self, stream: str, *, now: float, limit: int) -> Sequence[WatchedOrder]:
        times = {order.order_id: order.due_at for order in self._of(stream) if order.due_at is not None}
        due = sorted((due_at, order_id) for order_id, due_at in times.items() if due_at <= now)
        return [self._memory.orders[order_id] for _, order_id in due[:limit]]

    async def next_due(self, stream: str) -> float | None:
        return min((order.due_at for order in self._of(stream) if order.due_at is not None), default=None)

    async def emails(self, order_ids: Collection[str]) -> Mapping[str, Mapping[str, EmailSeen]]:
        return {order_id: dict(self._memory.emails.get(order_id, {})) for order_id in order_ids}

    async def feed(self, stream: str) -> FeedState | None:
        return self._memory.feeds.get(stream)

    async def orders(
        self,
        *,
        states: Collection[OrderState] | None = None,
        stream: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> Sequence[WatchedOrder]:
        page = [
            order
            for order_id, order in sorted(self._memory.orders.items())
            if (states is None or order.state in states)
            and (stream is None or order_stream(order_id) == stream)
            and (after is None or order_id > after)
        ]
        return page[:limit]

    async def order(self, order_id: str) -> WatchedOrder | None:
        return self._memory.orders.get(order_id)

    async def states(self, order_ids: Collection[str]) -> Mapping[str, OrderState]:
        orders = self._memory.orders
        return {order_id: orders[order_id].state for order_id in order_ids if order_id in orders}

    async def email_counts(self, order_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        seen = {order_id: self._memory.emails.get(order_id, {}).values() for order_id in order_ids}
        return {order_id: dict(Counter(each.status for each in emails)) for order_id, emails in seen.items() if emails}

    async def counts(self) -> Mapping[OrderState, int]:
        found = Counter(order.state for order in self._memory.orders.values())
        return {state: found[state] for state in ORDER_STATES}

    async def remove(self, order_ids: Collection[str]) -> int:
        await self._answer()
        there = self._memory.orders.keys() & set(order_ids)
        for order_id in there:
            del self._memory.orders[order_id]
            self._memory.sequences.pop(order_id, None)
            self._memory.emails.pop(order_id, None)
        return len(there)

    async def forget_closed(self, before: float, limit: int) -> int:
        ends = {order.order_id: order.closed_at for order in self._memory.orders.values()}
        old = sorted((at, order_id) for order_id, at in ends.items() if at is not None and at < before)
        return await self.remove([order_id for _, order_id in old[:limit]])

    def _of(self, stream: str) -> list[WatchedOrder]:
        return [order for order in self._memory.orders.values() if order_stream(order.order_id) == stream]

    async def _answer(self) -> None:
        # A real store always lets others run first.
        await asyncio.sleep(0)
        if self.failures_to_come > 0:
            self.failures_to_come -= 1
            raise StoreUnavailable("The store was told to fail")


def _watch(memory: _Memory, step: WatchOrders) -> None:
    for named in step.orders:
        order = memory.orders.get(named.order_id)
        if order is None:
            time = named.requested_send_time
            memory.orders[named.order_id] = WatchedOrder(
                order_id=named.order_id,
                state="registered",
                registered_at=step.at,
                due_at=time if time is not None and time > step.at else step.at,
                senders_reference=named.senders_reference,
                requested_send_time=time,
            )
            continue
        if step.reopens and order.state in {"given-up", "not-found"}:
            _poke(memory, named.order_id, step.at)
        if memory.orders[named.order_id].state not in CLOSED_STATES:
            _learn(memory, named.order_id, senders_reference=named.senders_reference)
            _learn(memory, named.order_id, requested_send_time=named.requested_send_time)


def _read_feed(memory: _Memory, step: FeedRead) -> None:
    stored = memory.feeds.get(step.stream)
    cursor = None if stored is None else stored.cursor
    if cursor not in (step.previous, step.after.cursor):
        raise InvariantViolation(f"{step.stream}: its cursor is not {step.previous}")
    if step.after.cursor < (step.previous or 0):
        raise InvariantViolation(f"{step.stream}: its cursor would go back")
    memory.feeds[step.stream] = step.after
    for row in step.rows:
        order = memory.orders.get(row.order_id)
        if order is None:
            memory.orders[row.order_id] = WatchedOrder(
                order_id=row.order_id,
                state="registered",
                registered_at=step.at,
                due_at=step.at,
                senders_reference=row.senders_reference,
            )
        elif memory.sequences.get(row.order_id, -1) >= row.sequence:
            continue
        elif order.state not in {"completed", "cancelled", "condition-not-met"}:
            _poke(memory, row.order_id, step.at)
            _learn(memory, row.order_id, senders_reference=row.senders_reference)
        memory.sequences[row.order_id] = row.sequence


def _note_poll(memory: _Memory, poll: OrderPolled, at: float) -> None:
    order = memory.orders.get(poll.order_id)
    if order is None:
        return
    if (poll.due_at is None) != (poll.state in CLOSED_STATES):
        raise InvariantViolation("An order is either due or closed")
    state, due_at = poll.state, poll.due_at
    if order.pokes != poll.pokes:
        due_at = at
        if state in CLOSED_STATES and poll.missing_since is not None:
            state = "missing"
        elif state in CLOSED_STATES:
            state = "sending" if poll.left_registered_at is not None else "registered"
    memory.orders[poll.order_id] = WatchedOrder(
        order_id=poll.order_id,
        state=state,
        registered_at=order.registered_at,
        due_at=due_at,
        pokes=order.pokes,
        senders_reference=order.senders_reference if poll.senders_reference is None else poll.senders_reference,
        requested_send_time=order.requested_send_time,
        left_registered_at=poll.left_registered_at,
        changed_at=poll.changed_at,
        missing_since=poll.missing_since,
        closed_at=at if due_at is None else None,
    )
    for email in poll.emails:
        memory.emails.setdefault(poll.order_id, {})[email.notification_id] = email


def _poke(memory: _Memory, order_id: str, at: float) -> None:
    """Due at once; one that is closed starts anew."""
    order = memory.orders[order_id]
    poked = msgspec.structs.replace(order, due_at=at, pokes=order.pokes + 1)
    if order.due_at is None:
        poked = msgspec.structs.replace(
            poked, state="registered", left_registered_at=None, missing_since=None, closed_at=None
        )
    elif order.due_at < at:
        poked = msgspec.structs.replace(poked, due_at=order.due_at)
    memory.orders[order_id] = poked


def _learn(memory: _Memory, order_id: str, **known: object) -> None:
    """Fill what is not known yet."""
    order = memory.orders[order_id]
    news = {name: value for name, value in known.items() if getattr(order, name) is None}
    memory.orders[order_id] = msgspec.structs.replace(order, **news)
