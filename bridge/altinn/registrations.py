"""Registrations as a source: orders that services asked the bridge to watch, by a message each (product.md §5).

    receive what the queue has -> read each -> park what is none -> watch the orders -> acknowledge, once all is stored

A message that is delivered again, because the bridge ended in between, is done once more: watching twice is harmless.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from bridge.altinn.registration_body import NotARegistration, read_registration
from bridge.checkpoints import AltinnCheckpoint, Registration, WatchOrders
from bridge.errors import InvariantViolation
from bridge.events.message import Message
from bridge.events.parked import MAX_BODY_BYTES, ONLY_ITS_HASH, park_item
from bridge.ports import Batch, Clock, Delivered, Inbox

STREAM = "altinn/registrations"


class RegistrationObserver(Protocol):
    """What the source tells to whoever shows it: bridge.ops.telemetry."""

    def idle(self) -> None:
        """It waits for messages, and would hear of one."""
        ...

    def received(self, count: int) -> None:
        """So many messages came."""
        ...


class RegistrationSource:
    """The orders of one inbox; see `ports.Source` for what it promises."""

    def __init__(self, inbox: Inbox, *, parked_exchange: str, clock: Clock, observer: RegistrationObserver) -> None:
        """The inbox is closed with the source."""
        self._inbox = inbox
        self._parked_exchange = parked_exchange
        self._clock = clock
        self._observer = observer
        self._uncommitted: deque[tuple[Batch[AltinnCheckpoint], Sequence[Delivered]]] = deque()
        """Batches in their order, each with the messages it was made of."""

    async def next(self) -> Batch[AltinnCheckpoint]:
        """What the queue has by now; waits until it has something. Raises BrokerUnavailable."""
        await self._inbox.subscribe()
        self._observer.idle()
        deliveries = await self._inbox.receive()
        self._observer.received(len(deliveries))
        registrations: list[Registration] = []
        parked: list[Message] = []
        for delivery in deliveries:
            try:
                registrations.append(_read(delivery))
            except NotARegistration as problem:
                parked.append(self._park(delivery, str(problem)))
        watch = WatchOrders(
            stream=STREAM, orders=_each_once(registrations), at=self._clock.now().timestamp(), reopens=True
        )
        batch: Batch[AltinnCheckpoint] = Batch(messages=tuple(parked), checkpoint=watch)
        self._uncommitted.append((batch, deliveries))
        return batch

    async def committed(self, batch: Batch[AltinnCheckpoint]) -> None:
        """The orders are stored and the others parked: the broker may forget the messages."""
        oldest, deliveries = self._uncommitted.popleft()
        if oldest is not batch:
            raise InvariantViolation("registrations were committed out of order")
        await self._inbox.acknowledge(deliveries)

    async def close(self) -> None:
        """What is not acknowledged is delivered again."""
        await self._inbox.close()

    def _park(self, delivery: Delivered, problem: str) -> Message:
        return park_item(
            delivery.body,
            source="altinn",
            exchange=self._parked_exchange,
            reason="registration-invalid",
            detail=problem,
            at=self._clock.now(),
            content_type=delivery.content_type or "application/json",
            original_exchange=delivery.exchange,
            original_routing_key=delivery.routing_key,
        )


def _read(delivery: Delivered) -> Registration:
    if not delivery.is_whole:
        raise NotARegistration(f"over {MAX_BODY_BYTES} bytes: {ONLY_ITS_HASH}")
    return read_registration(delivery.body)


def _each_once(registrations: Iterable[Registration]) -> tuple[Registration, ...]:
    """One registration an order: the first, and of later ones what it did not know."""
    orders: dict[str, Registration] = {}
    for later in registrations:
        first = orders.setdefault(later.order_id, later)
        orders[later.order_id] = msgspec.structs.replace(
            first,
            senders_reference=later.senders_reference if first.senders_reference is None else first.senders_reference,
            requested_send_time=(
                later.requested_send_time if first.requested_send_time is None else first.requested_send_time
            ),
        )
    return tuple(orders.values())
