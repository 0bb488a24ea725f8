"""How what the streams depend on is now: the broker, the routes from it, the store, who owns what. Plain records, as
those of `state`; all times are monotonic seconds.
"""

from dataclasses import dataclass, field

from bridge.leases import Snapshot
from bridge.routes import Judgement, Route


@dataclass(slots=True)
class Failure:
    """A failure that goes on: no success since."""

    code: str
    """Of a closed set."""
    message: str
    since: float
    times: int = 1


def continued(failure: Failure | None, now: float, code: str, message: str) -> Failure:
    """The failure that goes on with one more of the kind, or a new one."""
    if failure is None:
        return Failure(code, message, since=now)
    return Failure(code, message, since=failure.since, times=failure.times + 1)


@dataclass(slots=True)
class BrokerCondition:
    """The connection to the broker."""

    address: str | None = None
    """`host:port` of the last connection; nothing else of the URL."""
    is_connected: bool = False
    is_blocked: bool = False
    """It takes nothing for now (`connection.blocked`)."""
    changed_at: float | None = None
    """When it was connected, lost, blocked or unblocked last."""
    failure: Failure | None = None
    """Why there is no connection, or no session on it, until messages are confirmed again."""

    @property
    def available_since(self) -> float | None:
        """Since when it takes messages; None: it does not."""
        return self.changed_at if self.is_connected and not self.is_blocked else None

    @property
    def gives_sessions(self) -> bool:
        """It is connected, not blocked, and nothing is known that would keep messages from it."""
        return self.available_since is not None and self.failure is None


@dataclass(slots=True)
class StoreCondition:
    """Whether the store does what it is asked."""

    failure: Failure | None = None


@dataclass(slots=True)
class OwnershipCondition:
    """Who runs what, as the store said last."""

    me: str = ""
    snapshot: Snapshot = field(default_factory=Snapshot)
    seen_at: float | None = None
    """None: it has not been asked successfully yet."""

    @property
    def streams_elsewhere(self) -> bool:
        """Whether another replica runs a stream."""
        leases = self.snapshot.leases.values()
        return any(lease.is_stream and lease.owner not in {None, self.me} for lease in leases)


@dataclass(slots=True)
class RouteCondition:
    """What is known of one route."""

    judgement: Judgement
    since: float
    """Since when it has been missing, or has not been."""


@dataclass(slots=True)
class RoutesCondition:
    """The route contract, line by line."""

    known: dict[Route, RouteCondition] = field(default_factory=dict)
    unseen: str | None = None
    """Why bindings cannot be looked at; a clause."""
    failure: Failure | None = None
    """The same, where the settings say how they could be."""
