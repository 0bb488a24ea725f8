"""What happens to one stream: each call makes the log line, the metric and the state that /status shows.

A page is `debug`; a change for the worse is a `warning`, one for the better an `info`. Equal failures give a line once,
and then at most one a minute with a count (`repeats`). No line carries a payload, a description or a problem's detail.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bridge.errors import TransientError
from bridge.events.message import Message
from bridge.events.parked import is_poison
from bridge.ops.conditions import continued
from bridge.ops.metrics import EVENTS, INTERRUPTIONS, PARKED_REASONS, Metrics, closed
from bridge.ops.poll_telemetry import PollTelemetry, clipped
from bridge.ops.state import BridgeState, StreamProgress
from bridge.ops.tail import Tail


class StreamTelemetry(PollTelemetry):
    """Of one stream; called by its source, pipeline and delivery. Made by `BridgeTelemetry.stream`."""

    def __init__(self, progress: StreamProgress, state: BridgeState, metrics: Metrics, tail: Tail | None) -> None:
        super().__init__(progress, state, metrics)
        self._tail = tail
        self._parked_ids: set[str] = set()
        """Ids of the pages in flight that are parked and counted as such."""

    def started(self, *, cursor: int | None = None) -> None:
        """The stream runs. `cursor`: where the store says that it stands."""
        stream, now = self._progress, self._now()
        stream.is_running = True
        stream.started_at = now
        stream.cursor = stream.cursor if cursor is None else cursor
        stream.refused.clear()  # every receiver is tried anew
        self._forget_pages()
        stream.poll.since = now
        self._log.info("stream.started", cursor=cursor)

    def stopped(self) -> None:
        """The stream does not run any more, on purpose or not; what was in flight is forgotten."""
        self._progress.is_running = False
        self._forget_pages()
        self._progress.poll.since = None
        self._log.info("stream.stopped", cursor=self._progress.cursor)

    def restarted(self, reason: str) -> None:
        """The stream is about to start once more; `reason` is a sentence without personal data."""
        stream, reason = self._progress, clipped(reason)
        stream.restarts += 1
        stream.restarts_in_a_row += 1
        self._metrics.stream_restarts.add(1, stream.source, stream.name)
        self._state.note_error("restarted", reason, stream=stream.name)
        self._log.warning("stream.restarted", reason=reason, in_a_row=stream.restarts_in_a_row)
        self._forget_pages()
        stream.poll.since = self._now()

    def cut_off(self, reason: str) -> None:
        """The stream was to drain, and ended with messages in flight; `reason`: an adverbial clause."""
        if self._state.is_draining:
            self._state.cut_off = reason
        self._log.warning("stream.cut-off", reason=reason)

    def sent(self, count: int) -> None:
        """A page of `count` messages starts on its way to the broker."""
        self._progress.in_flight += count
        if count:
            self._progress.confirm.begin(self._now())
        self._log.debug("page.sent", messages=count)

    def confirmed(self, messages: Sequence[Message], *, seconds: float, at: datetime | None = None) -> None:
        """A page, as it was given to `sent`, is routed or parked as a whole, `seconds` after that. `at`: else now.

        Pages are confirmed in their order. Parked messages are no confirmed events, and have no age.
        """
        stream, now, at = self._progress, self._now(), at or self._state.clock.now()
        delivered = self._take_parked(messages)
        created = [message.created_at for message in delivered if message.created_at is not None]
        stream.uncommitted.append(created[-1] if created else None)
        stream.commit.begin(now)
        self._log.debug("page.confirmed", messages=len(messages), seconds=round(seconds, 3))
        if not messages:
            return
        self._count_confirmed(delivered)
        self._metrics.publish_confirm_seconds.observe([seconds])
        self._metrics.event_age_seconds.observe([(at - moment).total_seconds() for moment in created])
        stream.in_flight = max(stream.in_flight - len(messages), 0)
        self._tell_recovery("publish", stream.confirm.succeeded(now, waits_on=stream.in_flight > 0))
        if stream.broker.is_connected:
            stream.broker.failure = None
        if self._tail is not None:
            self._tail.offer(delivered, at=at)

    def parked(self, message: Message, reason: str) -> None:
        """A message of a page in flight is in the parked queue, confirmed; told twice of a page that goes again, it is
        counted once. One that left its source as a parked message need not be told of: `confirmed` counts it.
        """
        if message.id not in self._parked_ids:
            self._parked_ids.add(message.id)
            self._count_parked(reason, 1)

    def publish_interrupted(self, outcome: str, count: int, *, retry_in_s: float) -> None:
        """`count` messages were not routed, for the reason that `outcome` says, and are sent again after the wait."""
        stream = self._progress
        outcome = closed(outcome, INTERRUPTIONS)
        self._metrics.publish_retries.add(count, stream.source, outcome)
        message = INTERRUPTIONS.get(outcome, "messages did not reach a queue")
        stream.confirm.failed(self._now(), outcome, message)
        stream.confirm.wait_until(self._now() + retry_in_s)
        self._warn("publish", outcome, message, "publish.interrupted", messages=count, retry_in_s=round(retry_in_s, 2))

    def held(self, reason: str, *, kind: str = "unroutable") -> None:
        """The stream waits because an event has no queue and may not be parked, or because a route is missing
        (`route-missing`); `reason` is a sentence.
        """
        stream, now = self._progress, self._now()
        if stream.held_reason is None:
            stream.held_since = now
        stream.held_reason = clipped(reason)
        self._warn("held", kind, stream.held_reason, "stream.held")

    def released(self) -> None:
        """It goes on; nothing happens if it was not held."""
        stream, now = self._progress, self._now()
        if stream.held_reason is None or stream.held_since is None:
            return
        held_s = now - stream.held_since
        stream.held_reason = stream.held_since = None
        stream.confirm.since = now if stream.in_flight else None
        if self._repeats.ended("held"):
            self._log.info("stream.released", held_s=round(held_s, 1))

    def committed(self, *, cursor: int | None, caught_up: bool) -> None:
        """The store has the oldest page that was not committed. `cursor`: where the stream's cursor is now, None if it
        was not this that moved; `caught_up`: nothing more was there when the page was read.
        """
        stream, now = self._progress, self._now()
        created_at = stream.uncommitted.popleft() if stream.uncommitted else None
        ended = stream.commit.succeeded(now, waits_on=bool(stream.uncommitted))
        stream.poll.since = None if stream.is_idle else now
        if cursor is not None:
            stream.cursor = cursor
        stream.committed_created_at = created_at or stream.committed_created_at
        stream.is_behind = not caught_up and (stream.is_behind or stream.is_publishing)
        self._state.store.failure = None
        self._log.debug("page.committed", cursor=cursor, caught_up=caught_up)
        self._tell_recovery("commit", ended)

    def commit_failed(self, error: TransientError, *, attempt: int) -> None:
        """The store did not take it, and nothing changed; `attempt` counts from 0."""
        stream, now = self._progress, self._now()
        message = clipped(str(error))
        stream.commit.begin(now)
        stream.commit.failed(now, "unavailable", message)
        self._state.store.failure = continued(self._state.store.failure, now, "unavailable", message)
        self._warn("commit", "unavailable", message, "commit.failed", attempt=attempt)

    def _take_parked(self, messages: Sequence[Message]) -> list[Message]:
        """The messages of a page that are in their own queues; those parked by their source are counted on the way."""
        delivered = [message for message in messages if message.parked_reason is None]
        if len(delivered) < len(messages):
            for reason, count in Counter(
                message.parked_reason
                for message in messages
                if message.parked_reason is not None and message.id not in self._parked_ids
            ).items():
                self._count_parked(reason, count)
        if self._parked_ids:
            # A poison message may have been parked under another id: its own was too long.
            delivered = [m for m in delivered if m.id not in self._parked_ids and not is_poison(m)]
            self._parked_ids.difference_update(message.id for message in messages)
        return delivered

    def _count_confirmed(self, delivered: Sequence[Message]) -> None:
        stream = self._progress
        for event, count in Counter([message.event for message in delivered]).items():
            event_label = closed(event, EVENTS[stream.source])
            self._metrics.events_confirmed.add(count, stream.source, event_label)
            stream.confirmed[event_label] += count
        stream.throughput.add(len(delivered), self._now())
        if (receivers := self._metrics.receiver_events_confirmed) is not None:
            for her_id, count in Counter(message.routing_key.rpartition(".")[2] for message in delivered).items():
                receivers.add(count, her_id)

    def _count_parked(self, reason: str, count: int) -> None:
        stream = self._progress
        reason = closed(reason, PARKED_REASONS)
        stream.parked[reason] += count
        self._metrics.events_parked.add(count, stream.source, reason)
        self._state.note_error("parked", reason, stream=stream.name, times=count)
        times = self._repeats.due(f"parked {reason}", reason, self._now())
        if times is not None:
            self._log.warning("message.parked", reason=reason, messages=count, times=times, total=stream.parked[reason])

    def _forget_pages(self) -> None:
        """What was in flight is not waited for any more: it is read again."""
        stream = self._progress
        stream.in_flight = 0
        stream.uncommitted.clear()
        stream.is_idle = False
        stream.confirm.since = stream.commit.since = None
        stream.held_reason = stream.held_since = None
        self._parked_ids.clear()
