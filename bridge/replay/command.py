"""A replay as it is asked for: what is looked at first, and what it runs on."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial

import msgspec

from bridge.composition.broker import make_command_broker
from bridge.composition.nhn import nhn_feeds
from bridge.delivery import Delivery
from bridge.errors import BrokerUnavailable, ConfigurationError
from bridge.events.message import Message
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.offsets.moves import select
from bridge.offsets.plan import known_receivers
from bridge.offsets.target import offset_of
from bridge.ops.topic import matches
from bridge.ports import Clock
from bridge.rabbitmq.connection import RabbitBroker
from bridge.replay.observer import ReplayObserver
from bridge.replay.run import Deliver, Pace, Replay
from bridge.replay.stretch import Stretch, Wants, require_range, stretch_of, wants_all
from bridge.settings import Settings
from bridge.store import ReceiverOffset


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    id: str
    """Of the replay: every event of it bears it."""
    after: int | datetime
    """What comes after this offset, or was created at this time or later."""
    up_to: int | datetime | None
    """Up to this offset, or created before this time; None: as far as each HER-id has come."""
    tenant: str | None
    her_ids: Collection[int]
    """None: everybody who is in a stream."""
    queue: str | None
    """For this queue alone; None: for everybody who is bound."""
    rate_per_s: float
    dry_run: bool


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A replay that may run."""

    replay: Replay
    feeds: Mapping[str, Feed]
    deliver: Deliver | None
    """None: it only counts."""
    pace: Pace
    observer: ReplayObserver

    async def run(self, moved: Callable[[], None]) -> bool:
        """Publish all of it; True. Raises what `Replay.run` raises."""
        await self.replay.run(self.feeds, self.deliver, pace=self.pace, observer=self.observer, moved=moved)
        return True


@asynccontextmanager
async def prepared(settings: Settings, wish: Wish, observer: ReplayObserver, clock: Clock) -> AsyncIterator[Prepared]:
    """What the wish comes to, with the broker connected where it is needed. Takes no lease and writes nothing.

    Raises ConfigurationError (the source is off, unknown HER-ids, an empty range), BrokerUnavailable (also where there
    is no such queue), StoreUnavailable, and TransientError where a time cannot be looked up.
    """
    if not settings.nhn.is_on:
        raise ConfigurationError("By these settings the NHN source is off, so there is nothing to replay.")
    require_range(wish.after, wish.up_to)
    wants = wants_all if wish.queue is None else wants_of(wish.queue, settings)
    async with AsyncExitStack() as resources:
        deliver = await _opened(settings, wish, observer, clock, resources)
        receivers = await known_receivers(settings, clock)
        selected = select(receivers, tenant=wish.tenant, her_ids=wish.her_ids, everybody=not wish.her_ids)
        feeds = await resources.enter_async_context(nhn_feeds(settings, clock))
        stretches = await _stretches(wish, selected, feeds)
        replay = Replay(stretches, maker=_maker(settings, wish, clock), clock=clock, wants=wants)
        yield Prepared(
            replay=replay, feeds=feeds, deliver=deliver, pace=Pace(wish.rate_per_s, clock), observer=observer
        )


def wants_of(queue: str, settings: Settings) -> Wants:
    """What a queue of the route contract is bound for. One that is not in it gets everything: AMQP shows no bindings.

    Raises ConfigurationError where it is in it, but not for NHN's exchange.
    """
    exchange = settings.broker.exchange_nhn
    own = [each for each in settings.broker.subscriptions if each.queue == queue and each.bindings]
    if not own:
        return wants_all
    patterns = [pattern for each in own if settings.exchange_of(each) == exchange for pattern in each.bindings]
    if not patterns:
        raise ConfigurationError(
            f"By BRIDGE_BROKER__SUBSCRIPTIONS the queue {queue} gets nothing of {exchange}: there is nothing to replay."
        )
    return lambda message: any(matches(pattern, message.routing_key) for pattern in patterns)


async def _opened(
    settings: Settings, wish: Wish, observer: ReplayObserver, clock: Clock, resources: AsyncExitStack
) -> Deliver | None:
    """The broker, connected; first of all, so that nothing is read in vain."""
    if wish.dry_run and wish.queue is None:
        return None
    broker = make_command_broker(settings, exchanges=(settings.broker.exchange_nhn,), observer=observer)
    resources.push_async_callback(broker.close)
    await broker.connect()
    if wish.queue is not None:
        await _require_queue(broker, wish.queue)
    if wish.dry_run:
        return None
    delivery = Delivery(
        broker,
        clock=clock,
        observer=observer,
        unroutable="fail",
        parked_exchange=settings.broker.exchange_parked,
        parked_limit=settings.broker.parked_limit,
    )
    resources.push_async_callback(delivery.close)
    return delivery.deliver if wish.queue is None else partial(_deliver_to, delivery, wish.queue)


async def _require_queue(broker: RabbitBroker, queue: str) -> None:
    try:
        await broker.ready_count(queue)
    except BrokerUnavailable as error:
        raise BrokerUnavailable(f"Nothing can be published to the queue {queue}: {error}") from error


async def _deliver_to(delivery: Delivery, queue: str, messages: Sequence[Message]) -> None:
    """By the default exchange, to which every queue is bound by its name."""
    await delivery.deliver([msgspec.structs.replace(message, exchange="", routing_key=queue) for message in messages])


def _maker(settings: Settings, wish: Wish, clock: Clock) -> MessageMaker:
    broker = settings.broker
    return MessageMaker(
        exchange=broker.exchange_nhn,
        parked_exchange=broker.exchange_parked,
        ignore=settings.nhn.ignore,
        clock=clock,
        replay=wish.id,
    )


async def _stretches(wish: Wish, selected: Sequence[ReceiverOffset], feeds: Mapping[str, Feed]) -> list[Stretch]:
    """A range a tenant, where there is anything in it."""
    found = []
    for tenant in sorted({each.tenant for each in selected}):
        if tenant not in feeds:
            raise ConfigurationError(f"By these settings there is no tenant {tenant}, so its feed cannot be read.")
        own = [each for each in selected if each.tenant == tenant]
        look = partial(_offset, her_ids=[each.her_id for each in own], feed=feeds[tenant], near=_highest(own))
        after = await look(wish.after)
        up_to = None if wish.up_to is None else await look(wish.up_to)
        if (stretch := stretch_of(tenant, own, after=after, up_to=up_to)) is not None:
            found.append(stretch)
    return found


def _highest(receivers: Sequence[ReceiverOffset]) -> int:
    return max(each.offset for each in receivers)


async def _offset(at: int | datetime, *, her_ids: Sequence[int], feed: Feed, near: int) -> int:
    return at if isinstance(at, int) else await offset_of(at, her_ids, feed, near=near)
