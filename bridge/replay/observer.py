"""What a replay hears of API and broker on its way, for people; and when it is time to give up."""

from collections.abc import Callable

from bridge.errors import BridgeError
from bridge.events.message import Message

MAX_TRIES = 8
"""So often in a row the API or the broker is tried: a minute or so, as a restart of either may take."""


class ReplayFailed(BridgeError):
    """It ended before its end."""


class ReplayObserver:
    """A BrokerObserver and a DeliveryObserver."""

    def __init__(self, told: Callable[[str], None]) -> None:
        """`told` takes sentences."""
        self.told = told
        self._trouble = "it gave no answer in time"
        self._failures = 0

    def moved(self) -> None:
        """Something was published."""
        self._failures = 0

    def connected(self, address: str) -> None:
        pass

    def lost(self, reason: str) -> None:
        self._trouble = reason

    def unavailable(self, reason: str) -> None:
        self._trouble = reason

    def session_ended(self, reason: str) -> None:
        self._trouble = reason

    def blocked(self, is_blocked: bool) -> None:
        if is_blocked:
            self.told("RabbitMQ is out of memory or disk; the replay waits.")

    def parked(self, message: Message, reason: str) -> None:
        self.told(f"The event {message.id} is parked ({reason}).")

    def publish_interrupted(self, outcome: str, count: int, *, retry_in_s: float) -> None:
        """Raises ReplayFailed where that happens too often in a row."""
        reason = "it refuses events (nack): a queue may be full" if outcome == "refused" else self._trouble.rstrip(".")
        self._failures += 1
        if self._failures == MAX_TRIES:
            raise ReplayFailed(f"RabbitMQ does not take the events: {reason}.")
        self.told(f"RabbitMQ does not take {count or 'any'} events: {reason}; trying again in {retry_in_s:.0f} s.")

    def held(self, reason: str, *, kind: str) -> None:
        pass  # a replay fails instead

    def released(self) -> None:
        pass
