"""The ports: what the pipeline needs of the world, as Protocols whose docstrings are the contract.

Adapters try once and raise; repeating is decided in the pipeline and in the delivery alone. Each contract is a test
suite in tests/contract that every implementation passes, the fakes of tests/support included.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Protocol

import msgspec

from bridge.checkpoints import Checkpoint, StreamState
from bridge.events.message import Message
from bridge.leases import Replica, Snapshot


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


class Batch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A page on its way: its messages in the order in which they are to be published, and what to remember then."""

    messages: tuple[Message, ...]
    checkpoint: Checkpoint
    cursor: int | None = None
    """Where the stream's cursor stands once this is stored, for people to see; None: this moves no shared cursor."""
    caught_up: bool = True
    """Whether nothing more was there when it was read; lag is 0 then."""


class Source(Protocol):
    """One ordered stream of batches. Owned by one pipeline; `next` is never called twice at a time."""

    async def next(self) -> Batch:
        """The batch after the last one returned, whether that one is committed yet or not. Waits as long as there is
        nothing to do (poll interval); may be cancelled at any moment, after which the source is dropped.

        Raises TransientError where a poll failed: the caller waits with backoff, at least `retry_after_s`, and calls
        again; the source then goes on as if the failed call had not been. A batch may have no messages.
        """
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


class Store(Protocol):
    """Durable memory. A commit is on disk when it returns; a failed one changed nothing."""

    async def streams(self, tenant: str) -> Sequence[StreamState]:
        """The tenant's streams by name; empty where there are none. Raises StoreUnavailable."""
        ...

    async def retired(self, tenant: str) -> dict[int, int]:
        """HER-id → cursor of receivers that belong to no stream now but keep their place for their return."""
        ...

    async def retire(self, tenant: str, her_ids: frozenset[int]) -> None:
        """Take receivers out of their streams; each keeps its cursor."""
        ...

    async def commit(self, checkpoint: Checkpoint) -> None:
        """Store one checkpoint in one transaction.

        Raises StoreUnavailable (call again: committing is safe to repeat only after this error, which says that
        nothing changed) and InvariantViolation (the store is not where the checkpoint says it must be).
        """
        ...


class Leases(Protocol):
    """Who runs what among the replicas that share a store, by one clock. Every method raises StoreUnavailable."""

    async def beat(
        self, me: Replica, *, held: Collection[str], wanted: Mapping[str, frozenset[int]] | None
    ) -> Snapshot:
        """Say that this replica is alive and what it serves, and renew the leases that it holds: all for one lease's
        time from now. `wanted`: tenant → the receivers that it was given; None: as last time.
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
