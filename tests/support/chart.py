"""The chart as helm renders it. The tools are those of deploy/tools, in an environment of their own."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
TOOLS = ROOT / ".venv-tools" / "bin"
HELM_3 = TOOLS / "helm3"
HELM_4 = TOOLS / "helm4"
RELEASE = "bridge"
NAMESPACE = "integration"

Values = dict[str, Any]
Manifest = dict[str, Any]

MINIMAL: Values = {
    "settings": {"nhn": {"source_system": "My-EPJ, v1.0.2", "auth": {"client_id": "ed1ca3f2"}}},
    "herIds": {"files": {"default": [6789, 8142520]}},
    "secrets": {
        "brokerUrls": {"name": "bridge-broker"},
        "storeUrl": {"name": "bridge-store"},
        "nhnPrivateKey": {"name": "bridge-helseid"},
    },
}
"""As little as a bridge for NHN with PostgreSQL needs."""


class ToolFailedError(Exception):
    """What a tool said that refused or failed: helm, promtool and the others."""


def run(*command: str | Path) -> str:
    """What a tool prints; raises with all that it said where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own
    if done.returncode != 0:
        raise ToolFailedError(done.stdout + done.stderr)
    return done.stdout


def merged(base: Values, over: Values) -> Values:
    """`base` with `over` laid upon it, as helm does with two files of values; None takes a value away."""
    result = dict(base)
    for name, value in over.items():
        inner = result.pop(name, None)
        if value is not None:
            result[name] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def render(values: Values, *, helm: Path = HELM_3) -> list[Manifest]:
    """Every manifest that a release with these values has, in helm's order. Raises ToolFailedError."""
    return [manifest for manifest in yaml.safe_load_all(_template(helm, yaml.safe_dump(values))) if manifest]


@cache
def _template(helm: Path, values: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(values)
        file.flush()
        return run(helm, "template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", file.name)


def only(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The one manifest of this kind (and name)."""
    (found,) = (each for each in manifests if each["kind"] == kind and name in {None, each["metadata"]["name"]})
    return found


def pod_spec(manifests: list[Manifest]) -> dict[str, Any]:
    """Of the bridges' pods."""
    kind = "StatefulSet" if any(each["kind"] == "StatefulSet" for each in manifests) else "Deployment"
    spec: dict[str, Any] = only(manifests, kind)["spec"]["template"]["spec"]
    return spec
