"""What a command would do: the moves, and what people are told of them before they say yes."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

import msgspec

from bridge.composition.nhn import nhn_feeds
from bridge.composition.store import make_store
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.offsets.effect import effect_of, sentences
from bridge.offsets.moves import Move, moves_to, select
from bridge.offsets.target import Target, targets
from bridge.ports import Clock
from bridge.settings import Settings
from bridge.store import NoStoreYet, ReceiverOffset


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """To be carried out by `apply`."""

    moves: tuple[Move, ...]
    effect: tuple[str, ...]
    """Sentences on what the moves come to."""


async def known_receivers(settings: Settings, clock: Clock) -> Sequence[ReceiverOffset]:
    """Every receiver in the store, by tenant and HER-id. Raises StoreUnavailable, ConfigurationError, NoStoreYet."""
    async with make_store(settings, clock, is_owner=False) as stores:
        return await stores.nhn.receivers()


async def plan_set(
    settings: Settings,
    clock: Clock,
    *,
    tenant: str | None,
    her_ids: Collection[int],
    everybody: bool,
    target: Target,
) -> Plan:
    """Move these receivers to one place. Raises what `select` and `targets` raise."""
    receivers = await known_receivers(settings, clock)
    selected = select(receivers, tenant=tenant, her_ids=her_ids, everybody=everybody)
    async with nhn_feeds(settings, clock) as feeds:
        moves = moves_to(selected, await targets(selected, target, feeds))
        return await _plan(moves, receivers, feeds, settings, clock)


async def plan_import(settings: Settings, clock: Clock, offsets: Mapping[tuple[str, int], int]) -> Plan:
    """Move each receiver of a file to the offset there; those that the store does not know begin there when they come.

    `offsets`: (tenant, HER-id) → offset. There need not be a store yet.
    """
    receivers: Sequence[ReceiverOffset] = ()
    with suppress(NoStoreYet):
        receivers = await known_receivers(settings, clock)
    known = {(each.tenant, each.her_id): each for each in receivers}
    moves = moves_to([known[place] for place in offsets.keys() & known.keys()], offsets)
    moves += [
        Move(tenant=tenant, her_id=her_id, before=None, to=to)
        for (tenant, her_id), to in offsets.items()
        if (tenant, her_id) not in known
    ]
    async with nhn_feeds(settings, clock) as feeds:
        return await _plan(moves, receivers, feeds, settings, clock)


async def _plan(
    moves: Sequence[Move],
    receivers: Sequence[ReceiverOffset],
    feeds: Mapping[str, Feed],
    settings: Settings,
    clock: Clock,
) -> Plan:
    if not moves:
        return Plan(moves=(), effect=())
    ordered = sorted(moves, key=lambda move: (move.tenant, move.her_id))
    broker = settings.broker
    maker = MessageMaker(
        exchange=broker.exchange_nhn, parked_exchange=broker.exchange_parked, ignore=settings.nhn.ignore, clock=clock
    )
    effect = await effect_of(ordered, feeds, maker)
    highest_known = max((each.offset for each in receivers), default=0)
    return Plan(moves=tuple(ordered), effect=tuple(sentences(ordered, effect, highest_known=highest_known)))
