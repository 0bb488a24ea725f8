"""Looks at all of the broker that `bridge run` will need: by AMQP, and by the management API where there is one."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec

from bridge.check.amqp import look_at_exchange, look_at_queue
from bridge.check.facts import ExchangeFacts, QueueFacts, Survey, Unseen
from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.amqp import AmqpConnection
from bridge.rabbitmq.management import (
    Binding,
    Exchange,
    Management,
    ManagementRefused,
    ManagementUnavailable,
    Queue,
)
from bridge.settings import Settings

T = TypeVar("T")

NO_ANSWER = Unseen("the management API gives no answer")


class Asker:
    """Asks the management API, and notes what it does not tell. One that gives no answer is not asked again."""

    def __init__(self, management: Management | None, why_not: Unseen = NO_ANSWER) -> None:
        """`why_not`: there is no management API, or none that could be asked."""
        self._management = management
        self._why_not = why_not

    async def ask(self, question: Callable[[Management], Awaitable[T]], *, tag: str = "management") -> T | Unseen:
        """The answer. `tag`: what the management API's user needs for it."""
        if self._management is None:
            return self._why_not
        try:
            return await question(self._management)
        except ManagementRefused:
            fix = f"Give the user of BRIDGE_BROKER__MANAGEMENT_URL the tag {tag} (rabbitmqctl set_user_tags)."
            return Unseen("the management API does not show it to its user", fix)
        except ManagementUnavailable:
            self._management = None
            return self._why_not


async def take_survey(
    settings: Settings, connection: AmqpConnection | None, asker: Asker, *, user: str, version: str | None
) -> Survey:
    """What is there. `connection`: None where no node was reached; then the management API alone is asked."""
    broker = settings.broker
    topics = (*map(settings.exchange_of, broker.subscriptions), *settings.event_exchanges)
    kinds = {**dict.fromkeys(topics, "topic"), broker.exchange_parked: "fanout"}
    own = [broker.exchange_parked, *([broker.queue_orders] if settings.altinn.is_on else [])]
    queues = dict.fromkeys([*own, *(each.queue for each in broker.subscriptions)])
    return Survey(
        exchanges={name: await _exchange(name, kind, connection, asker) for name, kind in kinds.items()},
        queues={name: await _queue(name, connection, asker) for name in queues},
        bindings={name: await _bindings(name, asker) for name in kinds},
        permissions=await asker.ask(lambda management: management.permissions(user), tag="administrator"),
        topic_permissions=await asker.ask(lambda management: management.topic_permissions(user), tag="administrator"),
        version=version,
    )


async def _exchange(name: str, kind: str, connection: AmqpConnection | None, asker: Asker) -> ExchangeFacts:
    facts = ExchangeFacts()
    if connection is not None:
        with suppress(BrokerUnavailable):
            facts = await look_at_exchange(connection, name, kind)
    seen = await asker.ask(lambda management: management.exchange(name))
    if not isinstance(seen, Exchange):
        return facts if seen is not None or facts.exists is not None else ExchangeFacts(exists=False)
    return msgspec.structs.replace(
        facts,
        exists=True,
        is_compared=True,
        differs=facts.differs or exchange_difference(seen, kind),
        elsewhere=await _elsewhere(seen, asker) or facts.elsewhere,
    )


async def _elsewhere(exchange: Exchange, asker: Asker) -> str | None:
    """An alternate exchange, which an argument or a policy can give it."""
    if "alternate-exchange" in exchange.arguments:
        return "its alternate exchange"
    if exchange.policy is None:
        return None
    name = exchange.policy
    says = await asker.ask(lambda management: management.policy(name))
    if isinstance(says, Unseen):
        return f"an alternate exchange, if its policy {name} gives it one,"
    return "its alternate exchange" if "alternate-exchange" in says else None


async def _queue(name: str, connection: AmqpConnection | None, asker: Asker) -> QueueFacts:
    facts = QueueFacts()
    if connection is not None:
        with suppress(BrokerUnavailable):
            facts = await look_at_queue(connection, name)
    seen = await asker.ask(lambda management: management.queue(name))
    if not isinstance(seen, Queue):
        return facts if seen is not None or facts.exists is not None else QueueFacts(exists=False)
    differs = facts.differs or (None if seen.durable else "it is not durable")
    return msgspec.structs.replace(facts, exists=True, differs=differs, type=seen.type, limits=seen.limits)


async def _bindings(exchange: str, asker: Asker) -> Sequence[Binding] | Unseen:
    return await asker.ask(lambda management: management.bindings_from(exchange))


def exchange_difference(exchange: Exchange, kind: str) -> str | None:
    """In what the exchange is not a durable one of the kind, as a clause. Pure."""
    if exchange.type != kind:
        return f"its type is {exchange.type}"
    if not exchange.durable:
        return "it is not durable"
    return "it is internal: nobody may publish to it" if exchange.internal else None
