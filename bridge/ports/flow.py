"""What flows, and the clock it flows by."""

from datetime import datetime
from typing import Generic, Protocol, TypeVar

import msgspec

from bridge.events.message import Message

C = TypeVar("C")
"""What a source asks its store to remember: bridge.checkpoints."""


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
