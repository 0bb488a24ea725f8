"""What happens to the leases of this process: each call makes the log line and the state, as `telemetry`."""

from typing import Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from bridge.errors import TransientError
from bridge.leases import Snapshot
from bridge.ops.repeats import Repeats
from bridge.ops.state import BridgeState


class StoreObserver(Protocol):
    """Of the store: bridge.ops.service_telemetry."""

    def worked(self) -> None: ...
    def failed(self, error: TransientError) -> None: ...


class OwnershipTelemetry:
    """One a process; called by whoever keeps the leases."""

    def __init__(self, state: BridgeState, store: StoreObserver) -> None:
        self._state = state
        self._store = store
        self._repeats = Repeats()
        self._log: FilteringBoundLogger = structlog.get_logger()

    def seen(self, snapshot: Snapshot, me: str) -> None:
        """Who is alive and holds what, as the store says now."""
        ownership = self._state.ownership
        ownership.me, ownership.snapshot = me, snapshot
        ownership.seen_at = self._state.clock.monotonic()
        if self._repeats.ended("heartbeat"):
            self._store.worked()

    def heartbeat_failed(self, error: TransientError) -> None:
        """The store could not be asked; where that goes on, everything here is given up."""
        self._repeats.due("heartbeat", str(error), self._state.clock.monotonic())
        self._store.failed(error)

    def taken(self, name: str, epoch: int) -> None:
        """This process owns it from now on."""
        self._log.info("lease.taken", stream=name, epoch=epoch)

    def given_back(self, name: str) -> None:
        """It was drained and is anybody's."""
        self._log.info("lease.given_back", stream=name)

    def lost(self, name: str, reason: str) -> None:
        """Its work was cut off at once; what was in flight is sent again by whoever owns it next."""
        self._state.note_error("lease-lost", reason, stream=name)
        self._log.warning("lease.lost", stream=name, reason=reason)
