"""A session on one channel: pages in, outcomes out, each message published by itself and all of a page at once.

publish puts its page in line -> the writer writes one message after the other -> each settles by itself
-> publish returns when its page is settled, or when the session ended and nothing more will be heard
"""

import asyncio
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import aiormq
from aiormq import spec
from pamqp.common import FieldTable

from bridge.errors import BrokerUnavailable
from bridge.events.message import Message
from bridge.ports import Outcome
from bridge.rabbitmq.amqp import CLOSE_S, AmqpConnection
from bridge.rabbitmq.budget import InFlightBudget
from bridge.rabbitmq.errors import CANCEL_S, ask, describe, is_library_error

PERSISTENT = 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENCODING_ERRORS = (TypeError, ValueError, struct.error)
"""What aiormq and pamqp raise, before a byte is written, for a message that AMQP cannot carry."""
CONVICTING = (
    aiormq.ChannelPreconditionFailed,  # 406: too large for this broker, or a property that it refuses
    aiormq.ConnectionFrameError,  # 501: headers beyond one frame
    aiormq.ConnectionSyntaxError,  # 502: a value that it cannot read
)
"""Ends of a channel or connection that are the fault of a message, where no other can have caused them."""

Publishing = asyncio.Task[object]


class _Page:
    """One call of `publish`."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.outcomes = [Outcome.UNKNOWN] * len(messages)
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = len(messages)

    def settle(self, index: int, outcome: Outcome) -> None:
        self.outcomes[index] = outcome
        self._open -= 1
        if not self._open:
            self.give_up()

    def give_up(self) -> None:
        """What is open stays UNKNOWN."""
        if not self.settled.done():
            self.settled.set_result(None)

    def fail(self, error: BaseException) -> None:
        if not self.settled.done():
            self.settled.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Flight:
    """One message that is written and not yet settled."""

    page: _Page
    index: int
    task: Publishing


class PlainSession:
    """Publishes every message by aiormq's `basic_publish`; see `ports.Session` for what it promises."""

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
        self._pages: set[_Page] = set()
        self._line: asyncio.Queue[_Page] = asyncio.Queue()
        self._flights: dict[str, _Flight] = {}
        self._heard_at = connection.serving_s()
        self._is_open = True
        self._tasks: list[asyncio.Task[object]] = [
            asyncio.create_task(self._write(), name="rabbitmq.write"),
            asyncio.create_task(self._watch(), name="rabbitmq.watch"),
        ]
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
        return len(self._flights)

    async def publish(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        """Publish a page. Its place in line is taken before the first await."""
        page = _Page(messages)
        if not self._is_open or not messages:
            return page.outcomes
        self._pages.add(page)
        self._line.put_nowait(page)
        try:
            await page.settled
        except asyncio.CancelledError:
            self._end("a publish was cancelled")
            raise
        finally:
            self._pages.discard(page)
        return page.outcomes

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

    async def _write(self) -> None:
        """The one writer of the channel: pages in line, messages in order."""
        while True:
            page = await self._line.get()
            for index, message in enumerate(page.messages):
                while (earlier := self._flights.get(message.id)) is not None:
                    await asyncio.wait({earlier.task})
                if self._connection.is_blocked:
                    await self._connection.unblocked()
                await self._budget.acquire()
                self._start(page, index, message)

    def _start(self, page: _Page, index: int, message: Message) -> None:
        # Not `Exchange.publish`, which waits until the socket has taken the message: while the broker blocks, aiormq
        # would wait there with its heartbeats behind it, and give up a connection that is well. What may pile up in
        # the socket's buffer instead is bounded by the budget.
        publishing = self._channel.basic_publish(
            message.body,
            exchange=message.exchange,
            routing_key=message.routing_key,
            properties=_properties(message),
            mandatory=True,
            wait=False,
        )
        task: Publishing = asyncio.create_task(publishing)
        if not self._flights:
            self._heard_at = self._connection.serving_s()
        self._flights[message.id] = _Flight(page, index, task)
        task.add_done_callback(partial(self._settle, message.id))

    def _settle(self, message_id: str, task: Publishing) -> None:
        # aiormq ends what waits for a confirm by cancelling it, too.
        error = EOFError() if task.cancelled() else task.exception()
        flight = self._flights.get(message_id)
        if flight is None or flight.task is not task:
            return  # given up when the session ended
        match error:
            case None:
                outcome = Outcome.ROUTED
            case aiormq.PublishError():
                outcome = Outcome.RETURNED
            case aiormq.DeliveryError():
                outcome = Outcome.REFUSED
            case _ if isinstance(error, ENCODING_ERRORS):
                outcome = Outcome.POISON
            case _:
                if not is_library_error(error):
                    flight.page.fail(error)  # a defect: whoever publishes must hear of it
                self._lost(error)
                return
        del self._flights[message_id]
        self._budget.release()
        self._heard_at = self._connection.serving_s()
        flight.page.settle(flight.index, outcome)

    async def _watch(self) -> None:
        """End the session when messages are in flight and no outcome came for the confirm timeout."""
        while True:
            quiet_s = self._connection.serving_s() - self._heard_at if self._flights else 0.0
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
        self._end(describe(error), convicts=isinstance(error, CONVICTING) and len(self._flights) == 1)

    def _end(self, reason: str | None, *, convicts: bool = False) -> None:
        """Give up what is open, and close the channel in a task of its own; only the first call does anything."""
        if not self._is_open:
            return
        self._is_open = False
        self._connection.riders.discard(self)
        flights = list(self._flights.values())
        self._flights.clear()
        self._budget.release(len(flights))
        for flight in flights:
            flight.task.cancel()
            if convicts:
                flight.page.settle(flight.index, Outcome.POISON)
        for page in self._pages:
            page.give_up()
        for task in self._tasks:
            task.cancel()
        self._tasks += [flight.task for flight in flights]
        self._tasks.append(asyncio.create_task(self._close_channel(), name="rabbitmq.close"))
        if reason is not None:
            self._on_ended(reason)

    async def _close_channel(self) -> None:
        with suppress(BrokerUnavailable):
            await ask(self._channel.close(), address=self._connection.endpoint.address, timeout_s=CLOSE_S)


def _properties(message: Message) -> spec.Basic.Properties:
    """The AMQP properties of product.md §4. A time before 1970 has no AMQP timestamp; the body has it."""
    headers: FieldTable = dict(message.headers)
    return spec.Basic.Properties(
        content_type=message.content_type,
        headers=headers,
        delivery_mode=PERSISTENT,
        correlation_id=message.correlation_id,
        message_id=message.id,
        timestamp=message.created_at if message.created_at is not None and message.created_at >= EPOCH else None,
        message_type=message.type,
        app_id="bridge",
    )
