"""Alerts and dashboard speak of metrics that there are, in expressions that Prometheus understands."""

import re

import pytest

from tests.deploy.chart.matrix import MONITORED
from tests.support.chart import ROOT, TOOLS, only, render, run
from tests.support.dashboard import ALERTS, DASHBOARD, METRICS, alerts, metrics_of, shown
from tests.support.prometheus import concrete

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(120)]

RUNBOOK = ROOT / "deploy" / "docs" / "runbook.md"


def test_each_alert_fires_when_it_is_to_and_only_then() -> None:
    run("promtool", "check", "rules", ALERTS)
    run("promtool", "test", "rules", ROOT / "deploy" / "monitoring" / "alerts_test.yaml")


def test_each_alert_is_tested() -> None:
    tests = (ROOT / "deploy" / "monitoring" / "alerts_test.yaml").read_text()
    firing = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:(?! \[\])|alertname: (\w+), exp_alerts: \*", tests))
    assert {name for pair in firing for name in pair if name} == {alert.name for alert in alerts()}


def test_each_alert_has_its_section_in_the_runbook() -> None:
    titles = re.findall(r"^## (Bridge\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert titles == [alert.name for alert in alerts()]
    for alert in alerts():
        assert alert.runbook_url == f"deploy/docs/runbook.md#{alert.name}"


def test_every_section_says_what_it_means_how_to_look_and_what_to_do() -> None:
    _, *sections = re.split(r"^## Bridge\w+$", RUNBOOK.read_text(), flags=re.MULTILINE)
    for section in sections:
        assert re.findall(r"^\*\*(.*?)\*\*", section, re.MULTILINE) == ["What it means.", "How to look.", "What to do."]


def test_only_metrics_that_there_are_are_asked_for() -> None:
    expressions = [*(query.expr for query in shown()), *(alert.expr for alert in alerts())]
    assert set().union(*map(metrics_of, expressions)) <= METRICS


def test_every_documented_metric_is_shown() -> None:
    assert METRICS - set().union(*(metrics_of(query.expr) for query in shown())) == set()


def test_every_expression_can_be_parsed() -> None:
    """By a parser of its own, as Grafana does before it asks."""
    expressions = [concrete(query.expr) for query in shown()]
    run(
        TOOLS / "python", "-c", "import sys, promql_parser as p; [p.parse(expr) for expr in sys.argv[1:]]", *expressions
    )


def test_the_dashboard_is_what_its_code_makes() -> None:
    made = run(TOOLS / "python", "-m", "deploy.monitoring.dashboard")
    assert DASHBOARD.read_text() == made, "make generate"


def test_the_chart_carries_both() -> None:
    manifests = render(MONITORED)
    rules = only(manifests, "PrometheusRule")["spec"]["groups"][0]["rules"]
    assert [rule["alert"] for rule in rules] == [alert.name for alert in alerts()]
    assert rules[0]["annotations"]["runbook_url"] == "https://wiki.example.no/bridge#BridgeAbsent"
    dashboard = only(manifests, "ConfigMap", "bridge-notification-bridge-dashboard")
    assert dashboard["data"]["notification-bridge.json"].strip() == DASHBOARD.read_text().strip()
