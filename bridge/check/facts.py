"""What was seen on the broker, before anybody judges it. Pure. AMQP and the management API each know a part."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bridge.rabbitmq.management import Binding, Permissions, TopicPermissions


class Unseen(msgspec.Struct, frozen=True):
    """Something that could not be looked at."""

    why: str
    """A clause."""
    fix: str | None = None


class Server(msgspec.Struct, frozen=True):
    """What a broker says of itself when somebody signs in; empty where it says nothing."""

    product: str
    version: str
    cluster: str
    """The cluster's name."""


class ExchangeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange. None: not seen."""

    exists: bool | None = None
    differs: str | None = None
    """In what it is not the exchange that was looked for, as a clause."""
    is_compared: bool = False
    """Whether `differs` was looked at."""
    elsewhere: str | None = None
    """Where else that may go for which no queue is bound here; None: nowhere."""
    may_configure: bool | None = None
    """Whether the login may declare it."""


class QueueFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One queue. None: not seen."""

    exists: bool | None = None
    differs: str | None = None
    """In what it is not a durable queue for everybody, as a clause."""
    messages: int | None = None
    """Ready, those in a consumer's hands not counted."""
    type: str | None = None
    limits: Mapping[str, Any] | None = None
    """What applies from its arguments and policies, by the name that policies use."""
    may_configure: bool | None = None


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """All that was seen."""

    exchanges: Mapping[str, ExchangeFacts]
    queues: Mapping[str, QueueFacts]
    bindings: Mapping[str, Sequence[Binding] | Unseen]
    """Exchange → all that is bound to it."""
    permissions: Permissions | Unseen | None
    """None: the management API knows none of this user."""
    topic_permissions: Sequence[TopicPermissions] | Unseen
    version: str | None
    """RabbitMQ's."""
