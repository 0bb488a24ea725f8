"""What is read off the state when metrics are collected, so that no gauge outlives its stream or lags behind it."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bridge.ops.health import readiness
from bridge.ops.state import BridgeState, StreamProgress
from bridge.routes import NO_BROKER, Verdict


class StateGauges(Collector):
    """Register it once in the registry of the process."""

    def __init__(self, state: BridgeState) -> None:
        self._state = state

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: names are checked when they are collected, and the state may not be complete yet."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        state = self._state
        now = state.clock.monotonic()
        streams = sorted(state.streams.values(), key=lambda stream: stream.name)
        yield from self._process(state, now)
        yield from _streams(streams, now, state.clock.now())

    def _process(self, state: BridgeState, now: float) -> Iterator[GaugeMetricFamily]:
        health = readiness(state, now)
        not_ready = {reason.stream for reason in health.reasons if reason.stream is not None}
        owned = sum(stream.is_running for stream in state.streams.values())
        for name, documentation, value in (
            ("bridge_ready", "1 while /readyz gives no reason against it", health.is_ready),
            ("bridge_broker_connected", "1 while there is a connection to the broker", state.broker.is_connected),
            ("bridge_broker_blocked", "1 while the broker takes nothing", state.broker.is_blocked),
            ("bridge_streams_owned", "Streams that run in this process", owned),
            ("bridge_streams_not_ready", "Streams with a reason in /readyz", len(not_ready)),
        ):
            yield GaugeMetricFamily(name, documentation, value=float(value))
        expiry = GaugeMetricFamily(
            "bridge_token_expiry_timestamp_seconds", "Unix time at which the youngest token ends", labels=["issuer"]
        )
        for issuer, ends_at in state.token_expiries.items():
            expiry.add_metric([issuer], ends_at)
        yield expiry
        yield _routes(state)
        orders = GaugeMetricFamily("bridge_orders_watched", "Altinn orders in each state", labels=["state"])
        for order_state, count in (state.orders or {}).items():
            orders.add_metric([order_state], float(count))
        yield orders
        build = GaugeMetricFamily("bridge_build_info", "1, labelled with the version", labels=["version"])
        build.add_metric([state.version], 1.0)
        yield build


def _routes(state: BridgeState) -> GaugeMetricFamily:
    """A queue of two routes is well when both are; one that nobody could look at yet has no sample."""
    contract = GaugeMetricFamily(
        "bridge_route_contract_ok", "0 while a subscriber's queue or a binding of it is missing", labels=["queue"]
    )
    by_queue: dict[str, bool] = {}
    for route, condition in state.routes.known.items():
        if condition.judgement != NO_BROKER:
            is_there = condition.judgement.verdict is not Verdict.MISSING
            by_queue[route.queue] = is_there and by_queue.get(route.queue, True)
    for queue, is_there in by_queue.items():
        contract.add_metric([queue], float(is_there))
    return contract


def _streams(streams: list[StreamProgress], now: float, wall_now: datetime) -> Iterator[GaugeMetricFamily]:
    lag = GaugeMetricFamily(
        "bridge_lag_seconds",
        "0 when the last poll was not full, else now minus the creation of the last committed event; of orders, how "
        "long the oldest has been due; at least how long what was fetched has waited in vain",
        labels=["source", "stream"],
    )
    cursor = GaugeMetricFamily("bridge_cursor_offset", "Offset of the last notification done with", labels=["stream"])
    success = GaugeMetricFamily(
        "bridge_last_success_timestamp_seconds",
        "Unix time of the stream's last successful poll or commit; now, while there is nothing to do",
        labels=["source", "stream"],
    )
    refused = GaugeMetricFamily("bridge_receivers_refused", "Receivers that the API refuses now", labels=["source"])
    refused_by_source: Counter[str] = Counter()
    for stream in streams:
        if stream.source == "nhn":  # the one that has receivers
            refused_by_source[stream.source] += len(stream.refused)
        lag_s = stream.lag_s(wall_now, now)
        if lag_s is not None:
            lag.add_metric([stream.source, stream.name], lag_s)
        if stream.cursor is not None:
            cursor.add_metric([stream.name], float(stream.cursor))
        if (age_s := stream.age_s(stream.last_success_at, now)) is not None:
            success.add_metric([stream.source, stream.name], wall_now.timestamp() - age_s)
    for source, count in refused_by_source.items():
        refused.add_metric([source], float(count))
    yield from (lag, cursor, success, refused)
