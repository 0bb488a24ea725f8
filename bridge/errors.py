"""What can go wrong, classified by what happens next.

    BridgeError
    ├── ConfigurationError      stop with exit 2 and one sentence a mistake
    ├── TransientError          the same thing again, later; nothing was lost and nothing is concluded from it
    │   ├── SourceUnavailable   the API does not answer usefully (connection, 5xx, throttled, not JSON)
    │   ├── AuthenticationError the API or the issuer refuses us (401); not ready until it is mended
    │   ├── RequestRejected     the API says our request or URL is wrong; not ready, slow retry
    │   ├── BrokerUnavailable   no session with the broker, or one that ended
    │   └── StoreUnavailable    the store does not take a commit now
    ├── InvalidEvent            of a consumer: put the message aside, it will never be an event
    ├── Deposed                 stop this stream, here: another process owns it; the process goes on
    └── InvariantViolation      crash: our own cursor is not where we left it

Adapters map their libraries' errors to these at one edge. No message carries a payload, a secret or anything that
identifies a person: messages end up in logs.
"""

from collections.abc import Sequence
from typing import Self

MAX_TOLD = 20
"""Of so many mistakes of one kind each has its sentence."""


class BridgeError(Exception):
    """Every error that the bridge raises on purpose."""


class ConfigurationError(BridgeError):
    """Wrong settings or usage; the process ends with exit code 2."""

    def __init__(self, *mistakes: str) -> None:
        """`mistakes`: one sentence each, all that were found."""
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes

    @classmethod
    def of_many(cls, mistakes: Sequence[str], *, more: str) -> Self:
        """The first of however many mistakes of one kind: who gives a wrong file sees that much sooner. `more`: what
        the others are, as in `3 more are no HER-ids either.`
        """
        untold = len(mistakes) - MAX_TOLD
        return cls(*mistakes[:MAX_TOLD], *([f"{untold} more {more}."] if untold > 0 else []))


class TransientError(BridgeError):
    """Doing the same again later may work; the caller waits with backoff and repeats."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """`retry_after_s`: the other side asked for at least this many seconds, ≥ 0."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SourceUnavailable(TransientError):
    """The API gave no usable answer. Never to be taken for an empty one (G6)."""


class AuthenticationError(TransientError):
    """Sign-in failed or the API answered 401 to a fresh token."""


class RequestRejected(TransientError):
    """The API refuses the request whatever it asks for: settings or the API's version need a person."""


class BrokerUnavailable(TransientError):
    """No broker of the list takes our messages now."""


class StoreUnavailable(TransientError):
    """The store refused or could not be reached; a failed commit changed nothing."""


class InvalidEvent(BridgeError, ValueError):
    """A body is no event of the bridge's (`bridge.events.parse`). Its text says what is wrong and quotes nothing of it.

    Also a ValueError: what consumers catch of any other decoder of JSON.
    """


class Deposed(BridgeError):
    """This process does not own the stream any more (G7). What it had in flight is sent again by the new owner."""


class InvariantViolation(BridgeError):
    """Our own state contradicts itself, e.g. a cursor that went backwards. Going on could lose events."""
