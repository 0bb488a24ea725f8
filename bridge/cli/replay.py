"""`bridge replay`: a past range of NHN's notifications, published again."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import uuid4

import click

from bridge.cli import INTERRUPTED
from bridge.cli.columns import aligned
from bridge.cli.given import moment
from bridge.clock import SystemClock
from bridge.delivery import Unroutable
from bridge.errors import BridgeError
from bridge.nhn.decode import MAX_OFFSET
from bridge.ops.logs import configure
from bridge.ports import Clock
from bridge.replay.command import Wish, prepared
from bridge.replay.observer import ReplayFailed, ReplayObserver
from bridge.replay.run import Replay
from bridge.settings import Settings, load_settings
from bridge.settings.her_ids import MAX_HER_ID
from bridge.supervisor import signals_set, unless_stopped

LINE_EVERY_S = 10.0
"""Between two lines that say how far it is, where there is no terminal."""


def _offset_or_time(value: str) -> int | datetime:
    if value.isascii() and value.isdigit() and int(value) <= MAX_OFFSET:
        return int(value)
    try:
        return moment(value)
    except click.BadParameter:
        raise click.BadParameter(
            "it is neither an offset nor a time with its zone, such as 2026-04-14T08:00:00+02:00."
        ) from None


class Incomplete(BridgeError):
    """Something of the range is not published."""


@click.command(name="replay")
@click.option(
    "--from",
    "after",
    type=_offset_or_time,
    required=True,
    metavar="OFFSET|TIME",
    help="What comes after this offset, or was created at this time (ISO 8601 with zone) or later.",
)
@click.option(
    "--to",
    "up_to",
    type=_offset_or_time,
    metavar="OFFSET|TIME",
    help="Up to and with this offset, or created before this time. Default, and never more: as far as the bridge is.",
)
@click.option(
    "--her-id", "her_ids", type=click.IntRange(1, MAX_HER_ID), multiple=True, metavar="ID", help="Else all; repeatable."
)
@click.option("--tenant", metavar="NAME", help="Only of this tenant.")
@click.option(
    "--queue",
    metavar="QUEUE",
    help="Publish to this queue alone: what it is bound for in BRIDGE_BROKER__SUBSCRIPTIONS, else everything.",
)
@click.option("--rate", type=click.FloatRange(0.1, 100_000), default=200.0, show_default=True, help="Events a second.")
@click.option("--dry-run", is_flag=True, help="Only count what would be published.")
def command(
    *,
    after: int | datetime,
    up_to: int | datetime | None,
    her_ids: tuple[int, ...],
    tenant: str | None,
    queue: str | None,
    rate: float,
    dry_run: bool,
) -> None:
    """Publish a past range of NHN's notifications again, marked as a replay, while the bridge runs or not.

    The events are the same, with the same ids, and `replay`, the id of this replay. No cursor moves. It ends with a
    failure where no queue is bound for an event; SIGINT ends it, and says where to go on.
    """
    settings = load_settings()
    configure(settings.log.format, "error")
    wish = Wish(
        id=str(uuid4()),
        after=after,
        up_to=up_to,
        tenant=tenant,
        her_ids=frozenset(her_ids),
        queue=queue,
        rate_per_s=rate,
        dry_run=dry_run,
    )
    if not asyncio.run(_replay(settings, wish)):
        click.get_current_context().exit(INTERRUPTED)


async def _replay(settings: Settings, wish: Wish) -> bool:
    """False: it was interrupted."""
    clock, stop = SystemClock(), asyncio.Event()
    with signals_set(stop):
        async with prepared(settings, wish, ReplayObserver(_tell), clock) as ready:
            replay = ready.replay
            try:
                with _progress(replay, clock) as moved:
                    is_done = await unless_stopped(stop, ready.run(moved))
            except (Unroutable, ReplayFailed) as error:
                raise _failed(error, replay) from error
    for line in _report(replay, wish):
        click.echo(line)
    if not is_done:
        _tell(f"Interrupted. {_where(replay)}")
    elif replay.refused:
        raise Incomplete(_refused(replay))
    return bool(is_done)


@contextmanager
def _progress(replay: Replay, clock: Clock) -> Iterator[Callable[[], None]]:
    """Shows how far it is when it is called: a bar in a terminal, elsewhere a line now and then; both of offsets."""
    is_terminal = sys.stderr.isatty()
    length = sum(stretch.up_to - stretch.after for stretch in replay.stretches)
    shown, line_at = 0, clock.monotonic() + LINE_EVERY_S
    with click.progressbar(length=length, file=sys.stderr, hidden=not is_terminal) as bar:

        def show() -> None:
            nonlocal shown, line_at
            done = sum(replay.positions[stretch.tenant] - stretch.after for stretch in replay.stretches)
            bar.update(done - shown)
            shown = done
            if not is_terminal and clock.monotonic() >= line_at:
                line_at = clock.monotonic() + LINE_EVERY_S
                ends = ", ".join(f"offset {replay.positions[each.tenant]} of {each.up_to}" for each in replay.stretches)
                _tell(f"{replay.counts.total():,} events, at {ends}.")

        yield show


def _report(replay: Replay, wish: Wish) -> Iterator[str]:
    """What is published, or would be, and what not."""
    if not replay.stretches:
        yield "None of the HER-ids has come beyond --from, so there is nothing to publish again."
        return
    total = replay.counts.total()
    if total:
        rows = [(event, f"{count:,}") for event, count in sorted(replay.counts.items())]
        yield from aligned(("EVENT", "COUNT"), rows)
    yield (
        f"Dry run: {total:,} events would be published."
        if wish.dry_run
        else f"Replay {wish.id}: {total:,} events published."
    )
    if count := replay.left_out.not_understood:
        yield f"Left out: {count:,} that cannot be published; they were parked when they came."
    if count := replay.left_out.not_wanted:
        yield f"Left out: {count:,} that the queue {wish.queue} is not bound for, by BRIDGE_BROKER__SUBSCRIPTIONS."
    if count := replay.left_out.without_offset:
        yield f"Left out: {count:,} without an offset, which lie nowhere."


def _failed(error: Unroutable | ReplayFailed, replay: Replay) -> ReplayFailed:
    if isinstance(error, Unroutable):
        fix = "Bind one, or leave that event out with BRIDGE_NHN__IGNORE."
        return ReplayFailed(f"The replay ended, because {error}. {fix} {_where(replay)}")
    return ReplayFailed(f"The replay ended. {error} {_where(replay)}")


def _where(replay: Replay) -> str:
    """How to go on."""
    several = len(replay.stretches) > 1
    ways = [
        f"--from {replay.positions[stretch.tenant]}" + (f" --tenant {stretch.tenant}" if several else "")
        for stretch in replay.stretches
        if replay.positions[stretch.tenant] < stretch.up_to
    ]
    return (
        f"{replay.counts.total():,} events are published; to go on: {'; '.join(ways)}." if ways else "All is published."
    )


def _refused(replay: Replay) -> str:
    her_id, problem = next(iter(replay.refused.items()))
    others = f" and {len(replay.refused) - 1} more" if len(replay.refused) > 1 else ""
    return f"The API refuses HER-id {her_id}{others} ({problem}): not all of theirs is published."


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)
