"""A pod as the chart renders it, run by podman, which knows no projected Secrets: a directory stands for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from tests.support.chart import Manifest, Values, only, pod_spec, render
from tests.support.container import give, podman


class Pod:
    """Made by `playing`."""

    def __init__(self, name: str, container: str, volumes: dict[str, str]) -> None:
        self.container = f"{name}-{container}"
        self._name = name
        self._volumes = volumes

    async def replace(self, volume: str, file: str, text: str) -> None:
        """Put another text in a file of a ConfigMap, as the kubelet does: by a rename."""
        directory = Path((await podman("volume", "inspect", "--format={{.Mountpoint}}", self._volumes[volume])).strip())
        new = directory / ".new"
        new.write_text(text)
        new.rename(directory / file)

    async def wait(self) -> int:
        """The container's exit code, once it has ended by itself."""
        return int(await podman("wait", self.container))

    async def stop(self) -> int:
        """Ask it to end, as Kubernetes does; the container's exit code."""
        await podman("pod", "stop", "--time=35", self._name)
        return int(await podman("inspect", "--format={{.State.ExitCode}}", self.container))


@asynccontextmanager
async def playing(values: Values, *, secrets: Path, check: bool = False) -> AsyncIterator[Pod]:
    """The bridge's pod, or with `check` that of `helm test`. `secrets`: has a file for each mounted Secret."""
    name = f"bridge-test-{uuid4().hex[:8]}"
    manifests = render({**values, "fullnameOverride": name})
    spec = only(manifests, "Pod")["spec"] if check else pod_spec(manifests)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    claim = _adapt(spec, name, secrets)
    give(secrets)
    file = secrets.parent / f"{name}.yaml"
    configuration = [each for each in manifests if each["kind"] == "ConfigMap"]
    file.write_text(yaml.safe_dump_all([*configuration, *claim, pod]))
    try:
        await podman("play", "kube", "--network=host", str(file))
        yield Pod(name, spec["containers"][0]["name"], {each["name"]: _volume(each) for each in spec["volumes"]})
    finally:
        await podman("pod", "rm", "--force", "--ignore", name)
        await podman("volume", "rm", "--force", *filter(None, map(_volume, spec["volumes"])))


def _adapt(spec: dict[str, Any], name: str, secrets: Path) -> list[Manifest]:
    """Take out what podman does not know, put in what stands for it; the claim of a volume, if one is wanted."""
    spec["hostNetwork"] = True
    (container,) = spec["containers"]
    for unknown in ("startupProbe", "livenessProbe", "readinessProbe", "ports"):
        container.pop(unknown, None)
    for volume in spec["volumes"]:
        if volume.pop("projected", None) is not None:
            volume["hostPath"] = {"path": str(secrets)}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    if "data" not in mounted - {volume["name"] for volume in spec["volumes"]}:
        return []
    spec["volumes"].append({"name": "data", "persistentVolumeClaim": {"claimName": f"{name}-data"}})
    metadata = {"name": f"{name}-data"}
    return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": {}}]


def _volume(volume: dict[str, Any]) -> str:
    """Podman's name of a pod's volume; empty where it is no volume of podman's."""
    claim, config_map = volume.get("persistentVolumeClaim", {}), volume.get("configMap", {})
    return str(claim.get("claimName") or config_map.get("name") or "")
