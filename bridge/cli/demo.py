"""`bridge demo`: the whole system on this machine, with a proof at its end."""

import asyncio
import tempfile
from pathlib import Path

import click
from rich.console import Console

from bridge.demo.show import Demo, DemoPlan
from bridge.demo.view import View
from bridge.errors import BridgeError
from bridge.ops.logs import configure
from bridge.settings import load_settings


class ProofFailed(BridgeError):
    """A claim of the demo does not hold."""


@click.command(name="demo")
@click.option("--seconds", type=click.FloatRange(6, 600), default=30, show_default=True, help="Create for so long.")
@click.option("--rate", type=click.FloatRange(1, 2000), default=200, show_default=True, help="Notifications a second.")
@click.option("--plain", is_flag=True, help="Plain lines, in a terminal too.")
def command(seconds: float, rate: float, plain: bool) -> None:
    """The whole system on this machine: sandbox API, bridge, RabbitMQ, subscriber, two accidents, a proof.

    The broker is the one of BRIDGE_BROKER__URLS (default: localhost); `make demo` provides one. What the demo makes
    there has names of its own and is deleted at the end.
    """
    settings = load_settings()
    configure("console", "error")
    console = Console(force_terminal=False if plain else None)
    view = View(console)
    with tempfile.TemporaryDirectory(prefix="bridge-demo-") as directory:
        demo = Demo(
            settings.broker.url_source.get()[0], Path(directory), view, DemoPlan(seconds=seconds, rate_per_s=rate)
        )
        with view.shown():
            claims = asyncio.run(demo.run())
    holds = all(claim.holds for claim in claims)
    view.proof(claims, exit_code=0 if holds else 1)
    if not holds:
        raise ProofFailed("The demo's proof does not hold: see the lines marked BROKEN.")
