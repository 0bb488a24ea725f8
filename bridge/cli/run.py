"""`bridge run`: the service."""

import asyncio

import click

from bridge.app import run_bridge
from bridge.cli import is_debug
from bridge.errors import BridgeError
from bridge.ops.logs import configure
from bridge.settings import load_settings, settings_file


class DrainCutOff(BridgeError):
    """The drain ended with work in flight."""


@click.command(name="run")
def command() -> None:
    """Poll, publish, commit: the service. SIGTERM drains, a second signal ends at once."""
    settings = load_settings()
    configure(settings.log.format, settings.log.level, debug=is_debug())
    if (why := asyncio.run(run_bridge(settings, file=settings_file()))) is not None:
        raise DrainCutOff(f"The drain was cut off {why}: what was in flight is not committed and will be sent again.")
