"""The Grafana dashboard: what an operator asks first, a row for each question.

    PYTHONPATH=. .venv-tools/bin/python -m deploy.monitoring.dashboard > helm/files/dashboard.json

Every query takes all bridges together: a stream has one owner, whichever of them it is.
"""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, VariableRefresh

from deploy.monitoring.panels import (
    GREEN,
    ORANGE,
    RED,
    SOURCE,
    Panel,
    Query,
    figure,
    graph,
    listing,
    ours,
    quantile,
    rate,
)


def is_everything_delivered() -> list[Panel]:
    """The first glance."""
    good_is_zero = ((None, GREEN), (1, RED))
    return [
        figure(
            "Bridges not ready",
            "Bridges whose /readyz gives a reason; the status page says which.",
            f"sum(1 - {ours('bridge_ready')})",
            unit="none",
            steps=good_is_zero,
        ),
        figure(
            "Furthest behind",
            "Age of the last committed event of the stream that is furthest behind; 0 when all have caught up.",
            f"max({ours('bridge_lag_seconds')})",
            unit="s",
            steps=((None, GREEN), (300, ORANGE), (900, RED)),
        ),
        figure(
            "Longest without success",
            "Since the last successful poll or commit, of the stream where that is longest ago.",
            f"max(time() - max by (stream) ({ours('bridge_last_success_timestamp_seconds')}))",
            unit="s",
            steps=((None, GREEN), (300, ORANGE), (600, RED)),
        ),
        figure(
            "Parked in 24 h",
            "Messages that are in the parked queue instead of their own. They wait for somebody to look.",
            f"sum(increase({ours('bridge_events_parked_total')}[24h]))",
            unit="none",
            steps=good_is_zero,
        ),
        figure(
            "Bridges with a broker",
            "Bridges that are connected to RabbitMQ.",
            f"sum({ours('bridge_broker_connected')})",
            unit="none",
            steps=((None, RED), (1, GREEN)),
        ),
        figure(
            "Delivered in 24 h",
            "Events that the broker confirmed and routed to at least one queue.",
            f"sum(increase({ours('bridge_events_confirmed_total')}[24h]))",
            unit="short",
            steps=((None, GREEN),),
        ),
    ]


def what_was_delivered() -> list[Panel]:
    """The second glance."""
    return [
        graph(
            "Delivered",
            "Events a second that the broker confirmed and routed.",
            Query(rate("bridge_events_confirmed_total", "source, event"), "{{source}} {{event}}"),
            unit="cps",
            stacked=True,
        ),
        graph(
            "Parked",
            "Messages a second that went to the parked queue, by reason.",
            Query(rate("bridge_events_parked_total", "source, reason"), "{{source}} {{reason}}"),
            unit="cps",
            stacked=True,
        ),
        graph(
            "Sent once more",
            "Messages a second that were not confirmed at the first try, by what became of them.",
            Query(rate("bridge_publish_retries_total", "outcome"), "{{outcome}}"),
            unit="cps",
            stacked=True,
        ),
    ]


def how_far_behind() -> list[Panel]:
    """Lag, age and progress."""
    by_stream = f"max by (stream) ({ours('bridge_last_success_timestamp_seconds')})"
    return [
        graph(
            "Lag",
            "0 when the last poll was not full, else the age of the last committed event.",
            Query(f"max by (stream) ({ours('bridge_lag_seconds')})", "{{stream}}"),
            unit="s",
        ),
        graph(
            "Age of events at delivery",
            "From creation at the API to the confirm. The poll interval is part of it.",
            Query(quantile(0.5, "bridge_event_age_seconds"), "half of them"),
            Query(quantile(0.95, "bridge_event_age_seconds"), "95 %"),
            Query(quantile(0.99, "bridge_event_age_seconds"), "99 %"),
            unit="s",
        ),
        graph(
            "Since the last success",
            "Since each stream's last successful poll or commit.",
            Query(f"time() - {by_stream}", "{{stream}}"),
            unit="s",
        ),
    ]


def what_is_stuck() -> list[Panel]:
    """Polls, refusals, restarts, the broker."""
    return [
        graph(
            "Polls",
            "Requests a second by how they ended: full, partial and empty worked, the others failed.",
            Query(rate("bridge_polls_total", "source, outcome"), "{{source}} {{outcome}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            "Not ready, refused, restarted",
            "Streams with a reason in /readyz, receivers that the API refuses, streams started again in 5 minutes.",
            Query(f"sum({ours('bridge_streams_not_ready')})", "streams not ready"),
            Query(f"max by (source) ({ours('bridge_receivers_refused')})", "{{source}} receivers refused"),
            Query(f"sum by (stream) (increase({ours('bridge_stream_restarts_total')}[5m]))", "{{stream}} restarted"),
            unit="none",
        ),
        graph(
            "Broker",
            "Bridges that are connected, and those whose broker takes nothing (memory or disk alarm).",
            Query(f"sum({ours('bridge_broker_connected')})", "connected"),
            Query(f"sum({ours('bridge_broker_blocked')})", "blocked"),
            unit="none",
        ),
        graph(
            "Not as documented",
            "Items of the feed a second that were skipped, parked or published late.",
            Query(rate("bridge_feed_anomalies_total", "source, kind"), "{{source}} {{kind}}"),
            unit="cps",
        ),
        graph(
            "Polls last",
            "Duration of the polls that worked.",
            Query(quantile(0.5, "bridge_poll_seconds"), "half of them"),
            Query(quantile(0.95, "bridge_poll_seconds"), "95 %"),
            unit="s",
        ),
        graph(
            "Confirms last",
            "From the first send of a page to the confirm of its last message, all tries included.",
            Query(quantile(0.5, "bridge_publish_confirm_seconds"), "half of them"),
            Query(quantile(0.95, "bridge_publish_confirm_seconds"), "95 %"),
            unit="s",
        ),
    ]


def who_owns_what() -> list[Panel]:
    """Streams and their owners."""
    return [
        graph(
            "Streams owned",
            "By each bridge. One that owns nothing stands by.",
            Query(f"sum by (instance) ({ours('bridge_streams_owned')})", "{{instance}}"),
            unit="none",
            stacked=True,
        ),
        listing(
            "Owners",
            "Each stream, the bridge that polled it in the last 5 minutes, and how long ago.",
            f"time() - {ours('bridge_last_success_timestamp_seconds')} < 300",
            hidden=["__name__", "container", "endpoint", "namespace", "job"],
            unit="s",
        ),
        graph(
            "Orders watched",
            "Altinn's orders by state, and those that ended in the last 5 minutes by how.",
            Query(f"max by (state) ({ours('bridge_orders_watched')})", "{{state}}"),
            Query(f"sum by (reason) (increase({ours('bridge_orders_closed_total')}[5m]))", "ended: {{reason}}"),
            unit="none",
        ),
    ]


def tokens_and_routes() -> list[Panel]:
    """What lets it in, and where it leads; and what the process needs."""
    return [
        graph(
            "Tokens end in",
            "The youngest token of each issuer; renewed before it ends. Below 0 it has ended.",
            Query(f"max by (issuer) ({ours('bridge_token_expiry_timestamp_seconds')}) - time()", "{{issuer}}"),
            unit="s",
        ),
        graph(
            "Route contract",
            "1 while a subscriber's queue and its bindings are there.",
            Query(f"min by (queue) ({ours('bridge_route_contract_ok')})", "{{queue}}"),
            unit="none",
        ),
        graph(
            "Memory",
            "Of each bridge; steady under 150 MB.",
            Query(f"max by (instance) ({ours('process_resident_memory_bytes')})", "{{instance}}"),
            unit="bytes",
        ),
        listing(
            "Versions",
            "Of each bridge.",
            ours("bridge_build_info"),
            hidden=["__name__", "container", "endpoint", "namespace", "job", "Value"],
            unit="none",
        ),
        graph(
            "CPU",
            "Cores that each bridge uses.",
            Query(f"sum by (instance) (rate({ours('process_cpu_seconds_total')}[$__rate_interval]))", "{{instance}}"),
            unit="none",
        ),
        graph(
            "Cursors move",
            "Offsets a second; offsets have gaps by nature.",
            Query(f"sum by (stream) (deriv({ours('bridge_cursor_offset')}[$__rate_interval]))", "{{stream}}"),
            unit="none",
        ),
    ]


ROWS = {
    "Is everything delivered?": [*is_everything_delivered(), *what_was_delivered()],
    "How far behind?": how_far_behind(),
    "What is stuck?": what_is_stuck(),
    "Who owns what?": who_owns_what(),
    "Tokens, routes and the process": tokens_and_routes(),
}


def labels(name: str, title: str, query: str) -> dashboard.QueryVariable:
    """A choice among the values of a label, all of them at first."""
    return (
        dashboard.QueryVariable(name)
        .label(title)
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def board() -> dashboard.Dashboard:
    """The whole dashboard."""
    filled = (
        dashboard.Dashboard("Notification bridge")
        .uid("notification-bridge")
        .description("Notifications from NHN Meldingstjener and Altinn Notifications to RabbitMQ")
        .tags(["notification-bridge"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(labels("namespace", "Namespace", "label_values(bridge_build_info, namespace)"))
        .with_variable(labels("job", "Job", 'label_values(bridge_build_info{namespace=~"$namespace"}, job)'))
    )
    for title, panels in ROWS.items():
        filled = filled.with_row(dashboard.Row(title))
        for panel in panels:
            filled = filled.with_panel(panel)
    return filled


if __name__ == "__main__":
    print(JSONEncoder(sort_keys=True, indent=1).encode(board().build()))  # noqa: T201 - for a file
