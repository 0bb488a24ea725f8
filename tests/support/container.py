"""The bridge's image, run by podman as Kubernetes would run it: read-only, by a number, without capabilities."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from bridge.demo.process import free_port

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/notification-bridge:test"
PODMAN = ("podman", "--runtime", str(ROOT / "deploy" / "image" / "runtime"))
USER = 10001
HARDENED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--pids-limit=64")
UNWATCHED = "--no-healthcheck"
"""Kubernetes has its own probes, and podman's timer needs systemd."""


class PodmanFailedError(Exception):
    """What podman said."""


async def podman(*arguments: str) -> str:
    """What podman prints on standard output; raises PodmanFailedError with all that it said."""
    process = await asyncio.create_subprocess_exec(
        *PODMAN,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise PodmanFailedError(output.decode() + errors.decode())
    return output.decode()


async def log_of(container: str) -> str:
    """Both streams: podman writes a container's standard error to its own."""
    process = await asyncio.create_subprocess_exec(
        *PODMAN, "logs", container, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode()


class Container:
    """A bridge in a container. Made by `running`."""

    def __init__(self, name: str, port: int, client: httpx.AsyncClient) -> None:
        self.name = name
        self.client = client
        self._port = port

    async def get(self, path: str) -> httpx.Response:
        """An answer of its ops port."""
        return await self.client.get(f"http://127.0.0.1:{self._port}{path}")

    async def is_ready(self) -> bool:
        try:
            return (await self.get("/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def inspect(self) -> dict[str, Any]:
        """What podman knows of it."""
        (document,) = json.loads(await podman("container", "inspect", self.name))
        return dict(document)

    async def process(self) -> dict[str, str]:
        """What the kernel says of its process 1 (proc(5), status)."""
        text = await asyncio.to_thread(Path(f"/proc/{(await self.inspect())['State']['Pid']}/status").read_text)
        return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}

    async def stop(self) -> int:
        """SIGTERM, SIGKILL after 30 s; the exit code."""
        await podman("stop", "--time=30", self.name)
        return int((await self.inspect())["State"]["ExitCode"])

    async def log(self) -> str:
        """What it wrote."""
        return await log_of(self.name)


@asynccontextmanager
async def running(
    settings: Mapping[str, str], *, directory: Path, command: tuple[str, ...] = ("run",)
) -> AsyncIterator[Container]:
    """A container with these settings; `directory` is mounted at its own path, and belongs to its user."""
    name, port = f"bridge-test-{uuid4().hex[:8]}", free_port()
    environment = {**settings, "BRIDGE_OPS__PORT": str(port)}
    give(directory)
    await podman(
        *("run", "--detach", "--name", name, "--network=host", UNWATCHED, *HARDENED),
        *("--volume", f"{directory}:{directory}", "--volume", f"{directory}:/var/lib/bridge"),
        *(f"--env={key}={value}" for key, value in environment.items()),
        *(IMAGE, *command),
    )
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        try:
            yield Container(name, port, client)
        finally:
            await podman("rm", "--force", "--time=0", "--volumes", name)


def give(directory: Path) -> None:
    """Make everything there the image's user's."""
    for path in (directory, *directory.rglob("*")):
        shutil.chown(path, USER, USER)
