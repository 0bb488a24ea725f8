"""Consumers that are wrong in one way each, small as they are, on a real broker: the kit says which way it is."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from bridge.check.report import Finding, Verdict
from bridge.clock import SystemClock
from bridge.conformance.run import Rehearsal
from bridge.conformance.series import KNOWN_EVENTS, make_series
from bridge.conformance.verdict import judge
from bridge.events import UnknownEvent, parse
from bridge.tls import client_context
from tests.support.broker import declare_queue

QUEUE = "my-service"
SERIES = make_series(1, ordinary=120)


class Consumer:
    """A right one. What is wrong with the others is in one method, or in a number."""

    prefetch = 50
    memory: int | None = None
    """So many ids; None: all."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self._seen: deque[str] = deque(maxlen=self.memory)

    async def take(self, message: AbstractIncomingMessage) -> None:
        self.handle(message)
        await message.ack()

    def handle(self, message: AbstractIncomingMessage) -> None:
        event = parse(message.body)
        if not isinstance(event, UnknownEvent) and event.id not in self._seen:
            self._seen.append(event.id)
            self.handled.append(event.id)


class Forgetful(Consumer):
    """Does not deduplicate."""

    memory = 0


class ShortOfMemory(Consumer):
    """Remembers the last ten ids alone."""

    memory = 10


class Strict(Consumer):
    """Ends at a type that it does not know."""

    is_ended = False

    async def take(self, message: AbstractIncomingMessage) -> None:
        self.is_ended = self.is_ended or isinstance(parse(message.body), UnknownEvent)
        if not self.is_ended:
            await super().take(message)


class Counting(Consumer):
    """Takes the highest sequence of each receiver for what it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self._highest: dict[str | None, str] = {}

    def handle(self, message: AbstractIncomingMessage) -> None:
        event = parse(message.body)
        highest = self._highest.get(event.partitionkey, "")
        if event.sequence is None or event.sequence >= highest:
            self._highest[event.partitionkey] = event.sequence or highest
            super().handle(message)


class Trusting(Consumer):
    """Takes what comes marked, as redelivered or with a replay's id, for handled."""

    def handle(self, message: AbstractIncomingMessage) -> None:
        if not message.redelivered and parse(message.body).replay is None:
            super().handle(message)


class Scrambling(Consumer):
    """Handles always two at a time, the second one first."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[AbstractIncomingMessage] = []

    async def take(self, message: AbstractIncomingMessage) -> None:
        self._held.append(message)
        if len(self._held) == 2 or message.body == SERIES.steps[-1].message.body:
            held, self._held = self._held[::-1], []
            for each in held:
                await super().take(each)


class Holding(Consumer):
    """Handles everything and acknowledges nothing."""

    prefetch = 1000

    async def take(self, message: AbstractIncomingMessage) -> None:
        self.handle(message)


class Hasty(Consumer):
    """Acknowledges before it handles, ten messages before; is killed at its 180th, and started again."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[AbstractIncomingMessage] = deque()
        self._taken = 0

    async def take(self, message: AbstractIncomingMessage) -> None:
        await message.ack()
        self._waiting.append(message)
        self._taken += 1
        if self._taken == 180:
            self._waiting.clear()
        is_last = message.body == SERIES.steps[-1].message.body
        while self._waiting and (len(self._waiting) > 10 or is_last):
            self.handle(self._waiting.popleft())


@asynccontextmanager
async def consuming(url: str, consumer: Consumer) -> AsyncIterator[None]:
    async with await aio_pika.connect(url, timeout=10) as connection:
        channel = await connection.channel()
        await channel.set_qos(consumer.prefetch)
        queue = await channel.get_queue(QUEUE)
        await queue.consume(consumer.take)
        yield


async def rehearsed(url: str, consumer: Consumer, *, management_url: str | None = None) -> list[Finding]:
    """The kit's findings. The consumer starts when it is told to."""
    await declare_queue(url, QUEUE)
    rehearsal = Rehearsal(
        series=SERIES,
        queue=QUEUE,
        events=KNOWN_EVENTS,
        report=lambda: consumer.handled,
        timeout_s=1.0,
        tls=client_context(),
        management_url=management_url,
    )
    told: asyncio.Queue[str] = asyncio.Queue()
    running = asyncio.create_task(rehearsal.run(url, tell=told.put_nowait, clock=SystemClock()))
    assert await told.get() == "260 messages are sent to the queue my-service, which has no consumer yet: start it now."
    async with consuming(url, consumer):
        left = await running
    return judge(SERIES, consumer.handled, left, KNOWN_EVENTS)


def failures(findings: Sequence[Finding]) -> dict[str, str]:
    return {each.subject: each.found for each in findings if each.verdict is Verdict.FAILED}


async def test_a_right_consumer_passes(broker_vhost: str) -> None:
    findings = await rehearsed(broker_vhost, Consumer())
    assert failures(findings) == {}
    assert [each.subject for each in findings if each.verdict is Verdict.NOT_VERIFIABLE] == ["all acknowledged"]


@pytest.mark.parametrize(
    ("make", "subject", "found"),
    [
        (Forgetful, "none handled twice", "79 events handled more than once: "),
        (ShortOfMemory, "none handled twice", "72 events handled more than once: "),
        (Counting, "every event handled", "3 of 172 missing: sent again after a nack 1, late row 1, parked and "),
        (Trusting, "every event handled", "4 of 172 missing: missed, and replayed 3, redelivered 1 (ids "),
        (Scrambling, "order", "not kept for HER-id 8142520, "),
        (Hasty, "every event handled", "11 of 172 missing: ordinary 1"),
    ],
)
async def test_a_wrong_consumer_is_told_what_is_wrong_with_it_and_nothing_else(
    broker_vhost: str, make: Callable[[], Consumer], subject: str, found: str
) -> None:
    wrong = failures(await rehearsed(broker_vhost, make()))
    assert list(wrong) == [subject]
    assert wrong[subject].startswith(found)


async def test_a_consumer_that_ends_at_an_unknown_type_is_told_at_which(broker_vhost: str) -> None:
    wrong = failures(await rehearsed(broker_vhost, Strict()))
    assert list(wrong) == ["every event handled", "unknown types", "nothing left"]
    assert wrong["unknown types"] == (
        "nothing was handled after message 96 of 260, of the type no.nhn.notification.read-receipt.v1"
    )


@pytest.mark.faults  # the management API counts every five seconds
async def test_what_is_never_acknowledged_is_seen_by_the_management_api(
    broker_vhost: str, broker_management_url: str
) -> None:
    findings = await rehearsed(broker_vhost, Holding(), management_url=broker_management_url)
    assert failures(findings) == {"nothing left": "260 messages delivered and not acknowledged"}
