"""`bridge conformance`: a consumer, in whatever language, put to the test on its own queue."""

import asyncio
import secrets
from functools import partial
from pathlib import Path

import click

from bridge import __version__
from bridge.check.report import make_report
from bridge.cli.shown_report import show_report
from bridge.clock import SystemClock
from bridge.composition.broker import broker_tls
from bridge.conformance.run import Rehearsal
from bridge.conformance.series import DEFAULT_ORDINARY, KNOWN_EVENTS, TAIL, make_series
from bridge.conformance.verdict import judge
from bridge.settings import load_settings

SEEDS = 1_000_000


@click.command(name="conformance")
@click.option("--queue", required=True, metavar="QUEUE", help="The consumer's queue: it has to be there, and empty.")
@click.option(
    "--handled",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the consumer, or who knows of it, writes a line for each event that it handled, its id first.",
)
@click.option("--url", metavar="URL", help="The broker; default: the first of BRIDGE_BROKER__URLS.")
@click.option(
    "--event",
    "events",
    type=click.Choice(KNOWN_EVENTS),
    multiple=True,
    help="An event that the consumer knows; repeatable. Default: all. The others come too, to be passed over.",
)
@click.option("--seed", type=click.IntRange(0), help="Of the series. Default: another each time, so that ids are new.")
@click.option(
    "--ordinary",
    type=click.IntRange(2 * TAIL),
    default=DEFAULT_ORDINARY,
    show_default=True,
    help="Events without anything special. With more of them, ids have to be remembered for longer.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1),
    default=30.0,
    show_default=True,
    help="Seconds without a new event handled after which the waiting ends.",
)
@click.option("--hostile", is_flag=True, help="Also send what is no event. The bridge never does.")
@click.pass_context
def command(
    context: click.Context,
    *,
    queue: str,
    handled: Path,
    url: str | None,
    events: tuple[str, ...],
    seed: int | None,
    ordinary: int,
    timeout_s: float,
    hostile: bool,
) -> None:
    """Send a consumer what it must survive, and judge it by what it says it handled.

    Duplicates, repeats, reorderings, replays, types that nobody knows: invented events, published to QUEUE alone, by
    the default exchange. Nothing is declared or deleted. Exit code 0: nothing failed; 1: something did; 2: wrong usage,
    such as a queue that is missing or has messages in it.
    """
    settings, clock = load_settings(), SystemClock()
    seed = secrets.randbelow(SEEDS) if seed is None else seed
    series = make_series(seed, ordinary=ordinary, is_hostile=hostile)
    known = events or KNOWN_EVENTS
    # The management API of the settings is that of their broker.
    management = settings.broker.management if url is None else None
    rehearsal = Rehearsal(
        series=series,
        queue=queue,
        events=known,
        report=partial(_ids, handled),
        timeout_s=timeout_s,
        tls=broker_tls(settings),
        management_url=None if management is None else management.get(),
    )
    started = clock.monotonic()
    tell = partial(click.echo, err=True)
    tell(f"The series of seed {seed}.")
    left = asyncio.run(rehearsal.run(url or settings.broker.url_source.get()[0], tell=tell, clock=clock))
    findings = judge(series, _ids(handled), left, known)
    report = make_report(findings, version=__version__, seconds=clock.monotonic() - started)
    show_report(report)
    context.exit(0 if report.is_well else 1)


def _ids(handled: Path) -> list[str]:
    """The first word of each line; nothing while there is no file."""
    try:
        text = handled.read_text(errors="replace")
    except FileNotFoundError:
        return []
    return [words[0] for line in text.splitlines() if (words := line.split(maxsplit=1))]
