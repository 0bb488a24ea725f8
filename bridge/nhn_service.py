"""The NHN source of one tenant as a service: enrol its receivers, then run each of its streams that is ours."""

import asyncio
from functools import partial

import msgspec

from bridge.checkpoints import StreamState
from bridge.errors import InvariantViolation, StoreUnavailable, TransientError
from bridge.nhn.api import NhnApi
from bridge.nhn.enrolment import Start, enrol
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import NhnSource, PollSettings
from bridge.nhn.streams import plan
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import Bounds
from bridge.ops.telemetry import StreamTelemetry
from bridge.ownership import Ownership
from bridge.ports import Clock, Store
from bridge.retry import Backoff
from bridge.streams import StreamRunner, once_stored
from bridge.supervisor import unless_stopped

MEMBERSHIP_LOOK_S = 2.0
"""Between two looks at which receivers are wanted: a file's `stat`."""
ENROLMENT = "receivers"
"""Ends the name of the lease of whoever enrols a tenant's receivers."""


def enrolment_of(tenant: str) -> str:
    """The lease of whoever enrols the tenant's receivers."""
    return f"nhn/{tenant}/{ENROLMENT}"


class NhnServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What of the settings concerns a tenant's streams."""

    tenant: str
    start: Start
    page_size: int
    poll: PollSettings
    bounds: Bounds


class NhnService:
    """One tenant's streams."""

    def __init__(
        self,
        settings: NhnServiceSettings,
        *,
        ownership: Ownership,
        api: NhnApi,
        runner: StreamRunner,
        store: Store,
        maker: MessageMaker,
        telemetry: BridgeTelemetry,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._prefix = f"nhn/{settings.tenant}/"
        self._ownership = ownership
        self._api = api
        self._runner = runner
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
        attempt, backoff, settled = 0, Backoff(), None
        try:
            while not turn.is_set():
                try:
                    wanted = await self._ownership.wanted(self._settings.tenant)
                    if wanted != settled and await unless_stopped(turn, self._enrol(wanted, telemetry)):
                        settled = wanted
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

    async def _enrol(self, wanted: frozenset[int], telemetry: StreamTelemetry) -> bool:
        """Bring the store in line with the receivers; the streams that this changes are ours alone meanwhile. Whether
        nothing is left to do: streams are merged two at a time.
        """
        tenant, store = self._settings.tenant, self._store
        change = plan(tenant, wanted, states := await store.streams(tenant))
        leaving = {state.name for state in states if not change.retire.isdisjoint(state.receivers)}
        merging = {change.merge.dissolved, change.merge.into} if change.merge else set()
        async with self._ownership.called(leaving | change.enrol.keys() | merging):
            states = await enrol(tenant, wanted, start=self._settings.start, feed=self._feed(telemetry), store=store)
            await self._ownership.declare(self._prefix, [state.name for state in states])
        self._telemetry.store.worked()
        return plan(tenant, wanted, states).merge is None

    async def _run_stream(self, name: str, turn: asyncio.Event) -> None:
        """Run one stream, which is ours, until `turn`."""
        telemetry = self._telemetry.stream("nhn", name, self._settings.bounds)

        async def start() -> NhnSource:
            state = await once_stored(partial(self._stored, name), telemetry=self._telemetry.store, clock=self._clock)
            if not state.receivers:
                await turn.wait()  # it was dissolved, and we have not seen yet that it is no stream any more
            telemetry.receivers(len(state.receivers))
            telemetry.started(cursor=state.cursor)
            return self._source(state, telemetry)

        try:
            await self._runner.run(telemetry, start, self._store, turn)
        finally:
            self._telemetry.forget(name)

    async def _stored(self, name: str) -> StreamState:
        """What the store says of a stream."""
        for state in await self._store.streams(self._settings.tenant):
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
