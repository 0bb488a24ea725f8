"""NHN's feed as a log in memory, at the level of `NhnApi`, with the troubles that a source has to bear."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.checkpoints import Enrol, NhnCheckpoint, StreamState
from bridge.errors import TransientError
from bridge.events.message import Message
from bridge.nhn.answers import Problem, ReceiversRefused, TooManyReceivers
from bridge.nhn.api import NhnApi, PageTooLarge
from bridge.nhn.decode import Item, oversized, read_page
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import NhnSource, PollSettings
from bridge.ports import Batch, Clock, Store
from tests.support.clock import FakeClock
from tests.support.observers import Recorder

SECONDS_A_REQUEST = 0.01
UNCONFIGURED = Problem(status=403, error_code=1202, title="Forbidden")
STREAM = "nhn/default/1"
_NUMBER = re.compile(rb'"n-([0-9]+)"|"offset":([0-9]+)')


@dataclass(frozen=True)
class Row:
    """One notification of the log. It is read by its number, whatever its bytes say."""

    number: int
    her_id: int
    raw: bytes
    visible_at: float = 0.0
    """Seconds since the clock's start."""
    is_large: bool = False
    """No body can hold it: a page with it is too large, and of it alone only the offset is found."""


@dataclass(frozen=True)
class Request:
    """What the API was asked."""

    at: float
    her_ids: tuple[int, ...]
    offset: int
    limit: int


class Closed(Exception):
    """The API is not asked beyond the moment that a test is about."""


class SimulatedApi(NhnApi):
    """A log of notifications, read as the API's page documents: exclusive global offsets, in order, at most `limit`."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.rows: list[Row] = []
        self.refused: dict[int, Problem] = {}
        """HER-ids for which every request is refused."""
        self.max_her_ids = 1500
        """A request for more is too long (414)."""
        self.trouble: Callable[[Request], None] = lambda _request: None
        """Raises what a request is to fail with."""
        self.closes_at = float("inf")
        """Seconds since the clock's start."""
        self.requests: list[Request] = []
        """All that were made, in order."""

    async def notifications(self, her_ids: Sequence[int], *, offset: int, limit: int) -> list[Item]:
        now = self.clock.monotonic()
        if now >= self.closes_at:
            raise Closed
        request = Request(now, tuple(her_ids), offset, limit)
        self.requests.append(request)
        self.clock.advance(SECONDS_A_REQUEST)
        await asyncio.sleep(0)
        self.trouble(request)
        if len(her_ids) > self.max_her_ids:
            raise TooManyReceivers("too long")
        for her_id in her_ids:
            if her_id in self.refused:
                raise ReceiversRefused(self.refused[her_id])
        return self._page(request)

    def publish(self, *numbers: int, her_id: int, late_s: float = 0.0) -> None:
        """Notifications with these numbers appear, `late_s` seconds from now."""
        now = self.clock.monotonic()
        self.rows += [Row(number, her_id, notification(number, her_id), now + late_s) for number in numbers]

    def _page(self, request: Request) -> list[Item]:
        asked = set(request.her_ids)
        shown = [
            row
            for row in sorted(self.rows, key=lambda row: row.number)
            if row.number > request.offset and row.her_id in asked and row.visible_at <= request.at
        ][: request.limit]
        if any(row.is_large for row in shown):
            if request.limit > 1:
                raise PageTooLarge("too large")
            return [oversized(row.number, 1000) for row in shown]
        return items(*(row.raw for row in shown))


def notification(number: int, her_id: int, **changes: Any) -> bytes:
    """The JSON of an item whose id is `n-<number>`; a change to `...` leaves the field out."""
    fields: dict[str, Any] = {
        "notificationId": f"n-{number}",
        "type": "NewMessage",
        "notificationReceiverHerId": her_id,
        "offset": number,
    } | changes
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def items(*raw: bytes) -> list[Item]:
    """A page of these."""
    return read_page(b'{"notifications":[' + b",".join(raw) + b"]}")


def number_of(message: Message) -> int:
    """The number of the row that became this message, parked or not."""
    found = _NUMBER.search(message.body.replace(b'": ', b'":'))
    assert found is not None
    return int(found.group(1) or found.group(2))


def numbers(batches: Sequence[Batch[NhnCheckpoint]]) -> list[int]:
    """The numbers of all that was handed out, in order."""
    return [number_of(message) for batch in batches for message in batch.messages]


@dataclass
class Stream:
    """One stream of the source under test, with its store; started again from there as often as a test wants."""

    store: Store
    clock: FakeClock = field(default_factory=FakeClock)
    page_size: int = 1000
    settings: PollSettings = field(default_factory=PollSettings)
    observer: Recorder = field(default_factory=Recorder)
    ignore: tuple[str, ...] = ()
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def __post_init__(self) -> None:
        self.api = SimulatedApi(self.clock)

    async def enrol(self, **cursors: int) -> None:
        """`enrol(h7=0)`: receiver 7, from cursor 0."""
        her_ids = {int(name[1:]): cursor for name, cursor in cursors.items()}
        await self.store.commit(Enrol(stream=STREAM, tenant="default", cursors=her_ids))

    async def state(self) -> StreamState:
        (state,) = await self.store.streams("default")
        return state

    def feed(self) -> Feed:
        retry_s = self.settings.retry_refused_s
        return Feed(self.api, page_size=self.page_size, retry_refused_s=retry_s, observer=self.observer)

    async def source(self, state: StreamState | None = None) -> NhnSource:
        """A source that knows what the store knows. `state`: of its stream, where there are several."""
        return NhnSource(
            state or await self.state(),
            self.feed(),
            maker=maker(self.clock, ignore=self.ignore),
            settings=self.settings,
            clock=self.clock,
            observer=self.observer,
            dice=self.dice,
        )

    async def uncommitted(self, source: NhnSource, seconds: float) -> AsyncIterator[Batch[NhnCheckpoint]]:
        """What the source gives for so long; failures are waited out, at least as long as they ask."""
        self.api.closes_at = self.clock.monotonic() + seconds
        while True:
            try:
                batch = await source.next()
            except TransientError as error:
                self.observer.failed(error)
                await self.clock.sleep(max(error.retry_after_s or 0.0, 0.5))
            except Closed:
                self.api.closes_at = float("inf")
                return
            else:
                yield batch

    async def run(self, source: NhnSource, seconds: float = 1.0) -> list[Batch[NhnCheckpoint]]:
        """What the source gives for so long, each batch committed at once."""
        batches = []
        async for batch in self.uncommitted(source, seconds):
            await self.store.commit(batch.checkpoint)
            batches.append(batch)
        return batches


def maker(clock: Clock, *, ignore: tuple[str, ...] = ()) -> MessageMaker:
    return MessageMaker(exchange="nhn.notifications", parked_exchange="bridge.parked", ignore=ignore, clock=clock)
