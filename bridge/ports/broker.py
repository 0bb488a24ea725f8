"""The broker, as the delivery and the registrations need it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Protocol

import msgspec

from bridge.events.message import Message


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
