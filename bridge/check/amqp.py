"""What AMQP alone tells of exchanges and queues, without declaring any.

A passive declare says whether one exists, not what it is. So one that exists is then declared with an argument that
RabbitMQ takes from nobody: the answer is always a refusal, and its reason says first whether type and durability agree.
It comes before anything could be made, should the thing have gone meanwhile. Alike from 3.10 to 4.x.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

import aiormq
from aio_pika.abc import AbstractChannel
from pamqp.common import FieldTable

from bridge.check.facts import ExchangeFacts, QueueFacts, Server
from bridge.rabbitmq.amqp import AmqpConnection

ANSWER_S = 5.0
"""For one question."""
NOT_AN_EXCHANGE: FieldTable = {"alternate-exchange": 1}
NOT_A_DEAD_LETTER_EXCHANGE: FieldTable = {"x-dead-letter-exchange": 1}
"""Arguments of a type that is refused; the names of exchanges are texts."""
_DIFFERENCE = re.compile(r"inequivalent arg '([^']+)' .* current is (.+)", re.DOTALL)
_CLAUSES: Mapping[str, str] = MappingProxyType(
    {
        "type": "its type is {}",
        "durable": "it is not durable",
        "auto_delete": "it deletes itself when unused",
        "internal": "it is internal: nobody may publish to it",
        "exclusive": "it is exclusive to one connection",
    }
)

Step = Callable[[AbstractChannel], Awaitable[object]]


async def look_at_exchange(connection: AmqpConnection, name: str, kind: str) -> ExchangeFacts:
    """Whether there is a durable exchange of this kind. Raises BrokerUnavailable."""
    refusal = await _refusal(connection, lambda channel: channel.declare_exchange(name, passive=True))
    if refusal is not None:
        return ExchangeFacts(exists=_exists(refusal))
    refusal = await _refusal(
        connection, lambda channel: channel.declare_exchange(name, kind, durable=True, arguments=NOT_AN_EXCHANGE)
    )
    if isinstance(refusal, aiormq.ChannelAccessRefused):
        return ExchangeFacts(exists=True, may_configure=False)
    what, current = _difference(refusal)
    if what == "alternate-exchange":
        elsewhere = None if current.startswith("none") else "its alternate exchange"
        return ExchangeFacts(exists=True, is_compared=True, elsewhere=elsewhere, may_configure=True)
    if what in _CLAUSES:
        return ExchangeFacts(exists=True, is_compared=True, differs=_clause(what, current), may_configure=True)
    return ExchangeFacts(exists=True)


async def look_at_queue(connection: AmqpConnection, name: str) -> QueueFacts:
    """Whether there is a durable queue, and how much waits in it. Raises BrokerUnavailable."""
    counts: list[int] = []

    async def count(channel: AbstractChannel) -> None:
        declared = await channel.declare_queue(name, passive=True)
        counts.append(declared.declaration_result.message_count or 0)

    refusal = await _refusal(connection, count)
    if refusal is not None:
        is_locked = isinstance(refusal, aiormq.ChannelLockedResource)
        return QueueFacts(
            exists=_exists(refusal), differs="it is exclusive to another connection" if is_locked else None
        )
    refusal = await _refusal(
        connection, lambda channel: channel.declare_queue(name, durable=True, arguments=NOT_A_DEAD_LETTER_EXCHANGE)
    )
    what, current = _difference(refusal)
    return QueueFacts(
        exists=True,
        messages=counts[0],
        differs=_clause(what, current) if what in _CLAUSES else None,
        may_configure=False if isinstance(refusal, aiormq.ChannelAccessRefused) else (True if what else None),
    )


async def server_of(connection: AmqpConnection) -> Server:
    """Who answers there. Raises BrokerUnavailable."""

    async def ask() -> Server:
        async with connection.brief_channel() as channel:
            underlay = await channel.get_underlay_channel()
        said = underlay.connection.server_properties
        return Server(*(str(said.get(name, "")) for name in ("product", "version", "cluster_name")))

    return await connection.ask(ask, timeout_s=ANSWER_S)


async def _refusal(connection: AmqpConnection, step: Step) -> aiormq.AMQPChannelError | None:
    """What the broker says against one step, on a channel of its own; None where it takes it."""

    async def ask() -> aiormq.AMQPChannelError | None:
        try:
            async with connection.brief_channel() as channel:
                await step(channel)
        except aiormq.AMQPChannelError as error:
            return error
        return None

    return await connection.ask(ask, timeout_s=ANSWER_S)


def _exists(refusal: aiormq.AMQPChannelError) -> bool | None:
    """RabbitMQ says NOT_FOUND also of a queue whose node is down."""
    if not isinstance(refusal, aiormq.ChannelNotFoundEntity):
        return True
    return False if " - no " in str(refusal) else None


def _difference(refusal: aiormq.AMQPChannelError | None) -> tuple[str, str]:
    """The first property that differs, and what it is; empty where the refusal names none."""
    found = _DIFFERENCE.search(str(refusal))
    return (found[1], found[2]) if found else ("", "")


def _clause(what: str, current: str) -> str:
    return _CLAUSES[what].format(current.strip("'"))
