"""The NHN source of one tenant as a service: enrol its receivers, then run each of its streams, watched and restarted.

A stream is started from what the store says, runs until it is asked to stop, and is started again when the watchdog
finds that it makes no progress. Nothing of a run is taken over into the next one but the store.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Literal, Protocol

import msgspec

from bridge.checkpoints import StreamState
from bridge.delivery import Delivery
from bridge.errors import BrokerUnavailable, InvariantViolation, StoreUnavailable, TransientError
from bridge.nhn.api import NhnApi
from bridge.nhn.enrolment import Start, enrol
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import NhnSource, PollSettings
from bridge.ops.health import stall_reason
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import Bounds
from bridge.ops.telemetry import StreamTelemetry
from bridge.pipeline import Pipeline
from bridge.ports import Broker, Clock, Store
from bridge.retry import Backoff
from bridge.supervisor import run_watched, unless_stopped

MEMBERSHIP_LOOK_S = 2.0
"""Between two looks at which receivers are wanted: a file's `stat`."""


CONNECTION_LOOK_S = 1.0
"""Between two looks at whether there still is a connection to the broker."""


class Connectable(Protocol):
    """What of the broker staying connected needs."""

    async def connect(self) -> None:
        """Make sure of a connection, with its topology known. Raises BrokerUnavailable."""
        ...


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


class NhnServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What of the settings concerns a tenant's streams."""

    tenant: str
    start: Start
    page_size: int
    poll: PollSettings
    unroutable: Literal["park", "hold"]
    parked_exchange: str
    parked_limit: int
    bounds: Bounds


class NhnService:
    """One tenant's streams."""

    def __init__(
        self,
        settings: NhnServiceSettings,
        *,
        wanted: Callable[[], Collection[int]],
        api: NhnApi,
        broker: Broker,
        store: Store,
        maker: MessageMaker,
        telemetry: BridgeTelemetry,
        clock: Clock,
    ) -> None:
        """`wanted`: the HER-ids of this tenant now."""
        self._settings = settings
        self._wanted = wanted
        self._api = api
        self._broker = broker
        self._store = store
        self._maker = maker
        self._telemetry = telemetry
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Serve the tenant until `stop`, then drain. A Service of the supervisor.

        When other receivers are wanted, the streams drain and start again with them: a moment's pause, and the store
        alone decides where each goes on (G4).
        """
        while not stop.is_set():
            wanted = frozenset(self._wanted())
            states = await unless_stopped(stop, self._enrolled(wanted))
            turn = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._await_turn(turn, stop, wanted), name="membership")
                for state in states or ():
                    tasks.create_task(self._run_stream(state.name, turn), name=state.name)
            for state in states or ():
                self._telemetry.forget(state.name)

    async def _await_turn(self, turn: asyncio.Event, stop: asyncio.Event, wanted: frozenset[int]) -> None:
        """Set `turn` once the process is to stop, or other receivers are wanted than these."""
        await unless_stopped(stop, self._change(wanted))
        turn.set()

    async def _change(self, wanted: frozenset[int]) -> None:
        while frozenset(self._wanted()) == wanted:
            await self._clock.sleep(MEMBERSHIP_LOOK_S)

    async def _enrolled(self, wanted: frozenset[int]) -> list[StreamState]:
        """The tenant's streams, as soon as the store (and, to start at `latest`, the API) lets them be known."""
        settings = self._settings
        telemetry = self._telemetry.stream("nhn", f"nhn/{settings.tenant}/1", settings.bounds)
        telemetry.started()
        attempt, backoff = 0, Backoff()
        while True:
            try:
                states = await enrol(
                    settings.tenant, wanted, start=settings.start, feed=self._feed(telemetry), store=self._store
                )
            except TransientError as error:
                if isinstance(error, StoreUnavailable):
                    self._telemetry.store.failed(error)
                else:
                    telemetry.poll_failed(error, attempt=attempt)
                await self._clock.sleep(backoff.delay_s(attempt, error.retry_after_s))
                attempt += 1
            else:
                self._telemetry.store.worked()
                if telemetry.progress.name not in {state.name for state in states}:
                    self._telemetry.forget(telemetry.progress.name)  # else it would be waited for in vain
                return states

    async def _run_stream(self, name: str, stop: asyncio.Event) -> None:
        """Run one stream until `stop`; start it again from the store as often as it stalls (G6)."""
        telemetry = self._telemetry.stream("nhn", name, self._settings.bounds)
        while not stop.is_set():
            state = await unless_stopped(stop, self._stored(name))
            if state is None:
                return
            telemetry.receivers(len(state.receivers))
            telemetry.started(cursor=state.cursor)
            delivery = self._delivery(telemetry)
            source = self._source(state, telemetry)
            pipeline = Pipeline(source, delivery, self._store, clock=self._clock, observer=telemetry)
            try:
                stalled = await run_watched(
                    pipeline.run(stop), find_stall=lambda: self._stall(telemetry), clock=self._clock
                )
            finally:
                telemetry.stopped()
                await source.close()
                await delivery.close()
            if stalled:
                telemetry.restarted(stalled)

    def _stall(self, telemetry: StreamTelemetry) -> str | None:
        progress = telemetry.progress
        return stall_reason(progress, self._clock.monotonic(), progress.bounds)

    async def _stored(self, name: str) -> StreamState:
        """What the store says of a stream, as soon as it says anything."""
        attempt, backoff = 0, Backoff()
        while True:
            try:
                states = await self._store.streams(self._settings.tenant)
            except StoreUnavailable as error:
                self._telemetry.store.failed(error)
                await self._clock.sleep(backoff.delay_s(attempt, error.retry_after_s))
                attempt += 1
                continue
            self._telemetry.store.worked()
            for state in states:
                if state.name == name:
                    return state
            raise InvariantViolation(f"the stream {name} is gone from the store")

    def _source(self, state: StreamState, telemetry: StreamTelemetry) -> NhnSource:
        return NhnSource(
            state,
            self._feed(telemetry),
            maker=self._maker,
            settings=self._settings.poll,
            clock=self._clock,
            observer=telemetry,
        )

    def _feed(self, telemetry: StreamTelemetry) -> Feed:
        return Feed(
            self._api,
            page_size=self._settings.page_size,
            retry_refused_s=self._settings.poll.retry_refused_s,
            observer=telemetry,
        )

    def _delivery(self, telemetry: StreamTelemetry) -> Delivery:
        return Delivery(
            self._broker,
            clock=self._clock,
            observer=telemetry,
            unroutable=self._settings.unroutable,
            parked_exchange=self._settings.parked_exchange,
            parked_limit=self._settings.parked_limit,
        )
