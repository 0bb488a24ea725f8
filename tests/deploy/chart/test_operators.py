"""Resources for operators, written out: they were held against the CRDs of the Messaging Topology Operator 1.20 and the
Prometheus Operator 0.93, which take exactly these fields.
"""

from typing import Any

import pytest

from tests.deploy.chart.matrix import MONITORED, TOPOLOGY
from tests.support.chart import MINIMAL, Manifest, merged, only, render

pytestmark = [pytest.mark.chart, pytest.mark.timeout(120)]

WHERE: dict[str, Any] = {"vhost": "/", "rabbitmqClusterReference": {"name": "rabbit", "namespace": "mq"}}
SELECTOR = {
    "matchLabels": {
        "app.kubernetes.io/name": "notification-bridge",
        "app.kubernetes.io/instance": "bridge",
        "app.kubernetes.io/component": "bridge",
    }
}


def specs(manifests: list[Manifest], kind: str) -> list[dict[str, Any]]:
    """Of all resources of this kind."""
    ours = [each for each in manifests if each["apiVersion"] == "rabbitmq.com/v1beta1"]
    return [each["spec"] for each in ours if each["kind"] == kind]


def test_exchanges_and_the_parked_queue_are_as_the_bridge_would_declare_them() -> None:
    manifests = render(TOPOLOGY)
    lasting = {"durable": True, "autoDelete": False}
    assert {spec["name"]: spec for spec in specs(manifests, "Exchange")} == {
        "nhn/v1": {**WHERE, "name": "nhn/v1", "type": "topic", **lasting},
        "altinn.notifications": {**WHERE, "name": "altinn.notifications", "type": "topic", **lasting},
        "bridge.parked": {**WHERE, "name": "bridge.parked", "type": "fanout", **lasting},
    }
    assert {spec["name"]: spec.get("arguments") for spec in specs(manifests, "Queue")} == {
        "bridge.parked": {"x-delivery-limit": 1_000_000},
        "bridge.altinn.orders": {"x-delivery-limit": 1_000_000},
        "journal": None,
        "letters": None,
    }
    assert {(spec["type"], spec["durable"]) for spec in specs(manifests, "Queue")} == {("quorum", True)}


def test_each_subscription_has_its_bindings() -> None:
    bindings = [
        (spec["source"], spec.get("routingKey"), spec["destination"]) for spec in specs(render(TOPOLOGY), "Binding")
    ]
    assert set(bindings) == {
        ("bridge.parked", None, "bridge.parked"),
        ("nhn/v1", "new-message.*", "journal"),
        ("nhn/v1", "apprec.#", "journal"),
        ("altinn.notifications", "#", "letters"),
    }
    names = [each["metadata"]["name"] for each in render(TOPOLOGY) if each["kind"] == "Binding"]
    assert len(set(names)) == 4


def test_the_bridge_s_user_may_write_its_exchanges_and_configure_nothing() -> None:
    (permission,) = specs(render(TOPOLOGY), "Permission")
    assert permission == {
        **WHERE,
        "user": "bridge",
        "permissions": {
            "configure": "^$",
            "write": r"^(nhn/v1|altinn\.notifications|bridge\.parked)$",
            "read": r"^(bridge\.parked|bridge\.altinn\.orders)$",
        },
    }


def test_without_altinn_there_is_nothing_of_it() -> None:
    manifests = render(merged(MINIMAL, {"topology": {"enabled": True}}))
    assert {spec["name"] for kind in ("Exchange", "Queue") for spec in specs(manifests, kind)} == {
        "nhn.notifications",
        "bridge.parked",
    }
    assert specs(manifests, "Permission") == []


def test_prometheus_finds_each_pod() -> None:
    manifests = render(MONITORED)
    pod, service = only(manifests, "PodMonitor"), only(manifests, "ServiceMonitor")
    assert pod["metadata"]["labels"]["release"] == "prometheus"
    assert pod["spec"] == {
        "selector": SELECTOR,
        "podMetricsEndpoints": [{"port": "ops", "path": "/metrics", "interval": "30s"}],
    }
    assert service["spec"] == {
        "selector": SELECTOR,
        "endpoints": [{"port": "ops", "path": "/metrics", "interval": "15s"}],
    }
    service_labels = only(manifests, "Service")["metadata"]["labels"]
    assert SELECTOR["matchLabels"].items() <= service_labels.items()
