"""The bridge as a process of its own: started, killed, asked to end, its log kept in a file."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

STOP_TIMEOUT_S = 30.0
STATUS_TIMEOUT_S = 2.0


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class BridgeProcess:
    """`bridge run` with the given settings; its process may change, its store stays."""

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self._port = free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
        self._environment = {**inherited, **settings, "BRIDGE_OPS__PORT": str(self._port)}
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._client = httpx.AsyncClient(timeout=STATUS_TIMEOUT_S, trust_env=False)

    @property
    def pid(self) -> int:
        """The process that runs now."""
        return self._running.pid

    async def start(self) -> None:
        """Start `bridge run`; returns at once."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bridge", "run", env=self._environment, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """SIGKILL: nothing is drained, nothing is tidied up."""
        self._running.kill()
        await self._running.wait()

    async def stop(self) -> int:
        """SIGTERM, and the exit code of the drain; a process that does not end in time is killed."""
        if self._running.returncode is None:
            self._running.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                return await self._running.wait()
        except TimeoutError:
            await self.kill()
            return self._running.returncode or -signal.SIGKILL

    async def ended(self) -> int:
        """The exit code, once the process has ended by itself."""
        return await self._running.wait()

    async def status(self) -> dict[str, Any] | None:
        """What its `/status` says; None while it does not answer."""
        try:
            answer = await self._client.get(f"http://127.0.0.1:{self._port}/status")
            status: dict[str, Any] = msgspec.json.decode(answer.content)
        except (httpx.HTTPError, msgspec.DecodeError):
            return None
        return status

    async def metrics(self) -> str:
        """What its `/metrics` says. Raises httpx.HTTPError while it does not answer."""
        return (await self._client.get(f"http://127.0.0.1:{self._port}/metrics")).text

    async def close(self) -> None:
        """End the process, if it still runs, and what was opened to watch it."""
        await self.stop()
        await self._client.aclose()

    def end_of_log(self, lines: int = 15) -> str:
        """The last lines that it wrote."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("start comes first")
        return self._process
