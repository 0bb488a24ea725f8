"""The work on the parked queue: look, release, discard.

    take into hand, the oldest first -> choose -> publish as it should have gone -> confirmed and routed -> acknowledge
    what is not acknowledged is in the queue again, in its order, as soon as the inbox is closed, or its process dead

Cut off at any instant nothing is lost: what was confirmed and not yet acknowledged is published once more next time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

import msgspec

from bridge.errors import BridgeError, BrokerUnavailable
from bridge.events.message import Message
from bridge.parked.message import ParkedMessage, read_parked, released, why_not_releasable
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

OpenSession = Callable[[], Awaitable[Session]]
OnProgress = Callable[[int], object]
"""Told how many more are done with."""


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


async def survey(inbox: Inbox, total: int, choice: Choice, *, with_bodies: bool = False) -> Survey:
    """Look at the first IN_HAND messages of `total`; raises BrokerUnavailable."""
    seen = Survey(total=total)
    async for _, parked in _in_hand(inbox, min(total, IN_HAND)):
        seen.looked_at += 1
        seen.by_reason[parked.reason or ""] += 1
        if choice.takes(parked) and (choice.limit is None or len(seen.chosen) < choice.limit):
            seen.chosen.append(parked if with_bodies else msgspec.structs.replace(parked, body=b""))
    return seen


async def release(inbox: Inbox, open_session: OpenSession, total: int, choice: Choice, on_progress: OnProgress) -> Done:
    """Publish the chosen ones of the first `total` messages to where they should have gone. Raises Interrupted."""
    releasing = _Releasing(inbox, open_session, on_progress)
    done = releasing.done
    tried = 0
    try:
        async for delivered, parked in _in_hand(inbox, total):
            if not choice.takes(parked):
                continue
            done.found_ids.add(parked.id)
            if why := why_not_releasable(parked):
                done.unreleasable[why] += 1
                continue
            # One for which the broker may close the channel is alone then, and no other is taken for it.
            is_suspect = parked.reason == "poison"
            await releasing.add(delivered, released(parked), is_alone=is_suspect)
            tried += 1
            if tried == choice.limit:
                break
        await releasing.flush()
    except BrokerUnavailable as error:
        raise Interrupted(
            f"{error}. {done.count} released before that; of the next, up to {PAGE} may be in their queues and parked, "
            "too: the same command goes on."
        ) from error
    return done


async def discard(inbox: Inbox, total: int, choice: Choice, on_progress: OnProgress) -> Done:
    """Acknowledge the chosen ones of the first `total` messages. Raises Interrupted."""
    done = Done()
    try:
        async for delivered, parked in _in_hand(inbox, total):
            if choice.takes(parked):
                await inbox.acknowledge([delivered])
                done.found_ids.add(parked.id)
                done.count += 1
                on_progress(1)
            if done.count == choice.limit:
                break
    except BrokerUnavailable as error:
        raise Interrupted(f"{error}. Up to {done.count} discarded before that.") from error
    return done


class _Releasing:
    """Pages on their way out, one at a time, in the order in which they were parked."""

    def __init__(self, inbox: Inbox, open_session: OpenSession, on_progress: OnProgress) -> None:
        self._inbox = inbox
        self._open_session = open_session
        self._on_progress = on_progress
        self._session: Session | None = None
        self._page: list[tuple[Delivered, Message]] = []
        self.done = Done()

    async def add(self, delivered: Delivered, message: Message, *, is_alone: bool) -> None:
        if is_alone:
            await self.flush()
        self._page.append((delivered, message))
        if is_alone or len(self._page) == PAGE:
            await self.flush()

    async def flush(self) -> None:
        """Publish what is in line, and acknowledge what is confirmed and routed. Raises BrokerUnavailable."""
        page, self._page = self._page, []
        if not page:
            return
        if self._session is None or not self._session.is_open:
            self._session = await self._open_session()
        outcomes = await self._session.publish([message for _, message in page])
        await self._take_in([delivered for delivered, _ in page], outcomes)

    async def _take_in(self, page: Sequence[Delivered], outcomes: Collection[Outcome]) -> None:
        routed = [each for each, outcome in zip(page, outcomes, strict=True) if outcome is Outcome.ROUTED]
        await self._inbox.acknowledge(routed)
        self.done.count += len(routed)
        self.done.kept.update(KEPT[outcome] for outcome in outcomes if outcome in KEPT)
        self._on_progress(len(page))
        if Outcome.UNKNOWN in outcomes:
            raise BrokerUnavailable("The connection to RabbitMQ ended before all was confirmed")


async def _in_hand(inbox: Inbox, at_most: int) -> AsyncIterator[tuple[Delivered, ParkedMessage]]:
    """The first messages of the queue, each once, until there are no more. Raises BrokerUnavailable."""
    taken = 0
    await inbox.subscribe()
    while taken < at_most:
        try:
            async with asyncio.timeout(SILENCE_S):
                deliveries = await inbox.receive()
        except TimeoutError:
            return
        for delivered in deliveries[: at_most - taken]:
            taken += 1
            yield delivered, read_parked(delivered)
