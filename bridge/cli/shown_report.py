"""How a report of findings is shown: a table, as wide as the terminal, in colours where there is one."""

import os
import shutil

import click

from bridge.check.report import Report, Verdict
from bridge.check.table import table

COLOURS = {Verdict.OK: "green", Verdict.FAILED: "red", Verdict.WARNING: "yellow", Verdict.NOT_VERIFIABLE: "cyan"}
MAX_WIDTH_CHARS = 110
"""Wider lines are not easier to read."""


def show_report(report: Report) -> None:
    """On standard output."""
    width_chars = min(shutil.get_terminal_size().columns, MAX_WIDTH_CHARS)
    for line in table(report, width_chars=width_chars, paint=_paint):
        click.echo(line)


def _paint(verdict: Verdict, word: str) -> str:
    """In colours, which click takes out again where the output is no terminal."""
    return word if os.environ.get("NO_COLOR") else click.style(word, fg=COLOURS[verdict])
