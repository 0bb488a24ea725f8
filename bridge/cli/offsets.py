"""`bridge offsets`: where each receiver stands in NHN's feed, and moving them."""

import asyncio
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

import click
import msgspec

from bridge.cli.columns import aligned
from bridge.cli.given import NOBODY_TO_ASK, moment, read_ids
from bridge.cli.offset_list import Place, page_of, table
from bridge.clock import SystemClock
from bridge.errors import ConfigurationError
from bridge.nhn.decode import MAX_OFFSET
from bridge.offsets import document
from bridge.offsets.apply import apply, require_free
from bridge.offsets.moves import rows
from bridge.offsets.plan import Plan, known_receivers, plan_import, plan_set
from bridge.offsets.target import Target
from bridge.ops.logs import configure
from bridge.settings import Settings, load_settings
from bridge.settings.her_ids import MAX_HER_ID, RANGE, her_id_of
from bridge.store import NoStoreYet

HEADINGS = ("TENANT", "STREAM", "HER-ID", "FROM", "TO")
MAX_ROWS = 20
"""Of more rows than these only the number is told."""


def _offset(value: str) -> int | Literal["earliest", "latest"]:
    if value in {"earliest", "latest"}:
        return "earliest" if value == "earliest" else "latest"
    if value.isascii() and value.isdigit() and int(value) <= MAX_OFFSET:
        return int(value)
    raise click.BadParameter("it is neither an offset of 0 or more, nor earliest or latest.")


def _place(value: str) -> Place:
    tenant, _, her_id = value.partition("/")
    if (number := her_id_of(her_id)) is None:
        raise click.BadParameter("it is no tenant and HER-id, such as default/7001.")
    return tenant, number


_tenant = click.option("--tenant", metavar="NAME", help="Only receivers of this tenant.")
_her_id = click.option(
    "--her-id", "her_ids", type=click.IntRange(1, MAX_HER_ID), multiple=True, metavar="ID", help="Repeatable."
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only show what would be done.")


@click.group(name="offsets")
def command() -> None:
    """Show and move cursors: where in NHN's feed each HER-id stands.

    An offset is that of the last notification that is done with: what comes after it is published next.
    """


@command.command(name="list")
@_tenant
@_her_id
@click.option("--after", type=_place, metavar="TENANT/ID", help="Only those that come after this one.")
@click.option("--limit", type=click.IntRange(1, 50_000), default=100, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="The page as JSON.")
def list_offsets(
    *, tenant: str | None, her_ids: tuple[int, ...], after: Place | None, limit: int, as_json: bool
) -> None:
    """Show where each HER-id stands, by tenant and HER-id, a page at a time.

    `sharing`: it has its stream's cursor. `catching-up`, `ahead`: it has one of its own, until the two meet. `retired`:
    it is not wanted now, and keeps its place for its return.
    """
    receivers = asyncio.run(known_receivers(load_settings(), SystemClock()))
    wanted = [
        each for each in receivers if tenant in {None, each.tenant} and (not her_ids or each.her_id in set(her_ids))
    ]
    page = page_of(wanted, after=after, limit=limit)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(page), indent=2))
        return
    for line in table(page):
        click.echo(line)
    if page.next_after is not None:
        click.echo(f"There are more: add --after {page.next_after}", err=True)


@command.command(name="set")
@click.argument("arguments", metavar="[ID|-]...", nargs=-1)
@_her_id
@click.option("--file", type=click.File(errors="replace"), metavar="FILE", help="HER-ids, one a line, `#` comments.")
@click.option("--all", "everybody", is_flag=True, help="Every HER-id that is in a stream.")
@_tenant
@click.option("--to", type=_offset, metavar="OFFSET", help="A number, `earliest`, or `latest`, which never goes back.")
@click.option(
    "--to-time", type=moment, metavar="TIME", help="Next come those created at this time (ISO 8601) or later."
)
@_yes
@_dry_run
def set_offsets(
    *,
    arguments: tuple[str, ...],
    her_ids: tuple[int, ...],
    file: IO[str] | None,
    everybody: bool,
    tenant: str | None,
    to: int | Literal["earliest", "latest"] | None,
    to_time: datetime | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """Move HER-ids to another offset: what comes after it is published next, again or leaving something out.

    Shows what that repeats or skips, and asks. Others are not disturbed: who is moved catches up alone, and joins them.
    With PostgreSQL the bridges go on running; with SQLite the bridge has to be stopped.
    """
    named = [*read_ids(arguments, file, her_id_of, kind="HER-id", fix=f"give {RANGE}"), *her_ids]
    target: Target | None = to if to_time is None else to_time
    if target is None or (to is not None and to_time is not None):
        raise ConfigurationError("Say where to: either --to or --to-time.")
    if bool(named) == everybody:
        raise ConfigurationError("Say who is meant: HER-ids, `-` for standard input, --file, or --all.")
    settings = _prepared(yes=yes, dry_run=dry_run)
    if not dry_run:
        asyncio.run(require_free(settings, SystemClock()))
    plan = asyncio.run(
        plan_set(settings, SystemClock(), tenant=tenant, her_ids=set(named), everybody=everybody, target=target)
    )
    _carry_out(settings, plan, yes=yes, dry_run=dry_run)


@command.command(name="export")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Default: standard output."
)
@_tenant
def export_offsets(*, out: Path | None, tenant: str | None) -> None:
    """Write every HER-id's offset as JSON, of the retired ones too, for `bridge offsets import`."""
    clock = SystemClock()
    receivers = asyncio.run(known_receivers(load_settings(), clock))
    entries = [
        document.Entry(tenant=each.tenant, her_id=each.her_id, offset=each.offset)
        for each in receivers
        if tenant in {None, each.tenant}
    ]
    text = document.written(entries, at=clock.now())
    if out is None:
        click.echo(text, nl=False)
        return
    out.write_bytes(text)
    click.echo(f"{_her_ids(len(entries))} written to {out}.", err=True)


@command.command(name="import")
@click.argument("file", type=click.File("rb"))
@_yes
@_dry_run
def import_offsets(*, file: IO[bytes], yes: bool, dry_run: bool) -> None:
    """Move HER-ids to the offsets in a file of `bridge offsets export`; `-` reads standard input.

    Those that the store does not know begin there when they are wanted. Nothing is moved where an entry is wrong.
    """
    settings = _prepared(yes=yes, dry_run=dry_run)
    offsets = document.read(file.read())
    if not dry_run:
        with suppress(NoStoreYet):
            asyncio.run(require_free(settings, SystemClock()))
    _carry_out(settings, asyncio.run(plan_import(settings, SystemClock(), offsets)), yes=yes, dry_run=dry_run)


def _prepared(*, yes: bool, dry_run: bool) -> Settings:
    """The settings, where somebody can be asked or nobody needs to be."""
    if not (yes or dry_run or sys.stdin.isatty()):
        raise ConfigurationError(NOBODY_TO_ASK)
    settings = load_settings()
    configure(settings.log.format, "warning")
    return settings


def _carry_out(settings: Settings, plan: Plan, *, yes: bool, dry_run: bool) -> None:
    """Show the plan, ask, and do it."""
    if not plan.moves:
        click.echo("Nothing to do: all of them stand there.")
        return
    shown = list(rows(plan.moves))
    for line in aligned(HEADINGS, shown[:MAX_ROWS]):
        click.echo(line)
    if len(shown) > MAX_ROWS:
        click.echo(f"… and {len(shown) - MAX_ROWS} more lines, {_her_ids(len(plan.moves))} in all.")
    for sentence in plan.effect:
        click.echo(sentence)
    if dry_run:
        click.echo("Dry run: nothing is moved.")
        return
    if not yes:
        click.confirm("Move them?", abort=True)
    asyncio.run(apply(settings, plan.moves, SystemClock(), is_owner=True))
    click.echo(f"{_her_ids(len(plan.moves))} moved.")


def _her_ids(count: int) -> str:
    return f"{count} HER-id" if count == 1 else f"{count} HER-ids"
