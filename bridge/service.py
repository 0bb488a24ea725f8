"""The NHN source of one tenant as a service: enrol its receivers, then run each of its streams, watched and restarted.

A stream is started from what the store says, runs for as long as it is this process's, and is started again when the
watchdog finds that it makes no progress. Nothing of a run is taken over into the next one but the store.
"""

import asyncio
from functools import partial
from typing import Literal, Protocol

import msgspec

from bridge.checkpoints import StreamState
from bridge.delivery import Delivery
from bridge.errors import BrokerUnavailable, InvariantViolation, StoreUnavailable, TransientError
from bridge.guard import GuardedBroker
from bridge.nhn.api import NhnApi
from bridge.nhn.enrolment import Start, enrol
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import NhnSource, PollSettings
from bridge.nhn.streams import plan
from bridge.ops.health import stall_reason
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import Bounds
from bridge.ops.telemetry import StreamTelemetry
from bridge.ownership import Ownership
from bridge.pipeline import Pipeline
from bridge.ports import Broker, Clock, Store
from bridge.retry import Backoff
from bridge.supervisor import run_watched, unless_stopped

MEMBERSHIP_LOOK_S = 2.0
"""Between two looks at which receivers are wanted: a file's `stat`."""


ENROLMENT = "receivers"
"""Ends the name of the lease of whoever enrols a tenant's receivers."""
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
        ownership: Ownership,
        api: NhnApi,
        broker: Broker,
        store: Store,
        maker: MessageMaker,
        telemetry: BridgeTelemetry,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._prefix = f"nhn/{settings.tenant}/"
        self._ownership = ownership
        self._api = api
        self._broker = broker
        self._store = store
        self._maker = maker
        self._telemetry = telemetry
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Serve the tenant until `stop`, then drain. A Service of the supervisor.

        Of all replicas one enrols the tenant's receivers; the streams are shared. A stream whose receivers change
        drains and starts again with them: a moment's pause, and the store alone decides where each goes on (G4).
        """
        async with asyncio.TaskGroup() as tasks:
            enrolling = self._ownership.while_owned(f"{self._prefix}{ENROLMENT}", stop, self._keep_enrolled)
            tasks.create_task(enrolling, name=f"{self._prefix}{ENROLMENT}")
            await self._serve_streams(tasks, stop)

    async def _serve_streams(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Offer to run every stream that there is, until `stop`."""
        offered: dict[str, asyncio.Event] = {}
        while not stop.is_set():
            there = self._ownership.streams(self._prefix)
            for name in offered.keys() - there:
                offered.pop(name).set()
            for name in sorted(there - offered.keys()):
                offered[name] = withdrawn = asyncio.Event()
                run = partial(self._run_stream, name)
                tasks.create_task(self._ownership.while_owned(name, withdrawn, run), name=name)
            await unless_stopped(stop, self._ownership.looked())
        for withdrawn in offered.values():
            withdrawn.set()

    async def _keep_enrolled(self, turn: asyncio.Event) -> None:
        """Keep the store in line with the receivers that are wanted, until `turn` is set."""
        telemetry = self._telemetry.stream("nhn", f"{self._prefix}{ENROLMENT}", self._settings.bounds)
        telemetry.started()
        attempt, backoff, enrolled = 0, Backoff(), None
        try:
            while not turn.is_set():
                try:
                    wanted = await self._ownership.wanted(self._settings.tenant)
                    if wanted != enrolled:
                        await unless_stopped(turn, self._enrol(wanted, telemetry))
                        enrolled = wanted
                except TransientError as error:
                    self._tell_failed(error, telemetry, attempt)
                    delay_s = backoff.delay_s(attempt, error.retry_after_s)
                    attempt += 1
                else:
                    # Shown only while it does not work; else it would be waited for in vain.
                    self._telemetry.forget(telemetry.progress.name)
                    attempt, delay_s = 0, MEMBERSHIP_LOOK_S
                await unless_stopped(turn, self._clock.sleep(delay_s))
        finally:
            self._telemetry.forget(telemetry.progress.name)

    def _tell_failed(self, error: TransientError, telemetry: StreamTelemetry, attempt: int) -> None:
        if isinstance(error, StoreUnavailable):
            self._telemetry.store.failed(error)
        else:
            telemetry.poll_failed(error, attempt=attempt)

    async def _enrol(self, wanted: frozenset[int], telemetry: StreamTelemetry) -> None:
        """Bring the store in line with the receivers; the streams that this changes are ours alone meanwhile."""
        tenant, store = self._settings.tenant, self._store
        change = plan(tenant, wanted, states := await store.streams(tenant))
        leaving = {state.name for state in states if not change.retire.isdisjoint(state.receivers)}
        async with self._ownership.called(leaving | change.enrol.keys()):
            states = await enrol(tenant, wanted, start=self._settings.start, feed=self._feed(telemetry), store=store)
            await self._ownership.declare(self._prefix, [state.name for state in states])
        self._telemetry.store.worked()

    async def _run_stream(self, name: str, turn: asyncio.Event) -> None:
        """Run one stream, which is ours, until `turn`; start it again from the store as often as it stalls (G6)."""
        telemetry = self._telemetry.stream("nhn", name, self._settings.bounds)
        try:
            while not turn.is_set():
                state = await unless_stopped(turn, self._stored(name))
                if state is not None and (stalled := await self._run_from(state, telemetry, turn)):
                    telemetry.restarted(stalled)
        finally:
            self._telemetry.forget(name)

    async def _run_from(self, state: StreamState, telemetry: StreamTelemetry, turn: asyncio.Event) -> str | None:
        """Run it from this state until `turn`: None. Or until it makes no progress: why."""
        telemetry.receivers(len(state.receivers))
        telemetry.started(cursor=state.cursor)
        delivery = self._delivery(telemetry)
        source = self._source(state, telemetry)
        pipeline = Pipeline(source, delivery, self._store, clock=self._clock, observer=telemetry)
        try:
            return await run_watched(pipeline.run(turn), find_stall=lambda: self._stall(telemetry), clock=self._clock)
        finally:
            telemetry.stopped()
            await delivery.close()

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
            GuardedBroker(self._broker, is_ours=partial(self._ownership.holds, telemetry.progress.name)),
            clock=self._clock,
            observer=telemetry,
            unroutable=self._settings.unroutable,
            parked_exchange=self._settings.parked_exchange,
            parked_limit=self._settings.parked_limit,
        )
