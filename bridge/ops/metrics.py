"""The counters and histograms of product.md §10, in a registry of their own. What the state tells is in `gauges`.

Labels are closed sets; what is not in its set is counted as `other`, so that no value from outside makes a series.
"""

from collections.abc import Collection, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from bridge.checkpoints import ClosedState
from bridge.events.message import SourceName
from bridge.events.parked import Reason
from bridge.ops.collectors import PageCounter, PageHistogram

OTHER = "other"
EVENTS: dict[SourceName, tuple[str, ...]] = {
    "nhn": ("new-message", "refused", "sent-state", "apprec", "delivery-state", OTHER),
    "altinn": ("email-status", "order-closed", OTHER),
}
"""Event names of product.md §4."""
SOURCES: tuple[SourceName, ...] = ("nhn", "altinn")
POLL_OUTCOMES = ("full", "partial", "empty", "unavailable", "sign-in", "rejected")
"""Three of polls that worked, three of polls that failed: a failed one is never an empty one (G6)."""
ANOMALIES: dict[SourceName, tuple[str, ...]] = {
    "nhn": ("unsorted", "repeated", "already-seen", "no-progress", "late", "without-offset", "malformed", OTHER),
    "altinn": ("repeated", "late", "malformed", "unknown-status", OTHER),
}
INTERRUPTIONS = {
    "refused": "the broker refuses messages (nack), as a queue that is full or without a leader does",
    "unknown": "no confirm came before the session with the broker ended",
    "held": "no queue is bound for messages, which wait until one is",
    "unavailable": "no broker could be reached",
    "route-missing": "messages wait until the route contract is seen to be kept",
}
"""Why messages are sent once more, each as a clause."""
PARKED_REASONS: tuple[str, ...] = get_args(Reason)
CLOSED_REASONS: tuple[str, ...] = (*get_args(ClosedState), OTHER)

POLL_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""From a loopback answer to all four phases of the HTTP timeout used up."""
CONFIRM_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300)
"""From one event on an idle broker to a page that waits for a broker to come back."""
AGE_BUCKETS_S = (0.01, 0.05, 0.25, 1, 5, 15, 30, 60, 120, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200, 604_800)
"""From a poll without interval, over the default interval of 60 s, to catching up after a week."""


def closed(value: str, known: Collection[str]) -> str:
    """The value if it belongs to the closed set, else `other`."""
    return value if value in known else OTHER


class Metrics:
    """The process's metrics. Updated once a page, never once an event."""

    def __init__(self, *, sources: Sequence[SourceName] = SOURCES, per_her_id: bool = False) -> None:
        """`sources`: those that are on. Their series start at 0, so that a rate sees the first count.

        `per_her_id`: `OPS__METRICS_PER_HER_ID`, the one way in which a HER-id becomes a label.
        """
        self.registry = CollectorRegistry()
        self.receiver_events_confirmed: PageCounter | None = None
        if per_her_id:
            self.receiver_events_confirmed = self._counter(
                "bridge_receiver_events_confirmed", "Events confirmed and routed, by receiver", "her_id"
            )
        self._count()
        self._measure()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        for source in sources:
            self._start_at_zero(source)

    def _count(self) -> None:
        self.events_confirmed = self._counter(
            "bridge_events_confirmed",
            "Events that the broker confirmed and routed to at least one queue",
            "source",
            "event",
        )
        self.events_parked = self._counter(
            "bridge_events_parked",
            "Messages that are in the parked queue instead of their own, confirmed there",
            "source",
            "reason",
        )
        self.polls = self._counter("bridge_polls", "Requests to the API by how they ended", "source", "outcome")
        self.feed_anomalies = self._counter(
            "bridge_feed_anomalies",
            "What the API showed otherwise than documented; skipped, parked or published late",
            "source",
            "kind",
        )
        self.publish_retries = self._counter(
            "bridge_publish_retries",
            "Messages to be sent once more, by what became of them the last time",
            "source",
            "outcome",
        )
        self.orders_closed = self._counter(
            "bridge_orders_closed", "Altinn orders that are not watched any more, by how they ended", "reason"
        )
        self.stream_restarts = self._counter(
            "bridge_stream_restarts", "Streams started again by the watchdog or after an error", "source", "stream"
        )

    def _measure(self) -> None:
        self.poll_seconds = PageHistogram(
            "bridge_poll_seconds", "Duration of a poll that worked", POLL_BUCKETS_S, registry=self.registry
        )
        self.publish_confirm_seconds = PageHistogram(
            "bridge_publish_confirm_seconds",
            "From the first send of a page to the confirm of its last message, all tries included",
            CONFIRM_BUCKETS_S,
            registry=self.registry,
        )
        self.event_age_seconds = PageHistogram(
            "bridge_event_age_seconds",
            "From an event's creation at the API to its page's confirm; each event counts",
            AGE_BUCKETS_S,
            registry=self.registry,
        )

    def _counter(self, name: str, documentation: str, *labels: str) -> PageCounter:
        return PageCounter(name, documentation, labels, registry=self.registry)

    def _start_at_zero(self, source: SourceName) -> None:
        for counter, values in (
            (self.events_confirmed, EVENTS[source]),
            (self.events_parked, (*PARKED_REASONS, OTHER)),
            (self.polls, POLL_OUTCOMES),
            (self.feed_anomalies, ANOMALIES[source]),
            (self.publish_retries, (*INTERRUPTIONS, OTHER)),
        ):
            for value in values:
                counter.add(0, source, value)
        if source == "altinn":
            for reason in CLOSED_REASONS:
                self.orders_closed.add(0, reason)
