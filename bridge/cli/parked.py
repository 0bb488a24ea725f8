"""`bridge parked`: what could not be delivered, and what becomes of it. Works on the broker, beside a bridge."""

import asyncio
import sys
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import get_args

import click
import msgspec

from bridge.cli.given import agreed
from bridge.cli.parked_list import (
    discard_plan,
    kept_lines,
    list_of,
    messages,
    release_plan,
    shown_of,
    table,
    text_of,
)
from bridge.composition.broker import make_command_broker
from bridge.errors import BridgeError, ConfigurationError
from bridge.events.parked import Reason
from bridge.ops.address import printable
from bridge.parked.work import IN_HAND, Choice, Done, OnProgress, Survey, discard, release, survey
from bridge.ports import Inbox
from bridge.rabbitmq.connection import RabbitBroker
from bridge.settings import Settings, load_settings

LISTED = 100
"""Messages that `list` shows unless it is told otherwise."""

_reason = click.option("--reason", type=click.Choice(get_args(Reason)), help="Only those parked for this reason.")
_ids = click.argument("ids", metavar="[ID]...", nargs=-1)
_limit = click.option("--limit", type=click.IntRange(1), help="At most so many, from the oldest on.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would be done.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


class NotAllDone(BridgeError):
    """Something of what was asked for was not done; the message says what and why."""


@click.group(name="parked")
def command() -> None:
    """Look at what could not be delivered, release it to where it should have gone, or discard it."""


@command.command(name="list")
@_reason
@click.option("--limit", type=click.IntRange(1, IN_HAND), default=LISTED, show_default=True, help="At most so many.")
@_json
def list_parked(*, reason: str | None, limit: int, as_json: bool) -> None:
    """Show parked messages without their bodies, the oldest first, and how many there are by reason.

    The first 10,000 are looked at. Looking changes nothing: they are in the queue again, in their order.
    """
    seen = asyncio.run(_survey(load_settings(), Choice(reason=reason, limit=limit)))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(list_of(seen)), indent=2))
        return
    for line in table(seen):
        click.echo(line)
    wanted = seen.by_reason.total() if reason is None else seen.by_reason[reason]
    if len(seen.chosen) < wanted:
        click.echo(f"{len(seen.chosen)} of {wanted} shown: --limit shows more.", err=True)


@command.command(name="show")
@click.argument("message_id", metavar="ID")
@_json
def show(*, message_id: str, as_json: bool) -> None:
    """Show one parked message whole: properties, headers and body. The body may hold personal data."""
    chosen = Choice(ids=frozenset({message_id}))
    seen = asyncio.run(_survey(load_settings(), chosen, with_bodies=True))
    if not seen.chosen:
        raise NotAllDone(_not_found(chosen.ids, seen.looked_at))
    click.echo("What follows may hold personal data: keep it out of tickets and chats.", err=True)
    documents = [shown_of(each) for each in seen.chosen]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(documents), indent=2))
        return
    for number, document in enumerate(documents):
        if number:
            click.echo("")
        for line in text_of(document):
            click.echo(line)


@command.command(name="release")
@_ids
@_reason
@_limit
@_dry_run
@_yes
def release_parked(*, ids: tuple[str, ...], reason: str | None, limit: int | None, dry_run: bool, yes: bool) -> None:
    """Publish parked messages, unchanged, to where they should have gone: all, or those with these ids.

    Each leaves the parked queue only once the broker has confirmed it and routed it to a queue; what no queue is bound
    for stays. Items that never were events (invalid, oversized) stay, too. Cut off at any moment nothing is lost; a
    message may then come twice, with the same id.
    """
    settings, choice = load_settings(), Choice(reason=reason, ids=frozenset(ids), limit=limit)
    if dry_run or not yes:
        seen = asyncio.run(_survey(settings, msgspec.structs.replace(choice, limit=None)))
        if not _is_wanted(seen, choice, release_plan(seen.chosen, limit), is_dry=dry_run):
            return
    _finish("released", asyncio.run(_release(settings, choice)), choice)


@command.command(name="discard")
@_ids
@_reason
@_limit
@click.option("--all", "is_all", is_flag=True, help="Whatever the reason; instead of ids and --reason.")
@_dry_run
@_yes
def discard_parked(
    *, ids: tuple[str, ...], reason: str | None, limit: int | None, is_all: bool, dry_run: bool, yes: bool
) -> None:
    """Remove parked messages for good: those with these ids, or of a reason, or all."""
    if not (ids or reason or is_all):
        raise ConfigurationError("Say what to discard: ids, --reason, or --all.")
    settings, choice = load_settings(), Choice(reason=reason, ids=frozenset(ids), limit=limit)
    if dry_run or not yes:
        seen = asyncio.run(_survey(settings, choice))
        if not _is_wanted(seen, choice, discard_plan(seen.chosen), is_dry=dry_run):
            return
    _finish("discarded", asyncio.run(_discard(settings, choice)), choice)


class _Queue:
    """The parked queue of the settings."""

    def __init__(self, broker: RabbitBroker, name: str) -> None:
        self._broker = broker
        self._name = name

    async def count(self) -> int:
        return await self._broker.ready_count(self._name)

    def inbox(self) -> Inbox:
        return self._broker.inbox(self._name, prefetch=IN_HAND, max_body_bytes=None)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[_Queue, RabbitBroker]]:
    broker = make_command_broker(settings)
    try:
        yield _Queue(broker, settings.broker.exchange_parked), broker
    finally:
        await broker.close()


async def _survey(settings: Settings, choice: Choice, *, with_bodies: bool = False) -> Survey:
    async with _opened(settings) as (queue, _):
        return await survey(queue, choice, with_bodies=with_bodies)


async def _release(settings: Settings, choice: Choice) -> Done:
    async with _opened(settings) as (queue, broker):
        with _progress(await queue.count(), choice) as step:
            return await release(queue, broker.session, choice, step)


async def _discard(settings: Settings, choice: Choice) -> Done:
    async with _opened(settings) as (queue, _):
        with _progress(await queue.count(), choice) as step:
            return await discard(queue, choice, step)


@contextmanager
def _progress(total: int, choice: Choice) -> Iterator[OnProgress]:
    """A bar, in a terminal."""
    length = min(total, choice.limit or total)
    with click.progressbar(length=length, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update


def _is_wanted(seen: Survey, choice: Choice, plan: tuple[int, Sequence[str]], *, is_dry: bool) -> bool:
    """Say what would be done; then ask, unless that was all that was wanted."""
    if missing := choice.ids - {each.id for each in seen.chosen}:
        raise NotAllDone(_not_found(missing, seen.looked_at))
    if not seen.chosen:
        click.echo("Nothing of that is parked." if seen.total else "Nothing is parked.")
        return False
    count, lines = plan
    if not count and not is_dry:
        raise NotAllDone("\n".join(lines))
    for line in lines:
        click.echo(line)
    if seen.looked_at < seen.total:
        click.echo(f"And what is among the {messages(seen.total - seen.looked_at)} that were not looked at.")
    return not is_dry and agreed("Go on?")


def _finish(verb: str, done: Done, choice: Choice) -> None:
    """Say what was done; an error where that is not all that was asked for."""
    click.echo(f"{messages(done.count)} {verb}.")
    told = list(kept_lines(done.kept))
    passed = list(kept_lines(done.unreleasable))
    if choice.ids or choice.reason:
        told += passed
    else:
        click.echo("".join(f"{line}\n" for line in passed), nl=False)
    if missing := choice.ids - done.found_ids:
        told.append(_not_found(missing, done.looked_at))
    if done.unseen:
        told.append(
            f"{messages(done.unseen)} could not be looked at: they are in others' hands, or behind {IN_HAND} that stay."
        )
    if told:
        raise NotAllDone("\n".join(told))


def _not_found(ids: Collection[str], looked_at: int) -> str:
    return printable(f"Not parked among the {messages(looked_at)} that could be looked at: {', '.join(sorted(ids))}.")
