"""How any stream runs: from its source to its store until it is asked to stop, watched, and started again (G6).

A stream is started from what its store says, and started again when the watchdog finds that it makes no progress.
Nothing of a run is taken over into the next one but the store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Literal, Protocol, TypeVar

import msgspec

from bridge.delivery import Delivery, Gate
from bridge.errors import BrokerUnavailable, StoreUnavailable
from bridge.events.message import Message
from bridge.guard import GuardedBroker
from bridge.ops.health import stall_reason, vain_drain
from bridge.ops.service_telemetry import StoreTelemetry
from bridge.ops.telemetry import StreamTelemetry
from bridge.pipeline import Pipeline
from bridge.ports import Broker, Clock, Committer, Source
from bridge.retry import Backoff
from bridge.supervisor import run_watched, unless_stopped

CONNECTION_LOOK_S = 1.0
"""Between two looks at whether there still is a connection to the broker."""

C = TypeVar("C")
Answer = TypeVar("Answer")
Publishing = Callable[[str, Sequence[Message]], AbstractContextManager[Sequence[Message]]]
"""What a stream's page is published in: from the stream's name and its messages to those that are to be published."""


def untraced(_stream: str, messages: Sequence[Message]) -> AbstractContextManager[Sequence[Message]]:
    """Where there are no traces."""
    return nullcontext(messages)


class Connectable(Protocol):
    """What of the broker staying connected needs."""

    async def connect(self) -> None:
        """Make sure of a connection, with its topology known. Raises BrokerUnavailable."""
        ...


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of events that no queue is bound for: settings of product.md §3."""

    unroutable: Literal["park", "hold"]
    parked_exchange: str
    parked_limit: int


class StreamRunner:
    """Runs streams on one broker."""

    def __init__(
        self,
        broker: Broker,
        undelivered: Undelivered,
        *,
        is_ours: Callable[[str], bool],
        gate: Gate,
        publishing: Publishing,
        clock: Clock,
    ) -> None:
        """`is_ours`: whether what a stream of this name does may still be done (Ownership.holds). `gate`: whether an
        exchange may be published to (RouteContract.why_closed).
        """
        self._broker = broker
        self._undelivered = undelivered
        self._is_ours = is_ours
        self._gate = gate
        self._publishing = publishing
        self._clock = clock

    async def run(
        self,
        telemetry: StreamTelemetry,
        start: Callable[[], Awaitable[Source[C]]],
        store: Committer[C],
        stop: asyncio.Event,
    ) -> None:
        """Run one stream until `stop`, then drain, unless that is in vain: what is cut off then is fetched and sent
        again. `start` makes its source anew from what the store says, and tells the telemetry that it runs.
        """
        while not stop.is_set():
            source = await unless_stopped(stop, _made(start))
            if source is None:
                return
            delivery = self._delivery(telemetry)
            publishing = partial(self._publishing, telemetry.progress.name)
            pipeline = Pipeline(source, delivery, store, clock=self._clock, observer=telemetry, publishing=publishing)
            try:
                stalled = await run_watched(
                    pipeline.run(stop), find_stall=lambda: self._stall(telemetry, stop), clock=self._clock
                )
            finally:
                telemetry.stopped()
                await source.close()
                await delivery.close()
            if stalled and stop.is_set():
                telemetry.cut_off(stalled)
            elif stalled:
                telemetry.restarted(stalled)

    def _stall(self, telemetry: StreamTelemetry, stop: asyncio.Event) -> str | None:
        progress, now = telemetry.progress, self._clock.monotonic()
        return vain_drain(progress, now) if stop.is_set() else stall_reason(progress, now, progress.bounds)

    def _delivery(self, telemetry: StreamTelemetry) -> Delivery:
        return Delivery(
            GuardedBroker(self._broker, is_ours=partial(self._is_ours, telemetry.progress.name)),
            clock=self._clock,
            observer=telemetry,
            unroutable=self._undelivered.unroutable,
            parked_exchange=self._undelivered.parked_exchange,
            parked_limit=self._undelivered.parked_limit,
            gate=self._gate,
        )


async def stay_connected(broker: Connectable, stop: asyncio.Event, *, clock: Clock) -> None:
    """Keep the connection also while there is nothing to publish. A Service of the supervisor.

    A subscriber can bind its queue before the first event comes, and what is wrong with the broker shows before, too.
    """
    attempt, backoff = 0, Backoff()
    while not stop.is_set():
        try:
            await unless_stopped(stop, broker.connect())
        except BrokerUnavailable as error:
            delay_s = backoff.delay_s(attempt, error.retry_after_s)
            attempt += 1
        else:
            attempt, delay_s = 0, CONNECTION_LOOK_S
        await unless_stopped(stop, clock.sleep(delay_s))


async def once_stored(operation: Callable[[], Awaitable[Answer]], *, telemetry: StoreTelemetry, clock: Clock) -> Answer:
    """What the store answers, as soon as it answers: for what is asked of it outside a stream."""
    attempt, backoff = 0, Backoff()
    while True:
        try:
            answer = await operation()
        except StoreUnavailable as error:
            telemetry.failed(error)
            await clock.sleep(backoff.delay_s(attempt, error.retry_after_s))
            attempt += 1
        else:
            telemetry.worked()
            return answer


async def _made(start: Callable[[], Awaitable[Source[C]]]) -> Source[C]:
    return await start()
