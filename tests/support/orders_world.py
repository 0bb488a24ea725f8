"""A bridge between a sandbox's orders and a real broker, and a subscriber's queue behind it.

async with bridged_orders(tmp_path, broker_vhost) as world:
    order = world.create(email_lives=("delivered",))
    await world.register(order)
    await world.until_closed(order)
    world.assert_told(order, await world.arrived())
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import msgspec

from bridge.clock import SystemClock
from bridge.sandbox.altinn.faults import AltinnFaultRule
from bridge.sandbox.altinn.lives import Pace
from bridge.sandbox.altinn.records import AltinnPlan, OrderRecord, OrderWish
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.server import Sandbox
from bridge.sandbox.tcp_proxy import TcpProxy
from bridge.store import Stores, open_store
from tests.support import published_plainly, signed_in
from tests.support.broker import collect, declare_queue, open_channel, ready_count
from tests.support.in_process import Bridge, kept_log
from tests.support.system import until

EXCHANGE = "altinn.notifications"
REGISTRATIONS = "bridge.altinn.orders"
QUEUE = "subscriber"
PACE = Pace(factor=0.003, expiry_s=1.0)
"""Most lives take a third of a second."""
ENDS = {"Completed": "completed", "Cancelled": "cancelled", "SendConditionNotMet": "condition-not-met"}

Event = dict[str, Any]
BridgedOrders = Callable[..., AbstractAsyncContextManager["OrdersWorld"]]


class OrdersWorld(Bridge):
    """A bridge with what is around it. Made by `bridged_orders`."""

    def __init__(
        self, environment: Mapping[str, str], log: io.StringIO, *, sandbox: Sandbox, proxy: TcpProxy, url: str
    ) -> None:
        super().__init__(environment, log)
        self.sandbox = sandbox
        self.proxy = proxy
        """Between the bridge and the broker."""
        self.url = url
        """The broker itself."""

    def create(self, **wish: Any) -> OrderRecord:
        """An order of `OrderWish`."""
        (order,) = self.sandbox.altinn.create(msgspec.convert(wish, OrderWish))
        return order

    def now(self, order: OrderRecord) -> OrderRecord:
        """The order as it stands now."""
        return self.sandbox.altinn.order(order.id)

    def fault(self, kind: FaultKind, **rule: Any) -> None:
        """Switch a fault of the API on."""
        self.sandbox.altinn.add_fault(AltinnFaultRule(kind=kind, **rule))

    def mend(self) -> None:
        """Switch all faults of the API off."""
        self.sandbox.altinn.clear_faults()

    async def register(self, *orders: OrderRecord) -> None:
        """As a service does that has placed them."""
        await self.publish(*(msgspec.json.encode({"orderId": order.id}) for order in orders))

    async def publish(self, *bodies: bytes) -> None:
        """Messages to the queue of registrations, which the bridge declares."""
        async with open_channel(self.url) as channel:
            await channel.declare_queue(REGISTRATIONS, durable=True, arguments=REGISTRATIONS_ARGUMENTS)
            for body in bodies:
                await channel.default_exchange.publish(aio_pika.Message(body), REGISTRATIONS)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Stores]:
        """The bridge's store, looked at from outside."""
        url = self.environment["BRIDGE_STORE__URL"]
        async with open_store(url, clock=SystemClock(), is_owner=False) as stores:
            yield stores

    async def cut_off(self) -> None:
        """Cancel it wherever it is; it can be started again."""
        self.running.cancel()
        await asyncio.wait({self.running})

    async def until_migrated(self) -> None:
        """Return once the store has its schema."""
        await self.until(lambda: self.log("stream.started"))

    async def state(self, order: OrderRecord) -> str | None:
        """What the store says of an order."""
        async with self.store() as stores:
            watched = await stores.altinn.order(order.id)
        return None if watched is None else watched.state

    async def until_state(self, order: OrderRecord, *states: str, timeout_s: float = 15.0) -> None:
        """Return once the store says one of these of an order."""
        await self.until_migrated()
        async with self.store() as stores:

            async def is_so() -> bool:
                watched = await stores.altinn.order(order.id)
                return watched is not None and watched.state in states

            await self.until(is_so, timeout_s=timeout_s)

    async def until_closed(self, *orders: OrderRecord) -> None:
        """Return once each order has ended, as the API says, in the store."""
        for order in orders:
            await self.until(partial(self._is_settled, order))
            await self.until_state(order, ENDS[self.now(order).ended or ""])

    def _is_settled(self, order: OrderRecord) -> bool:
        return self.now(order).is_settled

    async def until_in_feed(self, order: OrderRecord) -> None:
        """Return once the feed shows that the order has ended; the bridge need not run."""
        await until(lambda: self.now(order).is_in_feed)

    async def until_stream_stands(self, stream: str, *, at: int | None) -> None:
        """Return once a stream's cursor is there."""

        async def stands_there() -> bool:
            streams = (await self.status())["streams"]
            return [each["cursor"] for each in streams if each["name"] == stream] == [at]

        await self.until(stands_there)

    async def ready(self, queue: str) -> int:
        """Messages that wait in a queue."""
        return await ready_count(self.url, queue)

    def whole_log(self) -> str:
        """Every line so far."""
        return self._log.getvalue()

    async def arrived(self, queue: str = QUEUE) -> list[Event]:
        """Take every event that waits in the queue, in order of arrival."""
        messages = await collect(self.url, queue, await ready_count(self.url, queue), timeout_s=30)
        return [msgspec.json.decode(message.body) for message in messages]

    async def until_waiting(self, count: int, queue: str = QUEUE) -> None:
        """Return once at least so many messages wait in the queue."""

        async def are_waiting() -> bool:
            return await ready_count(self.url, queue) >= count

        await self.until(are_waiting)


REGISTRATIONS_ARGUMENTS: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}


def statuses(events: Sequence[Event], email_id: str) -> list[str]:
    """The statuses of one e-mail, repeats of the same event left out."""
    of_email = {event["id"]: event for event in events if event["data"].get("notificationId") == email_id}
    return [event["data"]["status"] for event in of_email.values()]


def closed(events: Sequence[Event]) -> dict[str, str]:
    """Order → how it ended, as events tell it."""
    return {
        event["data"]["orderId"]: event["data"]["reason"] for event in events if "order-closed" in event["dataschema"]
    }


def assert_told(order: OrderRecord, events: Sequence[Event]) -> None:
    """Each e-mail's last status arrived, and what arrived of it is what the API showed, in its order."""
    for email in order.notifications:
        if email.channel != "Email":
            continue
        shown = [(each.status, each.last_update) for each in email.history]
        told = [
            (event["data"]["status"], event["data"]["lastUpdate"])
            for event in {event["id"]: event for event in events}.values()
            if event["data"].get("notificationId") == email.id
        ]
        assert told, f"nothing of {email.id} arrived"
        assert told[-1] == shown[-1]
        places = [shown.index(each) for each in told]
        assert places == sorted(places)


@asynccontextmanager
async def bridged_orders(
    directory: Path,
    url: str,
    *,
    plan: AltinnPlan | None = None,
    settings: Mapping[str, str] | None = None,
    is_bound: bool = True,
    start: bool = True,
) -> AsyncIterator[OrdersWorld]:
    """A queue bound to all events unless told not, the bridge started unless told not, cut off at the end."""
    await declare_queue(url, QUEUE, *((EXCHANGE, "#") if is_bound else ()))
    target = urlsplit(url)
    with kept_log() as log:
        async with (
            TcpProxy(target.hostname or "localhost", target.port or 5672) as proxy,
            Sandbox(
                port=0, altinn=plan or AltinnPlan(pace=PACE, feed_delay_s=0.1, late_share=0), sign_in=signed_in.plan()
            ) as sandbox,
        ):
            login, _, _ = target.netloc.rpartition("@")
            environment = {
                "BRIDGE_ALTINN__ENABLED": "true",
                "BRIDGE_ALTINN__BASE_URL": sandbox.altinn_url,
                **signed_in.altinn_settings(sandbox, signed_in.plan()),
                **published_plainly.settings(),
                "BRIDGE_ALTINN__FIRST_POLL_S": "0.05",
                "BRIDGE_ALTINN__MAX_POLL_S": "0.2",
                "BRIDGE_ALTINN__MAX_REQUESTS_PER_S": "1000",
                "BRIDGE_ALTINN__ORDER_CLOSED_EVENTS": "true",
                "BRIDGE_BROKER__URLS": target._replace(netloc=f"{login}@{proxy.host}:{proxy.port}").geturl(),
                "BRIDGE_STORE__URL": f"sqlite:///{directory / 'bridge.db'}",
                "BRIDGE_OPS__PORT": "0",
                **(settings or {}),
            }
            world = OrdersWorld(environment, log, sandbox=sandbox, proxy=proxy, url=url)
            try:
                if start:
                    await world.start()
                yield world
            finally:
                await world.close()
