"""Every manifest that the chart makes is one that Kubernetes takes: by both helms, by its schemas, by policies."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.deploy.chart.matrix import MATRIX
from tests.support.chart import CHART, HELM_3, HELM_4, TOOLS, Values, render, run

pytestmark = [pytest.mark.chart, pytest.mark.timeout(300)]

KUBERNETES_VERSIONS = ("1.27.0", "1.32.0", "1.37.0")
"""From the oldest that Chart.yaml admits to the newest."""
CUSTOM_GROUPS = ("monitoring.coreos.com/", "rabbitmq.com/")
"""Resources of operators: what they are is written out in test_operators.py."""
POLICIES_NOT_KEPT = {
    "CKV_K8S_11": "no limit of CPU: a bridge that is throttled falls behind for nothing",
    "CKV_K8S_15": "the image is named by its digest in the values of whoever goes live, and then always the same",
    "CKV_K8S_43": "same: the chart cannot know the digest; values.yaml says so",
}
NO_PROBES = {
    "CKV_K8S_8": "the pod of `helm test` ends by itself, within its deadline",
    "CKV_K8S_9": "same: nothing waits for it to be ready",
}


@pytest.mark.parametrize("helm", [HELM_3, HELM_4], ids=["helm3", "helm4"])
@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_helm_finds_nothing_to_complain_of(helm: Path, values: Values, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    assert "0 chart(s) failed" in run(helm, "lint", "--strict", CHART, "--values", file)


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_both_versions_of_helm_make_the_same(values: Values) -> None:
    assert render(values, helm=HELM_3) == render(values, helm=HELM_4)


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_kubernetes_knows_every_field(version: str, tmp_path: Path) -> None:
    """Strictly: a misspelt field, which Kubernetes would pass over, is found."""
    files = []
    for name, values in MATRIX.items():
        manifests = [each for each in render(values) if not each["apiVersion"].startswith(CUSTOM_GROUPS)]
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump_all(manifests))
    run(TOOLS / "kubernetes-validate", "-k", version, "--strict", "--no-warn", *files)


def test_every_manifest_keeps_the_policies_but_those_that_have_a_reason(tmp_path: Path) -> None:
    for name, values in MATRIX.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(render(values)))
    report = json.loads(
        run(
            *(TOOLS / "checkov", "--framework", "kubernetes", "--directory", tmp_path, "--output", "json"),
            *("--soft-fail", "--compact", "--quiet"),
        )
    )
    failed = [
        (each["check_id"], each["check_name"], each["resource"])
        for each in report["results"]["failed_checks"]
        if each["check_id"] not in POLICIES_NOT_KEPT
        and not (each["check_id"] in NO_PROBES and each["resource"].startswith("Pod."))
    ]
    assert failed == []
    assert report["summary"]["passed"] > 1000


@pytest.mark.parametrize("helm", [HELM_3, HELM_4], ids=["helm3", "helm4"])
def test_the_chart_is_packed_without_what_is_not_for_it(helm: Path, tmp_path: Path) -> None:
    run(helm, "package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("notification-bridge-*.tgz")
    shutil.unpack_archive(package, tmp_path / "unpacked")
    names = {path.name for path in (tmp_path / "unpacked" / "notification-bridge").iterdir()}
    assert names == {
        ".helmignore",
        "Chart.yaml",
        "LICENSE",
        "README.md",
        "files",
        "templates",
        "values.schema.json",
        "values.yaml",
    }
