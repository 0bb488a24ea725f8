"""What happens to the process, its broker and its store: each call makes the log line and the state, as `telemetry`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from bridge.checkpoints import ORDER_STATES, OrderState
from bridge.errors import TransientError
from bridge.events.message import SourceName
from bridge.ops.conditions import continued
from bridge.ops.gauges import StateGauges
from bridge.ops.metrics import Metrics
from bridge.ops.order_telemetry import OrdersTelemetry, RegistrationsTelemetry
from bridge.ops.ownership_telemetry import OwnershipTelemetry
from bridge.ops.poll_telemetry import clipped
from bridge.ops.repeats import Repeats
from bridge.ops.route_telemetry import RouteTelemetry
from bridge.ops.state import Bounds, BridgeState, StreamProgress
from bridge.ops.tail import Tail
from bridge.ops.telemetry import StreamTelemetry


class BrokerTelemetry:
    """Of the connection to the broker; called by whoever keeps it. Texts are one clause, without user or password."""

    def __init__(self, state: BridgeState) -> None:
        self._state = state
        self._repeats = Repeats()
        self._log: FilteringBoundLogger = structlog.get_logger()

    def connected(self, address: str) -> None:
        """A connection is open and takes messages. `address`: host:port, and no more of the URL."""
        broker, now = self._state.broker, self._state.clock.monotonic()
        broker.address = address
        broker.is_connected, broker.is_blocked, broker.failure, broker.changed_at = True, False, None, now
        times = self._repeats.due("connected", address, now)
        if times is not None:
            self._log.info("broker.connected", address=address, times=times)

    def lost(self, reason: str) -> None:
        """The connection ended, though nobody here closed it."""
        broker = self._state.broker
        broker.is_connected, broker.is_blocked, broker.changed_at = False, False, self._state.clock.monotonic()
        self._failed("lost", reason)

    def unavailable(self, reason: str) -> None:
        """No connection could be made, or no session opened on the one there is."""
        self._failed("unavailable", reason)

    def session_ended(self, reason: str) -> None:
        """A session ended by itself, the connection may be well; another will be opened."""
        self._warn("session-ended", clipped(reason))

    def blocked(self, is_blocked: bool) -> None:
        """The broker takes nothing for now (`connection.blocked`: memory or disk alarm), or takes messages again."""
        broker, now = self._state.broker, self._state.clock.monotonic()
        broker.is_blocked, broker.changed_at = is_blocked, now
        if is_blocked:
            self._warn("blocked", "its memory or disk alarm is on")
        elif self._repeats.ended("blocked"):
            self._log.info("broker.unblocked", address=broker.address)

    def _failed(self, code: str, reason: str) -> None:
        broker, now = self._state.broker, self._state.clock.monotonic()
        broker.failure = continued(broker.failure, now, code, clipped(reason))
        self._warn(code, broker.failure.message)

    def _warn(self, code: str, message: str) -> None:
        self._state.note_error(f"broker-{code}", message)
        times = self._repeats.due(code, message, self._state.clock.monotonic())
        if times is not None:
            self._log.warning(f"broker.{code}", error=message, address=self._state.broker.address, times=times)


class Trouble(Protocol):
    """What signing in has to say: bridge.auth's diagnosis."""

    @property
    def sentence(self) -> str: ...


class SignInTelemetry:
    """Of signing in; called by whoever fetches tokens."""

    def __init__(self, state: BridgeState) -> None:
        self._state = state
        self._repeats = Repeats()
        self._log: FilteringBoundLogger = structlog.get_logger()

    def token_obtained(self, issuer: str, expires_at: datetime) -> None:
        """A token came, valid until `expires_at`."""
        self._state.token_expiries[issuer] = expires_at.timestamp()
        if self._repeats.ended("trouble"):
            self._log.info("sign_in.recovered", issuer=issuer)
        self._log.debug("sign_in.token", issuer=issuer, expires_at=expires_at.isoformat())

    def trouble(self, diagnosis: Trouble) -> None:
        """Work goes on for now, but a person should know."""
        sentence = clipped(diagnosis.sentence)
        self._state.note_error("sign-in", sentence)
        times = self._repeats.due("trouble", sentence, self._state.clock.monotonic())
        if times is not None:
            self._log.warning("sign_in.trouble", reason=sentence, times=times)


class StoreTelemetry:
    """Of what is asked of the store outside a stream's commits, which tell of themselves."""

    def __init__(self, state: BridgeState) -> None:
        self._state = state
        self._repeats = Repeats()
        self._log: FilteringBoundLogger = structlog.get_logger()

    def worked(self) -> None:
        """It did what it was asked."""
        failure, self._state.store.failure = self._state.store.failure, None
        if failure is not None and self._repeats.ended("store"):
            self._log.info("store.recovered", after_s=round(self._state.clock.monotonic() - failure.since, 1))

    def failed(self, error: TransientError) -> None:
        """It did not, and nothing changed."""
        now, message = self._state.clock.monotonic(), clipped(str(error))
        self._state.store.failure = continued(self._state.store.failure, now, "unavailable", message)
        self._state.note_error("store-failing", message)
        times = self._repeats.due("store", message, now)
        if times is not None:
            self._log.warning("store.failing", error=message, times=times)


class BridgeTelemetry:
    """One a process, made by the app: hands a telemetry to each part, and tells of the process itself."""

    def __init__(self, state: BridgeState, metrics: Metrics, *, tail: Tail | None = None) -> None:
        metrics.registry.register(StateGauges(state))
        self.broker = BrokerTelemetry(state)
        self.routes = RouteTelemetry(state)
        self.store = StoreTelemetry(state)
        self.sign_in = SignInTelemetry(state)
        self.ownership = OwnershipTelemetry(state, self.store)
        self._state = state
        self._metrics = metrics
        self._tail = tail
        self._log: FilteringBoundLogger = structlog.get_logger()

    def stream(self, source: SourceName, name: str, bounds: Bounds) -> StreamTelemetry:
        """The telemetry of a stream that this process gets; the same name again begins anew, but for its restarts."""
        return StreamTelemetry(self._begin(source, name, bounds), self._state, self._metrics, self._tail)

    def order_stream(self, name: str, bounds: Bounds) -> OrdersTelemetry:
        """The same of a stream that polls Altinn's orders."""
        return OrdersTelemetry(self._begin("altinn", name, bounds), self._state, self._metrics, self._tail)

    def registrations(self, name: str, bounds: Bounds) -> RegistrationsTelemetry:
        """The same of the stream that takes in registrations."""
        return RegistrationsTelemetry(self._begin("altinn", name, bounds), self._state, self._metrics, self._tail)

    def orders(self, counts: Mapping[OrderState, int]) -> None:
        """How many of Altinn's orders are in each state, as the store says now; to be told again now and then."""
        self._state.orders = {state: counts.get(state, 0) for state in ORDER_STATES}

    def forget(self, name: str) -> None:
        """The stream is another process's, or nobody's, from now on: nothing of it is shown any more."""
        progress = self._state.streams.pop(name, None)
        if progress is not None:
            self._metrics.stream_restarts.remove(progress.source, name)

    def _begin(self, source: SourceName, name: str, bounds: Bounds) -> StreamProgress:
        progress = StreamProgress(source, name, bounds, self._state.broker)
        self._state.streams[name] = progress
        self._metrics.stream_restarts.add(0, source, name)
        return progress

    def tenant_began(self, tenant: str) -> None:
        """A tenant of NHN's is served from now on."""
        self._log.info("tenant.began", tenant=tenant)

    def tenant_ended(self, tenant: str) -> None:
        """It is not served any more."""
        self._log.info("tenant.ended", tenant=tenant)

    def alive(self) -> None:
        """The supervisor's heartbeat: called at least every few seconds, else `/livez` turns red after 30."""
        self._state.heartbeat_at = self._state.clock.monotonic()

    def draining(self) -> None:
        """The process was asked to end, and finishes what is in flight."""
        self._state.is_draining = True
        self._log.info("bridge.draining")
