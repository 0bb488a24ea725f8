"""The ports: what the pipeline needs of the world, as Protocols whose docstrings are the contract.

Adapters try once and raise; repeating is decided in the pipeline and in the delivery alone. Each contract is a test
suite in tests/contract that every implementation passes, the fakes of tests/support included.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Generic, Protocol, TypeVar

import msgspec

from bridge.checkpoints import (
    AltinnCheckpoint,
    EmailSeen,
    FeedState,
    NhnCheckpoint,
    OrderState,
    StreamState,
    WatchedOrder,
)
from bridge.events.message import Message
from bridge.leases import Replica, Snapshot

C = TypeVar("C")
"""What a source asks its store to remember: bridge.checkpoints."""
C_contra = TypeVar("C_contra", contravariant=True)


class Clock(Protocol):
    """Time, so that no test waits."""

    def now(self) -> datetime:
        """Wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` (≥ 0). Cancellable."""
        ...


class Batch(msgspec.Struct, Generic[C], frozen=True, gc=False, kw_only=True):
    """A page on its way: its messages in the order in which they are to be published, and what to remember then."""

    messages: tuple[Message, ...]
    checkpoint: C
    cursor: int | None = None
    """Where the stream's cursor stands once this is stored, for people to see; None: this moves no shared cursor."""
    caught_up: bool = True
    """Whether nothing more was there when it was read; lag is 0 then."""


class Source(Protocol[C]):
    """One ordered stream of batches. Owned by one pipeline; `next` is never called twice at a time."""

    async def next(self) -> Batch[C]:
        """The batch after the last one returned, whether that one is committed yet or not. Waits as long as there is
        nothing to do (poll interval); may be cancelled at any moment, after which the source is dropped.

        Raises TransientError where a poll failed: the caller waits with backoff, at least `retry_after_s`, and calls
        again; the source then goes on as if the failed call had not been. A batch may have no messages.
        """
        ...

    async def committed(self, batch: Batch[C]) -> None:
        """Told of each batch once its checkpoint is stored, in their order; what it says is then durable. Never raises.

        A call of `next` may be under way at the same time.
        """
        ...

    async def close(self) -> None:
        """End what it has running; bounded, never raises. It is not used any more afterwards."""
        ...


class Outcome(Enum):
    """What became of one message of one `publish`."""

    ROUTED = "routed"
    """The broker confirmed it and no return came: it is in at least one queue."""
    RETURNED = "returned"
    """Confirmed, but no queue is bound for it."""
    REFUSED = "refused"
    """Nack: the broker says that it did not take it."""
    UNKNOWN = "unknown"
    """No word came: the connection or channel ended, or the confirm timed out. It may or may not be in the queues."""
    POISON = "poison"
    """The client or the broker cannot take this message at all (size, a property's length). Found without sending, or
    because the broker closed the channel over it when nothing else was in flight."""


class Session(Protocol):
    """One channel with confirms on one connection to the broker. Never repaired: when it ended, open another."""

    async def publish(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        """Publish a page: mandatory, persistent, confirmed. Returns one outcome a message, in their order, once all
        are known; returns, never raises, when the session ends on the way (then the rest are UNKNOWN).

        Calls may overlap; what each writes reaches the broker in the order of the calls, and each call's messages in
        their order. At most `BROKER__MAX_IN_FLIGHT` messages are written and unconfirmed at a time: beyond it a
        call waits for room, and so do those after it. Ids need not differ: a message whose id is in flight waits
        until that one is settled. When no outcome came for `BROKER__CONFIRM_TIMEOUT_S` seconds, the session closes
        itself and what is open is UNKNOWN; time under `connection.blocked` does not count. Cancelling a call closes
        the session.
        """
        ...

    async def parked_count(self) -> int:
        """Messages in the parked queue now; raises BrokerUnavailable."""
        ...

    @property
    def is_open(self) -> bool:
        """False once it ended; never true again."""
        ...

    async def close(self) -> None:
        """End it; idempotent, bounded, never raises."""
        ...


class Broker(Protocol):
    """The way to sessions; one a process. Keeps the connection, tries the URLs in turn, declares the topology."""

    async def session(self) -> Session:
        """A new session on the current connection, which is opened first where there is none, the topology declared or
        checked once a connection. Tries each URL once; raises BrokerUnavailable where none works.
        """
        ...


class Delivered(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A message of an inbox that is not acknowledged yet."""

    body: bytes
    """As it was published; of one that is not whole, what is kept of it instead (`events.parked.remains_of`)."""
    is_whole: bool = True
    """False: it was larger than what this project asks of a broker (`events.parked.MAX_BODY_BYTES`)."""
    content_type: str | None = None
    id: str | None = None
    """AMQP's `message_id`; this and the next three as whoever published it set them."""
    type: str | None = None
    correlation_id: str | None = None
    created_at: datetime | None = None
    headers: Mapping[str, object] = {}
    exchange: str = ""
    """What it was published to, with which routing key."""
    routing_key: str = ""
    channel: int
    """Which of the inbox's channels delivered it: its tag means something there alone."""
    tag: int


class Inbox(Protocol):
    """One queue that others publish to for the bridge. It has one reader: none of its calls overlaps with itself."""

    async def subscribe(self) -> None:
        """Return once the queue's messages are delivered here, which is at once where they are already.

        Raises BrokerUnavailable where there is no connection, the queue is missing or may not be read, or the
        subscription has ended since the last call (broker lost, queue deleted): another call subscribes anew.
        """
        ...

    async def receive(self) -> Sequence[Delivered]:
        """Wait for messages, after `subscribe` where that is needed: at least one, in the order of their delivery.

        A bounded number is delivered and not acknowledged at a time; with all of them taken, it waits. Raises as
        `subscribe` does, and when the subscription ends meanwhile: what is not acknowledged by then is delivered again.
        May be cancelled; nothing is taken then.
        """
        ...

    async def acknowledge(self, deliveries: Sequence[Delivered]) -> None:
        """Let the broker forget them. Never raises: where the subscription that delivered them has ended, nothing
        happens, as they are delivered again.
        """
        ...

    async def close(self) -> None:
        """End the subscription; what is not acknowledged is in the queue again. Bounded, never raises."""
        ...


class Committer(Protocol[C_contra]):
    """What of a store a pipeline needs. A commit is on disk when it returns; a failed one changed nothing."""

    async def commit(self, checkpoint: C_contra) -> None:
        """Store one checkpoint in one transaction.

        Raises StoreUnavailable (call again: committing is safe to repeat only after this error, which says that
        nothing changed) and InvariantViolation (the store is not where the checkpoint says it must be).
        """
        ...


class Store(Committer[NhnCheckpoint], Protocol):
    """Durable memory of NHN's streams."""

    async def streams(self, tenant: str) -> Sequence[StreamState]:
        """The tenant's streams by name; empty where there are none. Raises StoreUnavailable."""
        ...

    async def retired(self, tenant: str) -> dict[int, int]:
        """HER-id → cursor of receivers that belong to no stream now but keep their place for their return."""
        ...

    async def retire(self, tenant: str, her_ids: frozenset[int]) -> None:
        """Take receivers out of their streams; each keeps its cursor."""
        ...

    async def merge(self, tenant: str, *, dissolved: str, into: str) -> None:
        """Move all receivers of one stream into another, as `checkpoints.merged` says; the first one is empty then.

        Safe to repeat. Raises InvariantViolation where `into` is not there or stands behind the other.
        """
        ...

    async def seek(self, cursors: Mapping[str, Mapping[int, int]]) -> None:
        """Move receivers of any streams, in one transaction: `bridge.checkpoints.seek`. `cursors`: tenant → HER-id →
        its new cursor, 0..2^63-1. Those that are in no stream, known or not, keep it for when they come.

        To be called while none of these streams runs and nobody enrols receivers of these tenants. Safe to repeat.
        Raises StoreUnavailable, and InvariantViolation for a cursor under 0.
        """
        ...


class OrderStore(Committer[AltinnCheckpoint], Protocol):
    """Durable memory of Altinn's streams. A commit may always be repeated: it gives the same result.

    Order ids are UUIDs in their canonical form, times seconds since the epoch. Every call raises StoreUnavailable.
    """

    async def due(self, stream: str, *, now: float, limit: int) -> Sequence[WatchedOrder]:
        """Orders of the stream that are due at `now`, the oldest due first, at most `limit`."""
        ...

    async def next_due(self, stream: str) -> float | None:
        """When the first of the stream's orders is due, in the past or to come; None: no order is open."""
        ...

    async def emails(self, order_ids: Collection[str]) -> Mapping[str, Mapping[str, EmailSeen]]:
        """Order id → notification id → what was published of it last. Each id that was asked for is in it, with nothing
        where no e-mail of it was seen.
        """
        ...

    async def feed(self, stream: str) -> FeedState | None:
        """How far the status feed is read; None: not at all yet."""
        ...

    async def orders(
        self,
        *,
        states: Collection[OrderState] | None = None,
        stream: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> Sequence[WatchedOrder]:
        """A page of the orders by id: those in one of the states (None: any), of the stream (None: any), whose ids are
        greater than `after`, at most `limit`.
        """
        ...

    async def order(self, order_id: str) -> WatchedOrder | None:
        """One order; None: it is not watched and was not."""
        ...

    async def states(self, order_ids: Collection[str]) -> Mapping[str, OrderState]:
        """Order id → state, of those that are there."""
        ...

    async def email_counts(self, order_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Order id → status → how many of its e-mails have it, of those orders of which e-mails were seen."""
        ...

    async def counts(self) -> Mapping[OrderState, int]:
        """How many orders are in each state; every state is in it."""
        ...

    async def remove(self, order_ids: Collection[str]) -> int:
        """Forget orders and their e-mails. Returns how many of them were there."""
        ...

    async def forget_closed(self, before: float, limit: int) -> int:
        """Forget orders that were closed before a moment, the oldest first, at most `limit`, and their e-mails. Returns
        how many; fewer than `limit`: no more are left.
        """
        ...


class Leases(Protocol):
    """Who runs what among the replicas that share a store, by one clock. Every method raises StoreUnavailable."""

    async def beat(self, me: Replica, *, wanted: Mapping[str, frozenset[int]] | None) -> Snapshot:
        """Say that this replica is alive and what it serves: for one lease's time from now nobody else can take what
        it holds. `wanted`: tenant → the receivers that it was given; None: as last time.
        """
        ...

    async def look(self) -> Snapshot:
        """Who is alive and holds what."""
        ...

    async def take(self, me: str, names: Collection[str]) -> dict[str, int]:
        """Take those of these leases that nobody holds: name → epoch, higher than any before."""
        ...

    async def give_back(self, me: str, name: str, *, call_is_over: bool = False) -> None:
        """This replica does not hold it any more; safe to repeat. `call_is_over`: nor does it call it."""
        ...

    async def call(self, me: str, names: Collection[str]) -> None:
        """Have these handed over to this replica."""
        ...

    async def declare(self, prefix: str, streams: Collection[str]) -> None:
        """Of the leases whose names begin so, these and no others are streams to be run."""
        ...

    async def leave(self, me: str) -> None:
        """This replica is gone and holds nothing."""
        ...

    async def wanted(self, tenant: str) -> frozenset[int]:
        """The receivers of a tenant that any live replica was given."""
        ...
