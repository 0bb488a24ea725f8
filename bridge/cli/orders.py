"""`bridge orders`: which Altinn orders are watched. Works on the store; a running bridge sees it at its next look."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import IO

import click
import msgspec

from bridge.altinn.decode import canonical_order_id
from bridge.altinn.registration_body import MAX_REFERENCE_CHARACTERS
from bridge.checkpoints import CLOSED_STATES, ORDER_STATES, REOPENABLE_STATES, OrderState, Registration, WatchOrders
from bridge.cli.given import moment, read_ids
from bridge.cli.order_list import OrderList, page_of, table
from bridge.clock import SystemClock
from bridge.composition.store import make_store
from bridge.errors import ConfigurationError
from bridge.settings import Settings, load_settings
from bridge.store import AltinnStore
from bridge.store.portions import portions

STREAM = "altinn/registrations"
"""Whose checkpoint a registration is, whoever makes it."""
MAX_LINES = 20
"""Of more orders than these only the numbers are told."""
NEW = "watched from now on"


def _order_id(value: str) -> str:
    """In its canonical form."""
    order_id = canonical_order_id(value)
    if order_id is None:
        raise click.BadParameter("it is no order id, which is a UUID such as f1a1cc30-197f-4f34-8304-006ce4945fd1.")
    return order_id


def _send_time(value: str) -> float:
    """An ISO 8601 time with its zone, as seconds since the epoch."""
    return moment(value).timestamp()


def _reference(value: str) -> str:
    """Of bounded length: it is copied into every event of the order."""
    if len(value) > MAX_REFERENCE_CHARACTERS:
        raise click.BadParameter(f"it has more than {MAX_REFERENCE_CHARACTERS} characters.")
    return value


_order_ids = click.argument("order_ids", metavar="[ID|-]...", nargs=-1)
_file = click.option(
    "--file", type=click.File(errors="replace"), metavar="FILE", help="Ids in a file, one a line, `#` comments."
)


@click.group(name="orders")
def command() -> None:
    """Add, list and remove the watched Altinn orders."""


@command.command(name="add")
@_order_ids
@_file
@click.option("--senders-reference", type=_reference, metavar="TEXT", help="Sender's reference of these orders.")
@click.option(
    "--send-time", type=_send_time, metavar="TIME", help="When they are to be sent (ISO 8601): first asked for then."
)
def add(
    *, order_ids: tuple[str, ...], file: IO[str] | None, senders_reference: str | None, send_time: float | None
) -> None:
    """Watch orders: by their ids, or one a line from standard input (`-`) or a file. Adding one twice is harmless.

    One that was given up, or not found, is watched again; other ends are final. Nothing is added where an id is wrong.
    """
    orders = [
        Registration(order_id=order_id, senders_reference=senders_reference, requested_send_time=send_time)
        for order_id in _read_order_ids(order_ids, file)
    ]
    settings = load_settings()
    outcomes = asyncio.run(_add(settings, orders))
    for line in _report(outcomes):
        click.echo(line)
    if not settings.altinn.is_on:
        click.echo("By these settings the Altinn source is off: a bridge that runs with them polls no order.", err=True)


@command.command(name="list")
@click.option(
    "--state", "states", type=click.Choice(ORDER_STATES), multiple=True, help="Only those in this state; repeatable."
)
@click.option("--after", type=_order_id, metavar="ID", help="Only those whose ids come after this one.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="The page as JSON.")
def list_orders(*, states: tuple[OrderState, ...], after: str | None, limit: int, as_json: bool) -> None:
    """Show watched orders and those that ended, in the order of their ids, a page at a time."""
    page = asyncio.run(_list(load_settings(), states, after, limit))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(page), indent=2))
        return
    for line in table(page):
        click.echo(line)
    if page.next_after is not None:
        click.echo(f"There are more: add --after {page.next_after}", err=True)


@command.command(name="remove")
@_order_ids
@_file
def remove(*, order_ids: tuple[str, ...], file: IO[str] | None) -> None:
    """Forget orders and what was published of their e-mails: added again, that is published again.

    By their ids, or one a line from standard input (`-`) or a file. Nothing is removed where an id is wrong.
    """
    ids = _read_order_ids(order_ids, file)
    removed = asyncio.run(_remove(load_settings(), ids))
    click.echo(f"{removed} of {_orders(len(ids))} removed; {len(ids) - removed} not in the store.")


def _read_order_ids(arguments: Sequence[str], file: IO[str] | None) -> list[str]:
    """In their canonical form. Raises ConfigurationError, also where no id is given."""
    fix = "give a UUID such as f1a1cc30-197f-4f34-8304-006ce4945fd1"
    order_ids = read_ids(arguments, file, canonical_order_id, kind="order id", fix=fix)
    if not order_ids:
        raise ConfigurationError("No order is named: give ids, `-` for standard input, or --file.")
    return order_ids


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[AltinnStore]:
    async with make_store(settings, SystemClock(), is_owner=False) as stores:
        yield stores.altinn


async def _add(settings: Settings, orders: Sequence[Registration]) -> Mapping[str, str]:
    """Order id → what became of it. In portions, so that a running bridge's commits get in between."""
    outcomes: dict[str, str] = {}
    async with _opened(settings) as store:
        with click.progressbar(length=len(orders), file=sys.stderr, hidden=not sys.stderr.isatty()) as progress:
            for portion in portions(orders):
                before = await store.states([order.order_id for order in portion])
                at = SystemClock().now().timestamp()
                await store.commit(WatchOrders(stream=STREAM, orders=tuple(portion), at=at, reopens=True))
                outcomes.update((order.order_id, _outcome(before.get(order.order_id))) for order in portion)
                progress.update(len(portion))
    return outcomes


async def _list(settings: Settings, states: Sequence[OrderState], after: str | None, limit: int) -> OrderList:
    async with _opened(settings) as store:
        # One more than is shown, to know whether there are more.
        orders = await store.orders(states=states or None, after=after, limit=limit + 1)
        emails = await store.email_counts([order.order_id for order in orders])
    return page_of(orders, emails, limit=limit)


async def _remove(settings: Settings, order_ids: Sequence[str]) -> int:
    async with _opened(settings) as store:
        return sum([await store.remove(portion) for portion in portions(order_ids)])


def _outcome(before: OrderState | None) -> str:
    """What adding does to an order, by its state before."""
    if before is None:
        return NEW
    if before in REOPENABLE_STATES:
        return f"watched again ({before} before)"
    if before in CLOSED_STATES:
        return f"not watched: it has ended ({before}), which is final"
    return f"watched already ({before})"


def _report(outcomes: Mapping[str, str]) -> Iterator[str]:
    """A line an order where they are few, else how many there are of each outcome."""
    if len(outcomes) <= MAX_LINES:
        yield from (f"{order_id}  {outcome}" for order_id, outcome in outcomes.items())
    else:
        yield from (f"{_orders(count)} {outcome}" for outcome, count in Counter(outcomes.values()).most_common())


def _orders(count: int) -> str:
    return f"{count} order" if count == 1 else f"{count} orders"
