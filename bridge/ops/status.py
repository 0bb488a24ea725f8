"""The status as one document: what `/status` answers, and what the status page and `bridge status` read.

Fields are only ever added. Ages and durations are seconds at the moment `at`; null means that it has not happened yet.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from bridge.ops.conditions import BrokerCondition, OwnershipCondition, RoutesCondition
from bridge.ops.health import Readiness, Reason, readiness
from bridge.ops.state import BridgeState, RecentError, StreamProgress
from bridge.routes import Verdict

StreamCondition = Literal["stopped", "held", "waits-for-broker", "waits-for-store", "not-ready", "degraded", "working"]


class RefusedReceiver(msgspec.Struct, frozen=True):
    """A HER-id that the API refuses."""

    her_id: int
    problem: str
    """The API's status, error code or title."""
    since: datetime


class StreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One stream, since this process got it."""

    name: str
    source: str
    state: StreamCondition
    """The first of these that is so, worst first."""
    cursor: int | None
    receivers: int | None
    refused: tuple[RefusedReceiver, ...]
    lag_s: float | None
    last_poll_age_s: float | None
    """Since the last poll that worked, 0 while there is nothing to poll; as the next two."""
    last_confirm_age_s: float | None
    last_commit_age_s: float | None
    in_flight: int
    uncommitted_pages: int
    held_reason: str | None
    poll_error: str | None
    """Of the polls that fail now."""
    anomalies: dict[str, int]
    confirmed: dict[str, int]
    """By event name."""
    confirmed_last_minute: int
    parked: dict[str, int]
    """By reason."""
    restarts: int


class BrokerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The connection to the broker."""

    address: str | None
    """`host:port`."""
    is_connected: bool
    is_blocked: bool
    unchanged_for_s: float | None
    """Since it was connected, lost, blocked or unblocked."""
    error: str | None


class RouteStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the route contract."""

    queue: str
    exchange: str
    bindings: tuple[str, ...]
    state: Literal["there", "missing", "not-verifiable"]
    detail: str
    """What was found, as a clause."""
    required: bool
    on_missing: Literal["hold", "continue"]
    missing_for_s: float | None


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the store takes commits."""

    is_working: bool
    failing_for_s: float | None
    error: str | None


class ErrorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One of the last 20 different errors."""

    at: datetime
    """When it happened last."""
    stream: str | None
    code: str
    message: str
    times: int


class OwnerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs what, of all replicas that share the store."""

    name: str
    """A stream's, of a tenant's enrolment (`nhn/<tenant>/receivers`), or of a store for one bridge alone (`store`)."""
    owner: str | None
    """Host and process id; null: nobody for now."""
    is_here: bool
    """Whether this process owns it."""
    epoch: int
    """Counts its owners."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole process."""

    version: str
    at: datetime
    started_at: datetime
    uptime_s: float
    is_ready: bool
    is_draining: bool
    reasons: tuple[Reason, ...]
    degraded: tuple[Reason, ...]
    broker: BrokerStatus
    store: StoreStatus
    streams: tuple[StreamStatus, ...]
    orders: dict[str, int] | None = None
    """Altinn's orders by state; null: nobody has looked yet, or the source is off."""
    recent_errors: tuple[ErrorStatus, ...]
    """Newest first."""
    replicas: int = 0
    """That are alive, this one included."""
    owners: tuple[OwnerStatus, ...] = ()
    routes: tuple[RouteStatus, ...] = ()
    """The route contract, in the order of the settings."""
    bindings_unseen: str | None = None
    """Why the bindings of routes cannot be looked at now, as a clause; null: they can, or there are none."""


def status_of(state: BridgeState) -> Status:
    """The document at this moment."""
    now, at = state.clock.monotonic(), state.clock.now()
    health = readiness(state, now)
    return Status(
        version=state.version,
        at=at,
        started_at=at - timedelta(seconds=now - state.started_at),
        uptime_s=_rounded(now - state.started_at),
        is_ready=health.is_ready,
        is_draining=state.is_draining,
        reasons=health.reasons,
        degraded=health.degraded,
        broker=_broker(state.broker, now),
        store=_store(state, now),
        streams=tuple(
            _stream(stream, _condition(stream, state, health), now, at) for _, stream in sorted(state.streams.items())
        ),
        orders=None if state.orders is None else {str(name): count for name, count in state.orders.items()},
        recent_errors=tuple(map(_error, reversed(state.recent_errors))),
        replicas=len(state.ownership.snapshot.replicas),
        owners=tuple(_owners(state.ownership)),
        routes=tuple(_routes(state.routes, now)),
        bindings_unseen=state.routes.unseen,
    )


def _routes(routes: RoutesCondition, now: float) -> Iterator[RouteStatus]:
    for route, condition in routes.known.items():
        judged = condition.judgement
        yield RouteStatus(
            queue=route.queue,
            exchange=route.exchange,
            bindings=route.bindings,
            state=judged.verdict.value,
            detail=judged.found,
            required=route.required,
            on_missing="hold" if route.holds else "continue",
            missing_for_s=_age_s(condition.since, now) if judged.verdict is Verdict.MISSING else None,
        )


def _owners(ownership: OwnershipCondition) -> Iterator[OwnerStatus]:
    processes = {replica.id: str(replica.process) for replica in ownership.snapshot.replicas}
    for name, lease in sorted(ownership.snapshot.leases.items()):
        if lease.is_stream or lease.owner is not None:
            is_here = lease.owner == ownership.me
            owner = None if lease.owner is None else processes.get(lease.owner, "a replica that has ended")
            yield OwnerStatus(name=name, owner=owner, is_here=is_here, epoch=lease.epoch)


def _condition(stream: StreamProgress, state: BridgeState, health: Readiness) -> StreamCondition:
    conditions: tuple[tuple[StreamCondition, bool], ...] = (
        ("stopped", not stream.is_running),
        ("held", stream.held_reason is not None),
        ("waits-for-broker", stream.in_flight > 0 and not state.broker.gives_sessions),
        ("waits-for-store", bool(stream.uncommitted) and state.store.failure is not None),
        ("not-ready", any(reason.stream == stream.name for reason in health.reasons)),
        ("degraded", any(reason.stream == stream.name for reason in health.degraded)),
    )
    return next((condition for condition, is_so in conditions if is_so), "working")


def _stream(stream: StreamProgress, condition: StreamCondition, now: float, at: datetime) -> StreamStatus:
    lag_s, poll_age_s = stream.lag_s(at, now), stream.age_s(stream.poll.succeeded_at, now)
    return StreamStatus(
        name=stream.name,
        source=stream.source,
        state=condition,
        cursor=stream.cursor,
        receivers=stream.receivers,
        refused=tuple(
            RefusedReceiver(her_id, refusal.problem, at - timedelta(seconds=now - refusal.since))
            for her_id, refusal in sorted(stream.refused.items())
        ),
        lag_s=None if lag_s is None else _rounded(lag_s),
        last_poll_age_s=None if poll_age_s is None else _rounded(poll_age_s),
        last_confirm_age_s=_age_s(stream.confirm.succeeded_at, now),
        last_commit_age_s=_age_s(stream.commit.succeeded_at, now),
        in_flight=stream.in_flight,
        uncommitted_pages=len(stream.uncommitted),
        held_reason=stream.held_reason,
        poll_error=None if stream.poll.failure is None else stream.poll.failure.message,
        anomalies=dict(stream.anomalies),
        confirmed=dict(stream.confirmed),
        confirmed_last_minute=stream.throughput.last_minute(now),
        parked=dict(stream.parked),
        restarts=stream.restarts,
    )


def _broker(broker: BrokerCondition, now: float) -> BrokerStatus:
    return BrokerStatus(
        address=broker.address,
        is_connected=broker.is_connected,
        is_blocked=broker.is_blocked,
        unchanged_for_s=_age_s(broker.changed_at, now),
        error=None if broker.failure is None else broker.failure.message,
    )


def _store(state: BridgeState, now: float) -> StoreStatus:
    failure = state.store.failure
    if failure is None:
        return StoreStatus(is_working=True, failing_for_s=None, error=None)
    return StoreStatus(is_working=False, failing_for_s=_age_s(failure.since, now), error=failure.message)


def _error(error: RecentError) -> ErrorStatus:
    return ErrorStatus(at=error.at, stream=error.stream, code=error.code, message=error.message, times=error.times)


def _age_s(moment: float | None, now: float) -> float | None:
    return None if moment is None else _rounded(now - moment)


def _rounded(seconds: float) -> float:
    return round(seconds, 1)
