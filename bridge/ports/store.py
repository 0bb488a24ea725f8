"""The store, as pipelines, services and ownership need it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from bridge.checkpoints import (
    AltinnCheckpoint,
    EmailSeen,
    FeedState,
    NhnCheckpoint,
    OrderState,
    StreamState,
    WatchedOrder,
)
from bridge.leases import Replica, Snapshot

C_contra = TypeVar("C_contra", contravariant=True)


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
