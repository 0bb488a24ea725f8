"""Subscribers' queues by AMQP: is each there? Those that are the bridge's to declare are declared where they are not.

AMQP shows no bindings. Of a queue that the bridge declares they are made anew at each look, which changes nothing where
they are there.
"""

from collections.abc import Mapping, Sequence

import aiormq
from pamqp.common import FieldTable

from bridge.rabbitmq.topology import NewChannel, Work
from bridge.routes import Route, RouteFacts

QUORUM: FieldTable = {"x-queue-type": "quorum"}
_NO_SUCH_QUEUE = " - no "
"""In RabbitMQ's words for a queue that is not there; it answers "not found" of one whose node is down, too."""


async def look_at_routes(routes: Sequence[Route], new_channel: NewChannel) -> Mapping[Route, RouteFacts]:
    """What of each route AMQP shows. Raises the library's errors where the connection fails."""
    return {route: await _look(route, new_channel) for route in routes}


async def _look(route: Route, new_channel: NewChannel) -> RouteFacts:
    seen = await _look_at_queue(route.queue, new_channel)
    if not route.declare:
        return seen
    work = Work(new_channel, declares=True)
    await work.bound_queue(route.queue, route.exchange, route.bindings, QUORUM)
    if not work.mistakes:
        return RouteFacts(exists=True, bound=frozenset(route.bindings), declared_anew=seen.exists is False)
    exists = (await _look_at_queue(route.queue, new_channel)).exists
    return RouteFacts(exists=exists, bound=frozenset(), trouble="; ".join(work.mistakes))


async def _look_at_queue(name: str, new_channel: NewChannel) -> RouteFacts:
    try:
        async with new_channel() as channel:
            await channel.declare_queue(name, passive=True)
    except aiormq.ChannelNotFoundEntity as refusal:
        trouble = None if _NO_SUCH_QUEUE in str(refusal) else "the queue's node is down"
        return RouteFacts(exists=False, trouble=trouble)
    except aiormq.ChannelLockedResource:
        return RouteFacts(exists=True)  # exclusive to its subscriber's connection
    except aiormq.AMQPChannelError:
        return RouteFacts()
    return RouteFacts(exists=True)
