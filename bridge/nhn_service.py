"""The NHN source of one tenant as a service: enrol its receivers, then run each of its streams."""

import asyncio
from collections.abc import Callable, Collection
from functools import partial

import msgspec

from bridge.checkpoints import StreamState
from bridge.errors import InvariantViolation, StoreUnavailable, TransientError
from bridge.nhn.api import NhnApi
from bridge.nhn.enrolment import Start, enrol
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import NhnSource, PollSettings
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import Bounds
from bridge.ops.telemetry import StreamTelemetry
from bridge.ports import Clock, Store
from bridge.retry import Backoff
from bridge.streams import StreamRunner, once_stored
from bridge.supervisor import unless_stopped

MEMBERSHIP_LOOK_S = 2.0
"""Between two looks at which receivers are wanted: a file's `stat`."""


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
        wanted: Callable[[], Collection[int]],
        api: NhnApi,
        runner: StreamRunner,
        store: Store,
        maker: MessageMaker,
        telemetry: BridgeTelemetry,
        clock: Clock,
    ) -> None:
        """`wanted`: the HER-ids of this tenant now."""
        self._settings = settings
        self._wanted = wanted
        self._api = api
        self._runner = runner
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
        telemetry = self._telemetry.stream("nhn", name, self._settings.bounds)

        async def start() -> NhnSource:
            state = await once_stored(partial(self._stored, name), telemetry=self._telemetry.store, clock=self._clock)
            telemetry.receivers(len(state.receivers))
            telemetry.started(cursor=state.cursor)
            return self._source(state, telemetry)

        await self._runner.run(telemetry, start, self._store, stop)

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
