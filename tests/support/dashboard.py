"""The dashboard and the alerts as data, and the names of all metrics."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

CHART = Path(__file__).parents[2] / "helm"
ALERTS = CHART / "files" / "alerts.yaml"
DASHBOARD = CHART / "files" / "dashboard.json"

METRICS = frozenset(
    {
        "bridge_events_confirmed_total",
        "bridge_events_parked_total",
        "bridge_polls_total",
        "bridge_poll_seconds_bucket",
        "bridge_publish_confirm_seconds_bucket",
        "bridge_event_age_seconds_bucket",
        "bridge_lag_seconds",
        "bridge_cursor_offset",
        "bridge_last_success_timestamp_seconds",
        "bridge_broker_connected",
        "bridge_broker_blocked",
        "bridge_route_contract_ok",
        "bridge_streams_owned",
        "bridge_orders_watched",
        "bridge_token_expiry_timestamp_seconds",
        "bridge_build_info",
        # Not named in the interface, but shown by the bridge.
        "bridge_ready",
        "bridge_streams_not_ready",
        "bridge_receivers_refused",
        "bridge_stream_restarts_total",
        "bridge_orders_closed_total",
        "bridge_feed_anomalies_total",
        "bridge_publish_retries_total",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    }
)
ELSEWHERE = ("bridge_orders_watched", "bridge_orders_closed_total")
"""Shown by what is not switched on in a bridge for NHN alone."""


class Shown(NamedTuple):
    """One query of the dashboard."""

    panel: str
    kind: str
    unit: str
    legend: str
    expr: str


def shown() -> Iterator[Shown]:
    """Every query, in the dashboard's order."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            unit = panel["fieldConfig"]["defaults"].get("unit", "none")
            yield Shown(panel["title"], panel["type"], unit, target.get("legendFormat", ""), target["expr"])


class Alert(NamedTuple):
    """One alert."""

    name: str
    expr: str
    runbook_url: str


def alerts() -> list[Alert]:
    """Every alert."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return [Alert(rule["alert"], rule["expr"], rule["annotations"]["runbook_url"]) for rule in group["rules"]]


def metrics_of(expr: str) -> set[str]:
    """The metrics that an expression names."""
    return set(re.findall(r"\b(?:bridge|process)_[a-z_]+", expr))
