"""RabbitMQ's management API, as far as it shows what AMQP cannot: bindings, arguments, permissions, alarms. Only reads.

Facts: https://www.rabbitmq.com/docs/http-api-reference, alike from 3.10 to 4.x. Any user with the tag `management` sees
exchanges, queues and bindings; nodes need `monitoring`, policies `policymaker`, permissions `administrator`.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar
from urllib.parse import quote, unquote, urlsplit

import httpx
import msgspec

from bridge.errors import BrokerUnavailable

TIMEOUT_S = 10.0
"""For one whole question."""
MAX_BODY_BYTES = 16 * 1024 * 1024
"""Of one answer: about 80,000 bindings."""
_REFUSED = frozenset({401, 403})

T = TypeVar("T")


class ManagementUnavailable(BrokerUnavailable):
    """The management API gave no usable answer. Nothing is concluded from it: asking again may work."""


class ManagementRefused(ManagementUnavailable):
    """It does not know the login, or its user lacks the tag that the question needs."""


class Binding(msgspec.Struct, frozen=True):
    """A way from an exchange to a queue, or to another exchange."""

    destination: str
    destination_type: Literal["queue", "exchange"]
    routing_key: str


class Exchange(msgspec.Struct, frozen=True):
    """An exchange as it is now."""

    type: str
    durable: bool
    internal: bool = False
    arguments: Mapping[str, Any] = {}
    policy: str | None = None
    """Name of the policy that applies to it; what it says is another question."""


class Queue(msgspec.Struct, frozen=True):
    """A queue as it is now. Counts are left out: the API's are seconds old, AMQP's are not. One of them
    AMQP does not tell: `Management.unacknowledged`.
    """

    durable: bool
    type: str = "classic"
    arguments: Mapping[str, Any] = {}
    effective_policy_definition: Mapping[str, Any] | list[Any] | None = None
    """Keys as in the arguments, without `x-`. An empty one may be written as a list."""

    @property
    def limits(self) -> Mapping[str, Any]:
        """What applies to it from arguments and policies, by the name that policies use, e.g. `delivery-limit`.

        Where both give a number, RabbitMQ takes the lower one (https://www.rabbitmq.com/docs/policies); else the
        argument holds. What a policy says is seen some seconds after it was set.
        """
        policy = self.effective_policy_definition
        limits: dict[str, Any] = dict(policy) if isinstance(policy, Mapping) else {}
        for argument, value in self.arguments.items():
            name = argument.removeprefix("x-")
            other = limits.get(name)
            limits[name] = min(value, other) if isinstance(value, int) and isinstance(other, int) else value
        return limits


class _Unacknowledged(msgspec.Struct, frozen=True):
    """Absent until the first statistics of a new queue."""

    messages_unacknowledged: int | None = None


class Permissions(msgspec.Struct, frozen=True):
    """Regular expressions on the names of exchanges and queues. The empty one matches nothing."""

    configure: str
    write: str
    read: str


class TopicPermissions(msgspec.Struct, frozen=True):
    """Regular expressions on routing keys; for an exchange without an entry every key is allowed."""

    exchange: str
    write: str
    read: str


class Node(msgspec.Struct, frozen=True):
    """A node of the cluster. What a stopped node does not tell is as if all were well there."""

    name: str
    running: bool = True
    mem_alarm: bool = False
    disk_free_alarm: bool = False
    partitions: list[str] = []


class _Policy(msgspec.Struct, frozen=True):
    definition: Mapping[str, Any] = {}


class Overview(msgspec.Struct, frozen=True):
    """Who answers."""

    rabbitmq_version: str
    """E.g. `3.10.8`."""
    cluster_name: str
    """The same as AMQP's server properties name."""


class Management:
    """Questions about one vhost. Every method raises ManagementUnavailable; None or nothing means: there is none."""

    def __init__(self, client: httpx.AsyncClient, *, vhost: str, address: str, timeout_s: float) -> None:
        """`client`: has the base URL and the login. `address`: `host:port`, for errors."""
        self._client = client
        self._vhost = quote(vhost, safe="")
        self._address = address
        self._timeout_s = timeout_s

    async def overview(self) -> Overview:
        """What any user with the tag `management` may know; the first question to ask."""
        return await self._need("overview", Overview)

    async def nodes(self) -> list[Node]:
        """The nodes of the cluster, those that are down included."""
        return await self._need("nodes", list[Node])

    async def has_vhost(self, vhost: str) -> bool:
        """Whether there is such a vhost; it need not be the one that the other questions are about."""
        return await self._ask(f"vhosts/{quote(vhost, safe='')}", dict[str, Any]) is not None

    async def exchange(self, name: str) -> Exchange | None:
        """The exchange with this name."""
        return await self._ask(f"exchanges/{self._vhost}/{quote(name, safe='')}", Exchange)

    async def queue(self, name: str) -> Queue | None:
        """The queue with this name."""
        return await self._ask(f"queues/{self._vhost}/{quote(name, safe='')}", Queue)

    async def unacknowledged(self, name: str) -> int | None:
        """Messages of the queue that are delivered and not acknowledged, as of some seconds ago; None where that is not
        known yet.
        """
        found = await self._ask(f"queues/{self._vhost}/{quote(name, safe='')}", _Unacknowledged)
        return None if found is None else found.messages_unacknowledged

    async def bindings_from(self, exchange: str) -> list[Binding]:
        """All that is bound to the exchange; nothing where there is no such exchange."""
        path = f"exchanges/{self._vhost}/{quote(exchange, safe='')}/bindings/source"
        return await self._ask(path, list[Binding]) or []

    async def bound_with(self, exchange: str, queue: str) -> frozenset[str]:
        """The routing keys that the queue is bound to the exchange with; nothing where either is not there."""
        path = f"bindings/{self._vhost}/e/{quote(exchange, safe='')}/q/{quote(queue, safe='')}"
        return frozenset(each.routing_key for each in await self._ask(path, list[Binding]) or [])

    async def policy(self, name: str) -> Mapping[str, Any]:
        """What the policy of this name says."""
        found = await self._ask(f"policies/{self._vhost}/{quote(name, safe='')}", _Policy)
        return {} if found is None else found.definition

    async def permissions(self, user: str) -> Permissions | None:
        """What the user may do in the vhost; None also for a user that is kept elsewhere (LDAP, OAuth 2)."""
        return await self._ask(f"permissions/{self._vhost}/{quote(user, safe='')}", Permissions)

    async def topic_permissions(self, user: str) -> list[TopicPermissions]:
        """To which routing keys the user is held."""
        path = f"topic-permissions/{self._vhost}/{quote(user, safe='')}"
        return await self._ask(path, list[TopicPermissions]) or []

    async def _need(self, path: str, kind: type[T]) -> T:
        answer = await self._ask(path, kind)
        if answer is None:
            raise ManagementUnavailable(f"{self._who}: what answers there is no management API of RabbitMQ")
        return answer

    async def _ask(self, path: str, kind: type[T]) -> T | None:
        """The answer to one question; None for 404."""
        try:
            async with asyncio.timeout(self._timeout_s), self._client.stream("GET", f"api/{path}") as response:
                body = await self._read(response)
        except TimeoutError as error:
            raise ManagementUnavailable(f"{self._who}: no answer within {self._timeout_s:g} s") from error
        except httpx.HTTPError as error:
            # Neither its text nor the URL: both may be of any length, and the URL names queues.
            raise ManagementUnavailable(f"{self._who}: no connection ({type(error).__name__})") from error
        if response.status_code in _REFUSED:
            raise ManagementRefused(f"{self._who} does not let its user see this ({response.status_code})")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.status_code != httpx.codes.OK:
            raise ManagementUnavailable(f"{self._who} answered {response.status_code}")
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ManagementUnavailable(f"{self._who}: what answers there is no management API of RabbitMQ") from error

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise ManagementUnavailable(f"{self._who}: an answer is over {MAX_BODY_BYTES} bytes")
        return bytes(body)

    @property
    def _who(self) -> str:
        return f"The management API at {self._address}"


@asynccontextmanager
async def open_management(
    url: str, *, vhost: str, tls: ssl.SSLContext, timeout_s: float = TIMEOUT_S
) -> AsyncIterator[Management]:
    """The management API at `url` (of the settings: http or https, with user and password), for one vhost.

    Connects at the first question. No proxy of the environment is used: brokers are inside.
    """
    parts = urlsplit(url)
    login, _, address = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    async with httpx.AsyncClient(
        base_url=parts._replace(netloc=address).geturl(),
        auth=(unquote(user), unquote(password)) if login else None,
        verify=tls,
        timeout=timeout_s,
        trust_env=False,
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    ) as client:
        yield Management(client, vhost=vhost, address=address, timeout_s=timeout_s)
