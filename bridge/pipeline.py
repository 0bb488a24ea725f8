"""THE flow of one stream. The order of its statements is the guarantee (G1): fetch, publish, confirm, commit.

    batch = source.next()              a page, decoded and checked
    delivered = delivery.deliver(…)    returns when every message is confirmed and routed, or parked
    store.commit(batch.checkpoint)     only then, strictly in the order of the batches
    source.committed(batch)            what waits for that may be acknowledged

A bounded number of batches is in flight, so that the broker works while the next page is fetched. Whatever is cut off
before its commit is fetched and sent again; nothing else depends on it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Generic, Protocol, TypeVar

from bridge.delivery import Delivery
from bridge.errors import TransientError
from bridge.events.message import Message
from bridge.ports import Batch, Clock, Committer, Source
from bridge.retry import Backoff

T = TypeVar("T")
C = TypeVar("C")

COMMIT_SHIELD_S = 3.0
"""How long a cancelled pipeline waits for a commit that is under way: its outcome has to be known before the stream is
started again from the store."""


class PipelineObserver(Protocol):
    """What the flow tells to whoever shows it: bridge.ops.telemetry."""

    def poll_failed(self, error: TransientError, *, attempt: int) -> None: ...
    def sent(self, count: int) -> None: ...
    def confirmed(self, messages: Sequence[Message], *, seconds: float) -> None: ...
    def committed(self, *, cursor: int | None, caught_up: bool) -> None: ...
    def commit_failed(self, error: TransientError, *, attempt: int) -> None: ...


class Pipeline(Generic[C]):
    """One stream from its source to its cursor. Run once; a new one is made to start again from the store."""

    def __init__(
        self,
        source: Source[C],
        delivery: Delivery,
        store: Committer[C],
        *,
        clock: Clock,
        observer: PipelineObserver,
        batches_in_flight: int = 4,
        backoff: Backoff | None = None,
        publishing: Callable[[Sequence[Message]], AbstractContextManager[Sequence[Message]]] = nullcontext,
    ) -> None:
        """`batches_in_flight` ≥ 1: fetched and not yet committed; with their bodies they bound the stream's memory.
        `publishing`: what a page is published in, which may write trace context into its events.
        """
        self._source = source
        self._delivery = delivery
        self._store = store
        self._clock = clock
        self._observer = observer
        self._backoff = backoff or Backoff()
        self._publishing = publishing
        self._room = asyncio.Semaphore(batches_in_flight)
        self._in_flight: asyncio.Queue[tuple[Batch[C], asyncio.Task[None]] | None] = asyncio.Queue()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry batches until `stop` is set; then fetch no more, finish what is in flight, and return.

        Raises (in a group) what no repeating cures: InvariantViolation, or a defect.
        """
        async with asyncio.TaskGroup() as tasks:
            fetching = tasks.create_task(self._fetch_and_publish(tasks), name="fetch")
            tasks.create_task(self._commit_in_order(), name="commit")
            await stop.wait()
            fetching.cancel()  # only ever waiting or polling, which is a pure read
            self._in_flight.put_nowait(None)

    async def _fetch_and_publish(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._room.acquire()
            batch = await self._again_until_done(self._source.next, self._observer.poll_failed)
            self._in_flight.put_nowait((batch, tasks.create_task(self._publish(batch), name="publish")))

    async def _publish(self, batch: Batch[C]) -> None:
        self._observer.sent(len(batch.messages))
        started = self._clock.monotonic()
        with self._publishing(batch.messages) as messages:
            await self._delivery.deliver(messages)
        self._observer.confirmed(messages, seconds=self._clock.monotonic() - started)

    async def _commit_in_order(self) -> None:
        while (item := await self._in_flight.get()) is not None:
            batch, published = item
            await published  # every message is confirmed and routed, or parked
            await self._again_until_done(partial(self._commit, batch), self._observer.commit_failed)
            self._observer.committed(cursor=batch.cursor, caught_up=batch.caught_up)
            await self._source.committed(batch)
            self._room.release()

    async def _commit(self, batch: Batch[C]) -> None:
        """Commit, and see it through even when cancelled: half-known is the one thing a commit must not be."""
        committing = asyncio.ensure_future(self._store.commit(batch.checkpoint))
        try:
            await asyncio.shield(committing)
        except asyncio.CancelledError:
            await asyncio.wait({committing}, timeout=COMMIT_SHIELD_S)
            raise

    async def _again_until_done(self, operation: Callable[[], Awaitable[T]], failed: Callable[..., None]) -> T:
        """The one place that repeats a port's call: after a TransientError, with backoff, at least as it asked."""
        attempt = 0
        while True:
            try:
                return await operation()
            except TransientError as error:
                failed(error, attempt=attempt)
                await self._clock.sleep(self._backoff.delay_s(attempt, error.retry_after_s))
                attempt += 1
