"""The work on the parked queue: look, release, discard.

    take into hand, the oldest first -> choose -> publish as it should have gone -> confirmed and routed -> acknowledge
    what is not acknowledged is in the queue again, in its order, as soon as the inbox is closed, or its process dead

Cut off at any instant nothing is lost: what was confirmed and not yet acknowledged is published once more next time.
The queue may have other readers, and the bridge parks meanwhile: what is in one's hands nobody else has.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from bridge.errors import BridgeError, BrokerUnavailable
from bridge.parked.message import Identity, ParkedMessage, read_parked, released, why_not_releasable
from bridge.ports import Delivered, Inbox, Outcome, Session

IN_HAND = 10_000
"""Messages that are taken into hand at most, and so looked at. With about 1 KB each they bound the memory."""
SILENCE_S = 5.0
"""After so long without another message the rest is in other hands, or gone."""
PAGE = 100
"""Messages that are published at a time, and may have to be published again if the connection ends meanwhile."""

KEPT: dict[Outcome, str] = {
    Outcome.RETURNED: "no queue is bound for the routing key",
    Outcome.REFUSED: "a queue refuses more (full, or without a leader)",
    Outcome.POISON: "the broker cannot take them",
}
"""Why a message stays parked after it was tried, each as a clause."""

GONE_S = 1.0
"""How long a second look waits for acknowledged messages that RabbitMQ has in the queue all the same."""
SECOND_LOOKS = 10

OpenSession = Callable[[], Awaitable[Session]]
OnProgress = Callable[[int], object]
"""Told how many more are done with."""


class ParkedQueue(Protocol):
    """Every call raises BrokerUnavailable."""

    async def count(self) -> int:
        """Messages in it, those in somebody's hands not counted."""
        ...

    def inbox(self) -> Inbox:
        """A new reader, which takes up to IN_HAND messages."""
        ...


class Interrupted(BridgeError):
    """The broker went away in the middle."""


class Choice(msgspec.Struct, frozen=True):
    """Which messages are meant."""

    reason: str | None = None
    """None: any."""
    ids: frozenset[str] = frozenset()
    """None in it: any."""
    limit: int | None = None
    """At most so many, from the oldest on."""

    def takes(self, parked: ParkedMessage) -> bool:
        is_reason = self.reason is None or parked.reason == self.reason
        return is_reason and (not self.ids or parked.id in self.ids)


class Survey(msgspec.Struct, kw_only=True):
    """What a look at the queue showed."""

    total: int
    """Messages in the queue, those in others' hands not counted."""
    looked_at: int = 0
    by_reason: Counter[str] = msgspec.field(default_factory=Counter)
    """Of all that was looked at; the empty reason: none is given."""
    chosen: list[ParkedMessage] = msgspec.field(default_factory=list)
    """At most `limit`, the oldest first."""


class Done(msgspec.Struct, kw_only=True):
    """What became of the messages that were chosen."""

    count: int = 0
    """Released, or discarded."""
    kept: Counter[str] = msgspec.field(default_factory=Counter)
    """Why a message was tried and stays parked → how many do."""
    unreleasable: Counter[str] = msgspec.field(default_factory=Counter)
    """The same of those that cannot be tried."""
    found_ids: set[str] = msgspec.field(default_factory=set)
    """Of those that were chosen."""
    looked_at: int = 0
    unseen: int = 0
    """Messages that were to be looked at and could not be."""
    gone: set[Identity] = msgspec.field(default_factory=set)
    """Who must not be in the queue any more."""

    def note_gone(self, messages: Iterable[ParkedMessage]) -> None:
        """These were acknowledged."""
        for parked in messages:
            self.count += 1
            if parked.at is not None:  # what somebody else put there may be there twice and mean two things
                self.gone.add(parked.identity)


async def survey(queue: ParkedQueue, choice: Choice, *, with_bodies: bool = False) -> Survey:
    """Look at the first IN_HAND messages; raises BrokerUnavailable."""
    seen = Survey(total=await queue.count())
    async with _opened(queue) as inbox:
        async for _, parked in _in_hand(inbox, min(seen.total, IN_HAND)):
            seen.looked_at += 1
            seen.by_reason[parked.reason or ""] += 1
            if choice.takes(parked) and (choice.limit is None or len(seen.chosen) < choice.limit):
                seen.chosen.append(parked if with_bodies else msgspec.structs.replace(parked, body=b""))
    return seen


async def release(queue: ParkedQueue, open_session: OpenSession, choice: Choice, on_progress: OnProgress) -> Done:
    """Publish the chosen ones of what is parked by now to where they should have gone. Raises Interrupted."""
    done, tried = Done(), 0
    try:
        total = await queue.count()
        async with _opened(queue) as inbox:
            releasing = _Releasing(inbox, open_session, done, on_progress)
            async for delivered, parked in _in_hand(inbox, total):
                done.looked_at += 1
                if not choice.takes(parked):
                    continue
                done.found_ids.add(parked.id)
                if why := why_not_releasable(parked):
                    done.unreleasable[why] += 1
                    continue
                await releasing.add(delivered, parked)
                tried += 1
                if tried == choice.limit:
                    break
            else:
                done.unseen = total - done.looked_at
            await releasing.flush()
        await _see_gone(queue, done.gone)
    except BrokerUnavailable as error:
        raise Interrupted(
            f"{error}. {done.count} released before that; of these and the next, some may be in their queues and still "
            "parked: the same command goes on."
        ) from error
    return done


async def discard(queue: ParkedQueue, choice: Choice, on_progress: OnProgress) -> Done:
    """Acknowledge the chosen ones of what is parked by now. Raises Interrupted."""
    done = Done()
    try:
        total = await queue.count()
        async with _opened(queue) as inbox:
            page: list[tuple[Delivered, ParkedMessage]] = []
            async for delivered, parked in _in_hand(inbox, total):
                done.looked_at += 1
                if choice.takes(parked):
                    done.found_ids.add(parked.id)
                    page.append((delivered, parked))
                if len(page) == PAGE:
                    await _acknowledge(inbox, page, done, on_progress)
                    page = []
                if done.count + len(page) == choice.limit:
                    break
            else:
                done.unseen = total - done.looked_at
            await _acknowledge(inbox, page, done, on_progress)
        await _see_gone(queue, done.gone)
    except BrokerUnavailable as error:
        raise Interrupted(f"{error}. Up to {done.count} discarded before that.") from error
    return done


async def _acknowledge(
    inbox: Inbox, page: Sequence[tuple[Delivered, ParkedMessage]], done: Done, on_progress: OnProgress
) -> None:
    await inbox.acknowledge([delivered for delivered, _ in page])
    done.note_gone(parked for _, parked in page)
    on_progress(len(page))


async def _see_gone(queue: ParkedQueue, gone: Collection[Identity]) -> None:
    """Look whether what was acknowledged is gone, and acknowledge again what is not: AMQP confirms no acknowledgement,
    and RabbitMQ forgets some when a channel is closed. What it gave back stands first in the queue.
    """
    for _ in range(SECOND_LOOKS if gone else 0):
        async with _opened(queue) as inbox:
            back = [
                delivered
                async for delivered, parked in _in_hand(inbox, IN_HAND, silence_s=GONE_S)
                if parked.identity in gone
            ]
            await inbox.acknowledge(back)
        if not back:
            return


class _Releasing:
    """Pages on their way out, one at a time, in the order in which they were parked."""

    def __init__(self, inbox: Inbox, open_session: OpenSession, done: Done, on_progress: OnProgress) -> None:
        self._inbox = inbox
        self._open_session = open_session
        self._done = done
        self._on_progress = on_progress
        self._session: Session | None = None
        self._page: list[tuple[Delivered, ParkedMessage]] = []

    async def add(self, delivered: Delivered, parked: ParkedMessage) -> None:
        # One for which the broker may close the channel goes alone, so that no other is taken for it.
        is_suspect = parked.reason == "poison"
        if is_suspect:
            await self.flush()
        self._page.append((delivered, parked))
        if is_suspect or len(self._page) == PAGE:
            await self.flush()

    async def flush(self) -> None:
        """Publish what is in line, and acknowledge what is confirmed and routed. Raises BrokerUnavailable."""
        page, self._page = self._page, []
        if not page:
            return
        if self._session is None or not self._session.is_open:
            self._session = await self._open_session()
        outcomes = await self._session.publish([released(parked) for _, parked in page])
        routed = [each for each, outcome in zip(page, outcomes, strict=True) if outcome is Outcome.ROUTED]
        await _acknowledge(self._inbox, routed, self._done, self._on_progress)
        self._done.kept.update(KEPT[outcome] for outcome in outcomes if outcome in KEPT)
        if Outcome.UNKNOWN in outcomes:
            raise BrokerUnavailable("The connection to RabbitMQ ended before all was confirmed")


@asynccontextmanager
async def _opened(queue: ParkedQueue) -> AsyncIterator[Inbox]:
    """What is in hand and not acknowledged is in the queue again afterwards, in its order."""
    inbox = queue.inbox()
    try:
        yield inbox
    finally:
        await inbox.close()


async def _in_hand(
    inbox: Inbox, at_most: int, *, silence_s: float | None = None
) -> AsyncIterator[tuple[Delivered, ParkedMessage]]:
    """The first messages of the queue, each once, until there are no more. Raises BrokerUnavailable."""
    taken = 0
    await inbox.subscribe()
    while taken < at_most:
        try:
            async with asyncio.timeout(silence_s or SILENCE_S):
                deliveries = await inbox.receive()
        except TimeoutError:
            return
        for delivered in deliveries[: at_most - taken]:
            taken += 1
            yield delivered, read_parked(delivered)
