"""A session on one channel: pages in, outcomes out. How messages are put on the wire is left to the two kinds of it.

publish puts its page in line -> the writer writes as much of it as there is room for -> outcomes settle its messages
-> publish returns when its page is settled, or when the session ended and nothing more will be heard
"""

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import aiormq

from bridge.errors import BrokerUnavailable
from bridge.events.message import Message
from bridge.ports import Outcome
from bridge.rabbitmq.amqp import CLOSE_S, AmqpConnection
from bridge.rabbitmq.budget import InFlightBudget
from bridge.rabbitmq.errors import CANCEL_S, ask, describe

ENCODING_ERRORS = (TypeError, ValueError, struct.error)
"""What is raised, before a byte is written, for a message that AMQP cannot carry."""
CONVICTING = (
    aiormq.ChannelPreconditionFailed,  # 406: too large for this broker, or a property that it refuses
    aiormq.ConnectionFrameError,  # 501: headers beyond one frame
    aiormq.ConnectionSyntaxError,  # 502: a value that it cannot read
)
"""Ends of a channel or connection that are the fault of a message, where no other can have caused them."""


class Page:
    """One call of `publish`."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.ids = [message.id for message in messages]
        self.written = 0
        """How many of them were written, from the first on."""
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outcomes: list[Outcome | None] = [None] * len(messages)
        self._open = len(messages)

    def outcomes(self) -> list[Outcome]:
        """One a message; UNKNOWN where none came."""
        return [outcome or Outcome.UNKNOWN for outcome in self._outcomes]

    def settle(self, indexes: Iterable[int], outcome: Outcome) -> list[str]:
        """Take in what came for messages; returns the ids of those that nothing had come for yet."""
        ids = []
        for index in indexes:
            if self._outcomes[index] is None:
                self._outcomes[index] = outcome
                ids.append(self.ids[index])
        self._open -= len(ids)
        if not self._open:
            self.give_up()
        return ids

    def convict(self) -> None:
        """What is written and not settled is poison."""
        self.settle(range(self.written), Outcome.POISON)

    def give_up(self) -> None:
        """What is open stays UNKNOWN."""
        if not self.settled.done():
            self.settled.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Let whoever publishes hear of a defect."""
        if not self.settled.done():
            self.settled.set_exception(error)


class ChannelSession(ABC):
    """What sessions have in common; see `ports.Session` for what they promise."""

    def __init__(
        self,
        channel: aiormq.Channel,
        connection: AmqpConnection,
        *,
        budget: InFlightBudget,
        confirm_timeout_s: float,
        parked_queue: str,
        answer_timeout_s: float,
        on_ended: Callable[[str], None],
    ) -> None:
        """`on_ended` is told why, unless `close` was called."""
        self._channel = channel
        self._connection = connection
        self._budget = budget
        self._confirm_timeout_s = confirm_timeout_s
        self._parked_queue = parked_queue
        self._answer_timeout_s = answer_timeout_s
        self._on_ended = on_ended
        self._pages: set[Page] = set()
        self._line: asyncio.Queue[Page] = asyncio.Queue()
        self._ids: set[str] = set()
        """Of what is in flight: written and not settled."""
        self._has_settled = asyncio.Event()
        self._heard_at = connection.serving_s()
        self._is_open = True
        self._tasks: set[asyncio.Task[object]] = {
            asyncio.create_task(self._write(), name="rabbitmq.write"),
            asyncio.create_task(self._watch(), name="rabbitmq.watch"),
        }
        """What is cancelled when the session ends."""
        for task in self._tasks:
            task.add_done_callback(self._on_task_ended)
        connection.riders.add(self)
        channel.closing.add_done_callback(self._on_closing)

    @property
    def is_open(self) -> bool:
        """False once it ended; never true again."""
        return self._is_open

    @property
    def in_flight(self) -> int:
        """Messages written and not yet settled."""
        return len(self._ids)

    async def publish(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        """Publish a page. Its place in line is taken before the first await."""
        page = Page(messages)
        if not self._is_open or not messages:
            return page.outcomes()
        self._pages.add(page)
        self._line.put_nowait(page)
        try:
            await page.settled
        except asyncio.CancelledError:
            self._end("a publish was cancelled")
            raise
        finally:
            self._pages.discard(page)
        return page.outcomes()

    async def parked_count(self) -> int:
        """Messages in the parked queue now, those in a consumer's hands not counted."""
        if not self._is_open:
            raise BrokerUnavailable("The session with RabbitMQ has ended")
        return await self._connection.ready_count(self._parked_queue, timeout_s=self._answer_timeout_s)

    async def close(self) -> None:
        """End it: within CLOSE_S and CANCEL_S, whatever the broker does."""
        self._end(None)
        await asyncio.wait(self._tasks, timeout=CLOSE_S + CANCEL_S)

    def connection_lost(self, error: BaseException, *, convicts: bool) -> None:
        """The connection ended; `convicts`: one message alone was in flight on the whole of it."""
        self._end(describe(error), convicts=convicts and isinstance(error, CONVICTING))

    @abstractmethod
    async def _start(self, page: Page, indexes: range) -> None:
        """Write these messages, in order; each is to come to `_settle`. They count as in flight already."""

    async def _write(self) -> None:
        """The one writer of the channel: pages in line, messages in order."""
        while True:
            page = await self._line.get()
            while page.written < len(page.messages):
                wanted = self._count_fresh(page)
                if not wanted:
                    self._has_settled.clear()
                    await self._has_settled.wait()
                    continue
                if self._connection.is_blocked:
                    await self._connection.unblocked()
                granted = await self._budget.acquire(wanted)
                await self._start(page, self._take_off(page, granted))

    def _count_fresh(self, page: Page) -> int:
        """How many of the next messages can be in flight together: up to one whose id is in flight before it."""
        ids = page.ids[page.written :]
        fresh = set(ids)
        if len(fresh) == len(ids) and fresh.isdisjoint(self._ids):
            return len(ids)
        fresh.clear()
        for message_id in ids:
            if message_id in self._ids or message_id in fresh:
                break
            fresh.add(message_id)
        return len(fresh)

    def _take_off(self, page: Page, count: int) -> range:
        """The next messages of the page are in flight from now on."""
        if not self._ids:
            self._heard_at = self._connection.serving_s()
        indexes = range(page.written, page.written + count)
        self._ids.update(page.ids[indexes.start : indexes.stop])
        page.written = indexes.stop
        return indexes

    def _settle(self, page: Page, indexes: Iterable[int], outcome: Outcome) -> list[str]:
        """An outcome came. Returns the ids of those that nothing had come for yet; none once the session has ended."""
        if not self._is_open:
            return []
        self._heard_at = self._connection.serving_s()
        ids = page.settle(indexes, outcome)
        self._ids.difference_update(ids)
        self._budget.release(len(ids))
        self._has_settled.set()
        return ids

    async def _watch(self) -> None:
        """End the session when messages are in flight and no outcome came for the confirm timeout."""
        while True:
            quiet_s = self._connection.serving_s() - self._heard_at if self._ids else 0.0
            if quiet_s >= self._confirm_timeout_s:
                self._end(f"no confirm came for {self._confirm_timeout_s:g} s")
            await asyncio.sleep(self._confirm_timeout_s - quiet_s)

    def _on_task_ended(self, task: asyncio.Task[object]) -> None:
        """Our own tasks end by being cancelled; where one ends otherwise, nobody may wait for what it does."""
        if not task.cancelled() and (error := task.exception()) is not None:
            for page in self._pages:
                page.fail(error)
            self._end("a defect")

    def _on_closing(self, closing: asyncio.Future[object]) -> None:
        # A connection that just went away leaves no reason.
        self._lost((None if closing.cancelled() else closing.exception()) or EOFError())

    def _lost(self, error: BaseException) -> None:
        """The other side ended the channel or the connection. The first to notice comes here before anything of what
        is in flight has been given up, so that a message that was alone can be told.
        """
        if isinstance(error, aiormq.AMQPConnectionError):
            self._connection.lost(error)
        if isinstance(error, aiormq.ChannelNotFoundEntity):
            self._connection.topology_is_known = False
        self._end(describe(error), convicts=isinstance(error, CONVICTING) and self.in_flight == 1)

    def _end(self, reason: str | None, *, convicts: bool = False) -> None:
        """Give up what is open, and close the channel in a task of its own; only the first call does anything."""
        if not self._is_open:
            return
        self._is_open = False
        self._connection.riders.discard(self)
        self._budget.release(len(self._ids))
        self._ids.clear()
        for page in self._pages:
            if convicts:
                page.convict()
            page.give_up()
        for task in self._tasks:
            task.cancel()
        self._tasks.add(asyncio.create_task(self._close_channel(), name="rabbitmq.close"))
        if reason is not None:
            self._on_ended(reason)

    async def _close_channel(self) -> None:
        with suppress(BrokerUnavailable):
            await ask(self._channel.close(), address=self._connection.endpoint.address, timeout_s=CLOSE_S)
