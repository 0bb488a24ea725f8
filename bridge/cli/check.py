"""`bridge check`: is all well before going live? A table, or a document, and an exit code."""

import asyncio
import logging
import shutil
import sys
from collections.abc import Sequence

import click
import msgspec

from bridge.check.run import run_checks
from bridge.cli.shown_report import show_report
from bridge.ops.logs import configure
from bridge.settings import load_settings

CLEAR_LINE = "\r\x1b[K"


@click.command(name="check")
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON.")
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> None:
    """Look at everything that `bridge run` needs, and say what to do where something is wrong. Changes nothing.

    Exit code 0: nothing failed (warnings and what cannot be verified do not count); 1: something did; 2: the settings
    are wrong.
    """
    settings = load_settings()
    configure("console", "error")
    # Each connection that fails has its line in the table.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    report = asyncio.run(run_checks(settings, on_progress=_show_progress))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))
    else:
        show_report(report)
    context.exit(0 if report.is_well else 1)


def _show_progress(open_subjects: Sequence[str]) -> None:
    """One line on standard error, for as long as it lasts, where a person may be looking."""
    if sys.stderr.isatty():
        text = f"Looking at {', '.join(open_subjects)} …" if open_subjects else ""
        # A longer one would go on in the next line, which is not wiped away.
        shown = text[: shutil.get_terminal_size().columns - 1]
        click.echo(CLEAR_LINE + shown, err=True, nl=False)
