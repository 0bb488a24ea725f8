"""The peers, installed beside the project and not with it: in a cache directory, with their registries' own clients."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

INSTALL_TIMEOUT_S = 120.0
MQ_BRIDGE = "mq-bridge==1.2.0"
AMQPLIB = "amqplib@0.10"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notification-bridge-bench"


class NotThere(Exception):
    """A peer that cannot be run here; the message says why."""


async def mq_bridge() -> Path:
    """A Python that has it. Raises NotThere."""
    python = CACHE / "mq-bridge" / "bin" / "python"
    if not (CACHE / "mq-bridge" / "installed").exists():
        await _run(sys.executable, "-m", "venv", "--clear", str(CACHE / "mq-bridge"))
        await _run(str(python), "-m", "pip", "install", "--quiet", MQ_BRIDGE)
        (CACHE / "mq-bridge" / "installed").touch()
    return python


async def amqplib() -> Path:
    """A directory whose node_modules have it. Raises NotThere."""
    home = CACHE / "amqplib"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotThere("node or npm is not installed")
    if not (home / "node_modules" / "amqplib").exists():
        home.mkdir(parents=True, exist_ok=True)
        await _run("npm", "install", "--silent", "--prefix", str(home), AMQPLIB)
    return home


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(INSTALL_TIMEOUT_S):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        raise NotThere(f"`{command[0]}` did not install it within {INSTALL_TIMEOUT_S:g} s") from None
    if code != 0:
        raise NotThere(f"`{Path(command[0]).name}` could not install it")
