"""What happens to the polls of one stream, and how a stream tells of anything at all; see `telemetry`."""

import structlog
from structlog.typing import FilteringBoundLogger

from bridge.errors import AuthenticationError, RequestRejected, TransientError
from bridge.ops.conditions import Failure
from bridge.ops.health import REJECTED, SIGN_IN, UNAVAILABLE
from bridge.ops.metrics import ANOMALIES, Metrics, closed
from bridge.ops.repeats import Repeats
from bridge.ops.state import BridgeState, Refusal, StreamProgress

MAX_TEXT = 300
"""Characters kept of an error's message."""
REFUSALS_NAMED = 20
"""Lines a minute that name a newly refused receiver; /status names all."""


def clipped(text: str) -> str:
    """An error's clause: bounded, without its full stop."""
    return text[:MAX_TEXT].rstrip(".")


class PollTelemetry:
    """Of one stream's source; the rest of the stream's telemetry is made of it."""

    def __init__(self, progress: StreamProgress, state: BridgeState, metrics: Metrics) -> None:
        self._progress = progress
        self._state = state
        self._metrics = metrics
        self._repeats = Repeats()
        self._log: FilteringBoundLogger = structlog.get_logger().bind(source=progress.source, stream=progress.name)

    @property
    def progress(self) -> StreamProgress:
        """What is known of the stream: to be read by the watchdog."""
        return self._progress

    def receivers(self, count: int) -> None:
        """How many HER-ids the stream serves now, the refused ones included."""
        self._progress.receivers = count

    def polled(self, *, seconds: float, items: int, full: bool) -> None:
        """A request to the API worked. `full`: as many items as asked for, so that there may be more."""
        stream = self._progress
        outcome = "full" if full else "partial" if items else "empty"
        self._metrics.polls.add(1, stream.source, outcome)
        self._metrics.poll_seconds.observe([seconds])
        stream.is_behind = full
        self._log.debug("poll.done", seconds=round(seconds, 3), items=items, full=full)
        self._polls_work(is_idle=False)

    def idle(self) -> None:
        """There is nothing to do, and the stream would hear of it: it is well, though it does not poll."""
        self._polls_work(is_idle=True)

    def poll_failed(self, error: TransientError, *, attempt: int) -> None:
        """A request to the API failed; `attempt` counts from 0. A throttling API's Retry-After holds for all streams of
        the source, as they ask the same host.
        """
        stream, now = self._progress, self._now()
        code = SIGN_IN if isinstance(error, AuthenticationError) else UNAVAILABLE
        code = REJECTED if isinstance(error, RequestRejected) else code
        message = clipped(str(error))
        self._count_failed_poll(code)
        stream.is_idle = False
        stream.poll.begin(now)
        stream.poll.failed(now, code, message)
        if error.retry_after_s:
            for sibling in self._state.streams.values() if code == UNAVAILABLE else (stream,):
                if sibling.source == stream.source:
                    sibling.poll.wait_until(now + error.retry_after_s)
        self._warn("poll", code, message, "poll.failed", attempt=attempt, retry_after_s=error.retry_after_s)

    def anomaly(self, kind: str, count: int) -> None:
        """`count` items of a page were not as documented."""
        stream = self._progress
        kind = self._count_anomaly(kind, count)
        times = self._repeats.due(f"anomaly {kind}", kind, self._now())
        if times is not None:
            self._log.warning("feed.anomaly", kind=kind, items=count, times=times, total=stream.anomalies[kind])

    def refused(self, her_id: int, problem: str) -> None:
        """The API refuses this receiver; it is isolated, the others go on. `problem`: status, error code or title."""
        stream, now = self._progress, self._now()
        problem = clipped(problem)
        stream.poll.heard_at = now
        known = stream.refused.get(her_id)
        if known is not None and known.problem == problem:
            self._log.debug("receiver.still-refused", her_id=her_id, problem=problem)
            return
        stream.refused[her_id] = Refusal(problem, now if known is None else known.since)
        self._state.note_error("receiver-refused", problem, stream=stream.name)
        times = self._repeats.due("refused", "", now, burst=REFUSALS_NAMED)
        if times is not None:
            self._log.warning(
                "receiver.refused", her_id=her_id, problem=problem, times=times, refused_now=len(stream.refused)
            )

    def probed(self) -> None:
        """The API answered one of the many requests by which refused receivers are found: the stream is not stuck."""
        self._progress.poll.heard_at = self._now()

    def accepted(self, her_id: int) -> None:
        """The API takes a receiver again that it refused, or the receiver is gone."""
        if self._progress.refused.pop(her_id, None) is not None:
            self._log.info("receiver.accepted", her_id=her_id, refused_now=len(self._progress.refused))

    def _polls_work(self, *, is_idle: bool) -> None:
        stream = self._progress
        stream.is_idle = is_idle
        stream.restarts_in_a_row = 0
        self._tell_recovery("poll", stream.poll.succeeded(self._now(), waits_on=not is_idle))

    def _count_failed_poll(self, outcome: str) -> None:
        self._metrics.polls.add(1, self._progress.source, outcome)

    def _count_anomaly(self, kind: str, count: int) -> str:
        """Returns the label that it is counted with."""
        stream = self._progress
        kind = closed(kind, ANOMALIES[stream.source])
        self._metrics.feed_anomalies.add(count, stream.source, kind)
        stream.anomalies[kind] += count
        return kind

    def _warn(self, topic: str, code: str, message: str, event: str, **details: float | None) -> None:
        self._state.note_error(f"{topic}-{code}", message, stream=self._progress.name)
        times = self._repeats.due(topic, f"{code}: {message}", self._now())
        if times is not None:
            self._log.warning(event, kind=code, error=message, times=times, **details)

    def _tell_recovery(self, topic: str, failure: Failure | None) -> None:
        if failure is not None and self._repeats.ended(topic):
            after_s = round(self._now() - failure.since, 1)
            self._log.info(f"{topic}.recovered", failures=failure.times, after_s=after_s)

    def _now(self) -> float:
        return self._state.clock.monotonic()
