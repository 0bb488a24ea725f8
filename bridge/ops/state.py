"""What is known of the bridge now: plain records which telemetry writes, and which health, gauges and status read.

All times are monotonic seconds unless they say otherwise. One event loop owns the records: no locks, no copies.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

from bridge.checkpoints import OrderState
from bridge.events.message import SourceName
from bridge.ops.conditions import (
    BrokerCondition,
    Failure,
    OwnershipCondition,
    RoutesCondition,
    StoreCondition,
    continued,
)
from bridge.ops.throughput import Throughput

RECENT_ERRORS = 20
BACKOFF_CAP_S = 30.0
"""Longest pause that the bridge's own backoff makes between two tries."""
COMMIT_BOUND_S = 60.0
"""Two backoffs at their cap: a commit itself takes milliseconds."""
RETRY_REFUSED_S = 300.0
"""Default of `NHN__RETRY_REFUSED_S`."""
HTTP_PHASES = 4
"""Waiting for a connection of the pool, connecting, writing, reading: each may take the HTTP timeout."""
NEVER = float("-inf")


class Clock(Protocol):
    """What of time is needed here."""

    def now(self) -> datetime:
        """Wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds; never goes back."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a stream may wait for a success of each kind, seconds."""

    poll_s: float
    confirm_s: float
    commit_s: float = COMMIT_BOUND_S
    retry_refused_s: float = RETRY_REFUSED_S
    """Comes on top of `poll_s` while the API refuses every receiver of the stream: it is asked no more often."""

    @classmethod
    def of(
        cls,
        *,
        poll_interval_s: float,
        http_timeout_s: float,
        confirm_timeout_s: float,
        retry_refused_s: float = RETRY_REFUSED_S,
    ) -> Self:
        """The bounds that fit the settings; with their defaults 270 s, 120 s and 60 s.

        poll: two intervals (jitter, and one poll that failed), one poll that uses up every phase's timeout, one backoff
        at its cap. confirm: four confirm timeouts and two backoffs; a page is heard of only as a whole, and may take
        several timeouts while confirms of its messages trickle in.
        """
        return cls(
            poll_s=2 * poll_interval_s + HTTP_PHASES * http_timeout_s + BACKOFF_CAP_S,
            confirm_s=4 * confirm_timeout_s + 2 * BACKOFF_CAP_S,
            retry_refused_s=retry_refused_s,
        )


@dataclass(slots=True)
class Stage:
    """One of the three things that a stream waits for: a poll, a confirm, a commit."""

    since: float | None = None
    """When the current wait began: at its start or at the last success. None: nothing is waited for."""
    succeeded_at: float | None = None
    heard_at: float = NEVER
    """Last success or failure: a stage that fails aloud is not stuck."""
    quiet_until: float = NEVER
    """Nothing can be heard before: the other side, or our backoff, said so."""
    failure: Failure | None = None

    def succeeded(self, now: float, *, waits_on: bool) -> Failure | None:
        """A success; returns the failure that it ended. `waits_on`: there is more to wait for."""
        ended, self.failure = self.failure, None
        self.succeeded_at = self.heard_at = now
        self.quiet_until = NEVER
        self.since = now if waits_on else None
        return ended

    def failed(self, now: float, code: str, message: str) -> None:
        """A try that failed."""
        self.heard_at = now
        self.failure = continued(self.failure, now, code, message)

    def wait_until(self, moment: float) -> None:
        """The next try is not made before."""
        self.quiet_until = max(self.quiet_until, moment)

    def begin(self, now: float) -> None:
        """The wait begins, unless it has."""
        if self.since is None:
            self.since = now


@dataclass(slots=True)
class Refusal:
    """A receiver that the API refuses."""

    problem: str
    """The API's status, error code or title."""
    since: float


@dataclass(slots=True)
class StreamProgress:
    """All that is known of one stream since this process got it."""

    source: SourceName
    name: str
    bounds: Bounds
    broker: BrokerCondition
    """The broker that its messages go to."""
    is_running: bool = False
    started_at: float | None = None
    cursor: int | None = None
    receivers: int | None = None
    refused: dict[int, Refusal] = field(default_factory=dict)
    """By HER-id; at most as many as the stream has receivers."""
    is_idle: bool = False
    """There is nothing to do, and it would hear of it: as good as polling."""
    is_scheduled: bool = False
    """It asks for each thing at its time, and not for whatever is new."""
    overdue_since: float | None = None
    """Since when the oldest thing that is due has been so; None: nothing is."""
    is_behind: bool = False
    """The last poll was full, or the last page committed was and more are on their way."""
    committed_created_at: datetime | None = None
    """When the last committed event was created."""
    poll: Stage = field(default_factory=Stage)
    confirm: Stage = field(default_factory=Stage)
    commit: Stage = field(default_factory=Stage)
    in_flight: int = 0
    """Messages sent whose page is not known to be routed or parked."""
    uncommitted: deque[datetime | None] = field(default_factory=deque)
    """Pages confirmed and not yet committed, oldest first: when the last event of each was created."""
    held_reason: str | None = None
    held_since: float | None = None
    restarts: int = 0
    restarts_in_a_row: int = 0
    """Since the last successful poll."""
    anomalies: Counter[str] = field(default_factory=Counter)
    confirmed: Counter[str] = field(default_factory=Counter)
    """Routed events by event name."""
    parked: Counter[str] = field(default_factory=Counter)
    """Parked messages by reason."""
    throughput: Throughput = field(default_factory=Throughput)

    @property
    def is_publishing(self) -> bool:
        """Pages are on their way to the broker or the store."""
        return self.confirm.since is not None or self.commit.since is not None

    @property
    def are_all_refused(self) -> bool:
        """No receiver is left that the API answers for."""
        return bool(self.receivers) and len(self.refused) >= (self.receivers or 0)

    @property
    def last_success_at(self) -> float | None:
        """Last successful poll or commit; to be read with `is_idle`."""
        times = [at for at in (self.poll.succeeded_at, self.commit.succeeded_at) if at is not None]
        return max(times, default=None)

    def age_s(self, succeeded_at: float | None, now: float) -> float | None:
        """Seconds since a success; 0 while there is nothing to do. None: it never had one."""
        return 0.0 if self.is_idle else None if succeeded_at is None else now - succeeded_at

    def lag_s(self, at: datetime, now: float) -> float | None:
        """0 when nothing more was there or is due, else how old the last committed event is, or how long the oldest
        thing that is due has been so; at least how long what was fetched has waited in vain. None: it is not known.
        """
        known = [each for each in (self._lag_of_polls_s(at, now), self._stuck_s(now)) if each is not None]
        return max(known, default=None)

    def _lag_of_polls_s(self, at: datetime, now: float) -> float | None:
        if self.is_scheduled:
            return 0.0 if self.overdue_since is None else now - self.overdue_since
        if not self.is_behind:
            return None if self.poll.succeeded_at is None or self.poll.failure is not None else 0.0
        if self.committed_created_at is None:
            return None
        return max((at - self.committed_created_at).total_seconds(), 0.0)

    def _stuck_s(self, now: float) -> float | None:
        """How long pages have waited that the broker, a queue or the store does not take; None: there are none."""
        does_not_confirm = self.confirm.failure is not None or not self.broker.gives_sessions
        waits = ((self.confirm, does_not_confirm), (self.commit, self.commit.failure is not None))
        return max(
            (now - stage.since for stage, is_stuck in waits if is_stuck and stage.since is not None), default=None
        )


@dataclass(slots=True)
class RecentError:
    """Something that went wrong lately, with how often it did so in a row."""

    at: datetime
    stream: str | None
    code: str
    message: str
    times: int = 1


@dataclass(slots=True)
class BridgeState:
    """The whole process."""

    clock: Clock
    version: str
    broker: BrokerCondition = field(default_factory=BrokerCondition)
    routes: RoutesCondition = field(default_factory=RoutesCondition)
    store: StoreCondition = field(default_factory=StoreCondition)
    ownership: OwnershipCondition = field(default_factory=OwnershipCondition)
    streams: dict[str, StreamProgress] = field(default_factory=dict)
    orders: Mapping[OrderState, int] | None = None
    """How many of Altinn's orders are in each state, closed ones as long as they are remembered; None: nobody has
    looked yet."""
    token_expiries: dict[str, float] = field(default_factory=dict)
    """Issuer → when its youngest token ends, seconds since the epoch."""
    is_draining: bool = False
    cut_off: str | None = None
    """Why the drain did not finish what was in flight, as an adverbial clause; None: it did, as far as is known."""
    settings_problems: Callable[[], tuple[str, ...]] = tuple
    """Why settings that are read again while it runs are not taken as they are now; empty where they are."""
    started_at: float = field(init=False)
    heartbeat_at: float = field(init=False)
    """When the supervisor last said that it is alive."""
    recent_errors: deque[RecentError] = field(default_factory=lambda: deque(maxlen=RECENT_ERRORS))

    def __post_init__(self) -> None:
        self.started_at = self.heartbeat_at = self.clock.monotonic()

    def note_error(
        self, code: str, message: str, *, stream: str | None = None, times: int = 1, is_latest_of_its_code: bool = False
    ) -> None:
        """Remember it among the recent errors; one that is there already moves to the end and is counted.

        `is_latest_of_its_code`: it takes the place of one with another message, too, so that many of a kind leave room
        for others.
        """
        for known in self.recent_errors:
            is_same = is_latest_of_its_code or known.message == message
            if is_same and (known.stream, known.code) == (stream, code):
                times += known.times
                self.recent_errors.remove(known)
                break
        self.recent_errors.append(RecentError(self.clock.now(), stream, code, message, times))
