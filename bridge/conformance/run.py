"""The rehearsal itself: the series published to one queue, and the wait for what the consumer makes of it."""

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
from aio_pika.abc import AbstractChannel

from bridge.conformance.series import Series, Step
from bridge.conformance.verdict import Left, is_done
from bridge.errors import BridgeError, BrokerUnavailable, ConfigurationError
from bridge.ports import Clock, Outcome
from bridge.rabbitmq.amqp import AmqpConnection, silence_libraries
from bridge.rabbitmq.budget import InFlightBudget
from bridge.rabbitmq.endpoint import Endpoint
from bridge.rabbitmq.management import Management, open_management
from bridge.rabbitmq.page_session import PageSession

ANSWER_S = 10.0
"""For the broker to answer to one thing."""
CONFIRM_S = 15.0
IN_FLIGHT = 500
LOOK_S = 0.2
"""Between two looks at queue and report."""
QUIET_S = 0.5
"""The report has to be as it is for so long: after the last event a repeat may still be in hand."""
STATISTICS_S = 6.0
"""The management API counts every five seconds: what it says is believed so long after all seemed done."""

Report = Callable[[], Sequence[str]]
"""The ids that the consumer has handled so far, in its order."""
Tell = Callable[[str], None]
"""Takes sentences for people."""


class NotRehearsed(BridgeError):
    """The series could not be sent; nothing is known of the consumer."""


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """A series for a queue, and how its consumer is watched."""

    series: Series
    queue: str
    events: Sequence[str]
    """Names of those that the consumer knows."""
    report: Report
    timeout_s: float
    """How long the consumer may be without a new event handled."""
    tls: ssl.SSLContext
    management_url: str | None = None

    async def run(self, url: str, *, tell: Tell, clock: Clock) -> Left:
        """Send all of it, then wait until the consumer is done, or has made no progress for the timeout.

        Raises ConfigurationError, before anything is sent, where the queue is missing or has messages in it.
        """
        endpoint = Endpoint.parse(url)
        async with _connection(endpoint, self.tls) as connection:
            consumers = await self._look(connection)
            await self._publish(connection, self.series.steps[:1])
            if not consumers and not await self._redeliver(connection):
                tell("The first event could not be taken and put back: none will come marked as redelivered.")
            await self._publish(connection, self.series.steps[1:])
            count = f"{len(self.series.steps)} messages are sent to the queue {self.queue}"
            tell(f"{count}." if consumers else f"{count}, which has no consumer yet: start it now.")
            await self._wait(connection, tell, clock)
            ready = await self._ready(connection)
        return Left(ready=ready, unacknowledged=await self._unacknowledged(endpoint, tell, clock))

    async def _look(self, connection: AmqpConnection) -> int:
        """How many consumers the queue has."""

        async def look() -> tuple[int, int]:
            async with connection.brief_channel() as channel:
                found = (await channel.declare_queue(self.queue, passive=True)).declaration_result
                return found.message_count or 0, found.consumer_count or 0

        try:
            messages, consumers = await connection.ask(look, timeout_s=ANSWER_S)
        except BrokerUnavailable as error:
            raise ConfigurationError(
                f"The queue {self.queue} cannot be looked at ({error}): let its consumer declare it first, in the "
                "vhost that the URL names."
            ) from error
        if messages:
            raise ConfigurationError(
                f"There are messages in the queue {self.queue} already ({messages}), and what is invented must not be "
                "mixed with them: rehearse on a queue, and a broker, where nothing real arrives."
            )
        return consumers

    async def _publish(self, connection: AmqpConnection, steps: Sequence[Step]) -> None:
        """As the bridge publishes, but by the default exchange, to which every queue is bound by its name."""
        session = PageSession(
            await connection.channel(timeout_s=ANSWER_S),
            connection,
            budget=InFlightBudget(IN_FLIGHT),
            confirm_timeout_s=CONFIRM_S,
            parked_queue="",
            answer_timeout_s=ANSWER_S,
            on_ended=lambda _: None,
        )
        try:
            outcomes = await session.publish(
                [msgspec.structs.replace(step.message, exchange="", routing_key=self.queue) for step in steps]
            )
        finally:
            await session.close()
        if wrong := [outcome for outcome in outcomes if outcome is not Outcome.ROUTED]:
            raise NotRehearsed(
                f"Only {len(outcomes) - len(wrong)} of {len(outcomes)} messages came into the queue {self.queue} (the "
                f"next one was {wrong[0].value}): see that it has room, and that the broker is well."
            )

    async def _redeliver(self, connection: AmqpConnection) -> bool:
        """Take the first message and put it back, so that it comes marked as redelivered."""

        async def put_back(channel: AbstractChannel) -> bool:
            queue = await channel.get_queue(self.queue, ensure=False)
            message = await queue.get(fail=False)
            if message is not None:
                await message.nack(requeue=True)
            return message is not None

        async def take() -> bool:
            async with connection.brief_channel() as channel:
                return await put_back(channel)

        try:
            return await connection.ask(take, timeout_s=ANSWER_S)
        except BrokerUnavailable:  # it may publish, but not read, or the queue wants a single consumer
            return False

    async def _wait(self, connection: AmqpConnection, tell: Tell, clock: Clock) -> None:
        handled: Sequence[str] = ()
        distinct = 0
        moved_at = changed_at = clock.monotonic()
        while clock.monotonic() - moved_at < self.timeout_s:
            await clock.sleep(LOOK_S)
            before, handled = handled, self.report()
            if len(handled) != len(before):
                changed_at = clock.monotonic()
            own = len(self.series.firsts.keys() & set(handled))
            if own > distinct:
                distinct, moved_at = own, clock.monotonic()
            is_quiet = clock.monotonic() - changed_at >= QUIET_S
            if is_quiet and is_done(self.series, handled, self.events) and not await self._ready(connection):
                return
        tell(f"No new event was handled for {self.timeout_s:g} s: the waiting ends.")

    async def _ready(self, connection: AmqpConnection) -> int:
        return await connection.ready_count(self.queue, timeout_s=ANSWER_S)

    async def _unacknowledged(self, endpoint: Endpoint, tell: Tell, clock: Clock) -> int | None:
        """As soon as there are none, or after the timeout."""
        if self.management_url is None:
            return None
        async with open_management(self.management_url, vhost=endpoint.vhost, tls=self.tls) as management:
            try:
                return await self._counted(management, clock)
            except BrokerUnavailable as error:
                tell(f"{error}.")
                return None

    async def _counted(self, management: Management, clock: Clock) -> int | None:
        await clock.sleep(STATISTICS_S)
        deadline = clock.monotonic() + self.timeout_s
        while (count := await management.unacknowledged(self.queue)) and clock.monotonic() < deadline:
            await clock.sleep(LOOK_S)
        return count


@asynccontextmanager
async def _connection(endpoint: Endpoint, tls: ssl.SSLContext) -> AsyncIterator[AmqpConnection]:
    silence_libraries()
    connection = await AmqpConnection.open(
        endpoint, tls=tls, timeout_s=ANSWER_S, on_blocked=lambda _: None, on_lost=lambda _: None
    )
    try:
        yield connection
    finally:
        await connection.close()
