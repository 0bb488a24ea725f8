"""Who listens to confirmed events (`bridge tail`), each with a bounded buffer: a slow listener costs itself, not us."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from bridge.errors import BridgeError
from bridge.events.message import Message
from bridge.ops.topic import matches

MAX_LISTENERS = 10
MAX_BUFFERED_EVENTS = 2000
"""Two pages: a listener that keeps up empties its buffer between pages."""
MAX_BUFFERED_BYTES = 4 * 1024 * 1024
_encoder = msgspec.json.Encoder()
REMEMBERED_KEYS = 4096
"""Routing keys whose match is remembered, for each listener."""


class TooManyListeners(BridgeError):
    """All places are taken; the message says how many there are."""


class TailLine(msgspec.Struct, frozen=True, kw_only=True):
    """One confirmed event, a line of `/tail`."""

    time: datetime
    """When the broker had confirmed its page."""
    exchange: str
    routing_key: str
    id: str
    correlation_id: str | None
    event: msgspec.Raw
    """The CloudEvent, as it was published."""


class Dropped(msgspec.Struct, frozen=True):
    """A line of `/tail` that says how many events this listener missed here because it was slow."""

    dropped: int


class Listener:
    """One reader. `wake` is called whenever there is something to take, from the loop that publishes."""

    def __init__(self, pattern: str, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._buffer: deque[tuple[Message, datetime]] = deque()
        self._buffered_bytes = 0
        self._dropped = 0
        self._matches = lru_cache(REMEMBERED_KEYS)(lambda routing_key: matches(pattern, routing_key))

    def offer(self, messages: Sequence[Message], *, at: datetime) -> None:
        """Buffer those that match; the oldest give way to the newest."""
        wanted = [message for message in messages if self._matches(message.routing_key)]
        if not wanted:
            return
        for message in wanted:
            self._buffer.append((message, at))
            self._buffered_bytes += len(message.body)
        while len(self._buffer) > MAX_BUFFERED_EVENTS or self._buffered_bytes > MAX_BUFFERED_BYTES:
            self._buffered_bytes -= len(self._buffer.popleft()[0].body)
            self._dropped += 1
        self._wake()

    def take(self, limit: int) -> bytes:
        """At most `limit` buffered events as NDJSON, after a line that counts those dropped before them, if any."""
        lines: list[Dropped | TailLine] = []
        if self._dropped:
            lines.append(Dropped(self._dropped))
            self._dropped = 0
        for _ in range(min(limit, len(self._buffer))):
            message, at = self._buffer.popleft()
            self._buffered_bytes -= len(message.body)
            lines.append(_line(message, at))
        return _encoder.encode_lines(lines)


class Tail:
    """The listeners of the process."""

    def __init__(self, *, max_listeners: int = MAX_LISTENERS) -> None:
        self._max_listeners = max_listeners
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self, pattern: str, wake: Callable[[], None]) -> Listener:
        """Take a place, to be given back with `leave`. Raises TooManyListeners."""
        if len(self._listeners) >= self._max_listeners:
            raise TooManyListeners(f"All {self._max_listeners} places to listen are taken; end another listener first.")
        listener = Listener(pattern, wake)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Give the place back."""
        self._listeners.discard(listener)

    def offer(self, messages: Sequence[Message], *, at: datetime) -> None:
        """A page that is confirmed; costs nothing while nobody listens."""
        for listener in self._listeners:
            listener.offer(messages, at=at)


def _line(message: Message, at: datetime) -> TailLine:
    return TailLine(
        time=at,
        exchange=message.exchange,
        routing_key=message.routing_key,
        id=message.id,
        correlation_id=message.correlation_id,
        event=msgspec.Raw(message.body),
    )
