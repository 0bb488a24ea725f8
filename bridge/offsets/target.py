"""Where receivers are to go: an offset, the start, the end, or a time, which the feed is asked for."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal

from bridge.errors import BridgeError, ConfigurationError
from bridge.nhn.decode import MAX_OFFSET, Item
from bridge.nhn.feed import Feed
from bridge.nhn.moment import glance, offset_at
from bridge.nhn.past import Past
from bridge.offsets.moves import Party
from bridge.store import ReceiverOffset

Target = int | Literal["earliest", "latest"] | datetime
"""An offset, after which everything comes; or the notifications created at a time or later (aware)."""


class NoOffset(BridgeError):
    """The API does not tell the offset of what was asked for."""


async def targets(
    selected: Sequence[ReceiverOffset], target: Target, feeds: Mapping[str, Feed]
) -> dict[tuple[str, int], int]:
    """(tenant, HER-id) → the offset that each receiver is to get. `feeds`: tenant → its feed.

    `latest` never goes back. Raises ConfigurationError where a feed is needed and there is none, NoOffset, and
    TransientError.
    """
    together: defaultdict[Party, list[ReceiverOffset]] = defaultdict(list)
    for each in selected:
        together[each.tenant, each.stream].append(each)
    found: dict[tuple[str, int], int] = {}
    for (tenant, _), members in together.items():
        to = await _offset(tenant, members, target, feeds)
        found |= {(tenant, each.her_id): to for each in members}
    return found


async def offset_of(moment: datetime, her_ids: Collection[int], feed: Feed, *, near: int) -> int:
    """The offset after which the receivers' notifications were created at `moment` or later. `near`: where to begin.

    Raises NoOffset where the API refuses all of them, and TransientError.
    """
    search = offset_at(moment, near)
    try:
        offset = next(search)
        while True:
            items, her_ids = await _first_page(her_ids, offset, feed)
            offset = search.send(glance(items))
    except StopIteration as found:
        return int(found.value)


async def _offset(tenant: str, members: Sequence[ReceiverOffset], target: Target, feeds: Mapping[str, Feed]) -> int:
    if isinstance(target, int):
        return target
    if target == "earliest":
        return 0
    if tenant not in feeds:
        raise ConfigurationError(
            f"By these settings the feed of the tenant {tenant} cannot be read: give the offset as a number."
        )
    her_ids, highest = [each.her_id for each in members], max(each.offset for each in members)
    if isinstance(target, datetime):
        return await offset_of(target, her_ids, feeds[tenant], near=highest)
    return await feeds[tenant].latest(her_ids, after=highest)


async def _first_page(her_ids: Collection[int], offset: int, feed: Feed) -> tuple[Sequence[Item], Collection[int]]:
    """What comes after the offset, and of whom it was asked: those that the API refuses are left out from then on."""
    past = Past(feed, her_ids, after=offset, up_to=MAX_OFFSET)
    async for items in past.pages():
        return items, past.her_ids
    if offset >= MAX_OFFSET:
        return (), her_ids
    problem = next(iter(past.refused.values()))
    raise NoOffset(f"The API refuses all of these HER-ids ({problem}), so it cannot tell where a time lies.")
