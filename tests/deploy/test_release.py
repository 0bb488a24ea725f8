"""What surrounds the image and the chart: compose, the Dockerfile, workflows, the changelog."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import bridge
from bridge.settings import settings_reference
from tests.support.chart import ROOT, TOOLS, run
from tests.support.dashboard import ALERTS, DASHBOARD

pytestmark = [pytest.mark.chart, pytest.mark.timeout(300)]

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
COMPOSE = ROOT / "deploy" / "compose.yaml"


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def validate(schema: str, *files: Path) -> None:
    run(TOOLS / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


def test_compose_takes_the_file() -> None:
    validate("compose-spec", COMPOSE)


def test_compose_gives_the_bridge_settings_that_there_are() -> None:
    known = {setting.name for setting in settings_reference()}
    assert {
        name for service in services().values() for name in service.get("environment", {}) if "BRIDGE" in name
    } <= known


def test_compose_mounts_files_that_there_are_the_chart_s_own_among_them() -> None:
    mounts = [mount for service in services().values() for mount in service.get("volumes", ())]
    files = {(COMPOSE.parent / mount.split(":")[0]).resolve() for mount in mounts if mount.startswith(".")}
    assert {file for file in files if not file.exists()} == set()
    assert {ALERTS, DASHBOARD} <= files


def test_compose_opens_ports_of_this_machine_alone_and_waits_for_health() -> None:
    ports = [port for service in services().values() for port in service.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    # The image has the bridges' own.
    assert {name for name, service in services().items() if "healthcheck" not in service} == {"bridge-1", "bridge-2"}


def test_the_dockerfile_keeps_every_policy_but_one_that_is_misled() -> None:
    report = json.loads(
        run(
            *(TOOLS / "checkov", "--framework", "dockerfile", "--file", ROOT / "deploy" / "Dockerfile"),
            *("--output", "json", "--soft-fail", "--compact", "--quiet"),
        )
    )
    # "No tag latest" does not see that BASE has a default, whose tag is another.
    assert [each["check_id"] for each in report["results"]["failed_checks"]] == ["CKV_DOCKER_7"]
    assert report["summary"]["passed"] > 10


def test_workflows_are_what_github_takes() -> None:
    validate("github-workflows", *WORKFLOWS)
    validate("dependabot", ROOT / ".github" / "dependabot.yml")


def test_workflows_have_no_weakness_that_is_known() -> None:
    run(TOOLS / "zizmor", "--offline", "--pedantic", "--no-progress", ROOT / ".github")


def test_every_action_is_pinned_to_a_commit() -> None:
    used = [use for file in WORKFLOWS for use in re.findall(r"uses: (.*)", file.read_text())]
    assert [use for use in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []
    assert len(used) >= 8


def test_the_changelog_has_this_version() -> None:
    (first, *_) = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first == bridge.__version__


def test_a_release_names_its_image_and_what_is_in_it(tmp_path: Path) -> None:
    digest = f"sha256:{'0123456789abcdef' * 4}"
    run(ROOT / "deploy" / "package", "images.example.no/bridge", "v1.2.3", digest, tmp_path)
    (bill,) = tmp_path.glob("*.cdx.json")
    names = {component["name"] for component in json.loads(bill.read_text())["components"]}
    assert {"aio-pika", "httpx", "sqlalchemy"} <= names
    (chart,) = tmp_path.glob("*.tgz")
    image = yaml.safe_load(run(TOOLS / "helm4", "show", "values", chart))["image"]
    assert (image["repository"], image["tag"], image["digest"]) == ("images.example.no/bridge", "v1.2.3", digest)
