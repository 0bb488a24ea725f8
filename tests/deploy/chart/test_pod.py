"""How the chart runs a bridge: what it may do, when it is taken away, what starts it anew."""

from typing import Any

import pytest

from tests.deploy.chart.matrix import EVERYTHING_ELSE, MATRIX, SQLITE, SWITCHED_OFF
from tests.support.chart import MINIMAL, Values, merged, only, pod_spec, render

pytestmark = [pytest.mark.chart, pytest.mark.timeout(120)]

NAME = "bridge-notification-bridge"


def checksum(values: Values, kind: str = "Deployment") -> str:
    text: str = only(render(values), kind)["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
    return text


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_every_pod_is_admitted_where_pod_security_is_restricted(values: Values) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    for spec in (pod_spec(render(values)), only(render(values), "Pod")["spec"]):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        assert {next(iter(volume.keys() - {"name"})) for volume in spec["volumes"]} <= {
            "configMap",
            "emptyDir",
            "projected",
        }
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
            }


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_no_pod_gets_a_token_or_variables_of_kubernetes(values: Values) -> None:
    """A Service called `bridge` would be told as BRIDGE_… variables, which are settings."""
    for spec in (pod_spec(render(values)), only(render(values), "Pod")["spec"]):
        assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_files_are_mounted_as_directories_so_that_they_change(values: Values) -> None:
    (container,) = pod_spec(render(values))["containers"]
    assert [mount for mount in container["volumeMounts"] if "subPath" in mount] == []


def test_a_pod_may_take_longer_to_end_than_a_drain() -> None:
    assert pod_spec(render(MINIMAL))["terminationGracePeriodSeconds"] == 35
    slow = merged(MINIMAL, {"settings": {"shutdown_deadline_s": 119.5}})
    assert pod_spec(render(slow))["terminationGracePeriodSeconds"] == 130
    assert pod_spec(render(EVERYTHING_ELSE))["terminationGracePeriodSeconds"] == 90


def test_other_receivers_start_no_pod_anew_but_other_settings_do() -> None:
    assert checksum(merged(MINIMAL, {"herIds": {"files": {"default": [7001]}}})) == checksum(MINIMAL)
    assert checksum(merged(MINIMAL, {"settings": {"nhn": {"poll_interval_s": 30}}})) != checksum(MINIMAL)


def test_a_new_bridge_is_ready_before_an_old_one_hands_over() -> None:
    spec = only(render(MINIMAL), "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_sqlite_has_one_bridge_and_a_volume() -> None:
    manifests = render(SQLITE)
    spec = only(manifests, "StatefulSet")["spec"]
    assert (spec["replicas"], spec["serviceName"]) == (1, NAME)
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "2Gi"}},
    }
    assert [each["kind"] for each in manifests if each["kind"] in {"Deployment", "PodDisruptionBudget"}] == []


def test_replicas_are_spread_and_taken_away_one_at_a_time() -> None:
    manifests = render(MINIMAL)
    selector = {
        "matchLabels": {
            "app.kubernetes.io/name": "notification-bridge",
            "app.kubernetes.io/instance": "bridge",
            "app.kubernetes.io/component": "bridge",
        }
    }
    budget = only(manifests, "PodDisruptionBudget")["spec"]
    assert budget == {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": selector}
    assert pod_spec(manifests)["topologySpreadConstraints"] == [
        {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector}
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def test_the_status_can_be_read_while_a_bridge_is_not_ready() -> None:
    assert only(render(MINIMAL), "Service")["spec"] == {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": only(render(MINIMAL), "Deployment")["spec"]["selector"]["matchLabels"],
        "ports": [{"name": "ops", "port": 8080, "targetPort": "ops", "protocol": "TCP"}],
    }


def test_only_apis_broker_store_and_dns_are_reached() -> None:
    policy = only(render(MINIMAL), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [_ports(rule) for rule in policy["egress"]] == [
        ["UDP 53", "TCP 53"],
        ["TCP 443"],
        ["TCP 5671", "TCP 5672", "TCP 15671", "TCP 15672"],
        ["TCP 5432"],
    ]
    assert [_ports(rule) for rule in only(render(SQLITE), "NetworkPolicy")["spec"]["egress"]][3:] == []


def test_a_narrower_policy_names_broker_and_store() -> None:
    egress = only(render(EVERYTHING_ELSE), "NetworkPolicy")["spec"]["egress"]
    assert egress[2] == {
        "ports": [{"protocol": "TCP", "port": 5671}],
        "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "rabbitmq"}}}],
    }
    assert egress[3]["to"] == [{"ipBlock": {"cidr": "10.1.2.3/32"}}]
    assert egress[4] == {"to": [{"ipBlock": {"cidr": "10.9.9.9/32"}}], "ports": [{"port": 3128}]}


def test_the_pod_of_helm_test_has_the_bridge_s_network_but_not_its_service() -> None:
    manifests = render(MINIMAL)
    labels = only(manifests, "Pod")["metadata"]["labels"]
    assert only(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert not only(manifests, "Service")["spec"]["selector"].items() <= labels.items()
    (container,) = only(manifests, "Pod")["spec"]["containers"]
    (bridge,) = pod_spec(manifests)["containers"]
    same = ("image", "env", "volumeMounts", "securityContext", "resources")
    assert [container[name] for name in same] == [bridge[name] for name in same]
    assert (container["args"], bridge["args"]) == (["check"], ["run"])


def test_what_is_switched_off_is_not_there() -> None:
    kinds = {each["kind"] for each in render(SWITCHED_OFF)}
    assert kinds == {"ServiceAccount", "ConfigMap", "Service", "Deployment", "Pod"}


def test_the_image_is_the_one_that_was_tested_where_its_digest_is_given() -> None:
    assert pod_spec(render(EVERYTHING_ELSE))["containers"][0]["image"] == (
        "images.example.no/bridge:1.2.3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )


def _ports(rule: dict[str, Any]) -> list[str]:
    return [f"{port['protocol']} {port['port']}" for port in rule["ports"]]
