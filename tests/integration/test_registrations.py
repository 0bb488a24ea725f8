"""From a service's registration to the store, on a real broker: what is acknowledged is stored or parked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest

from bridge.altinn.registrations import RegistrationSource
from bridge.checkpoints import AltinnCheckpoint, WatchOrders
from bridge.clock import SystemClock
from bridge.delivery import Delivery
from bridge.errors import StoreUnavailable
from bridge.pipeline import Pipeline
from bridge.ports import Committer
from bridge.store import open_store
from tests.support.broker import collect, open_channel
from tests.support.inboxes import QUEUE, RabbitInboxLab
from tests.support.labs import PARKED, rabbit_lab, until
from tests.support.observers import Recorder

A, B, C = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")


def body(order_id: str) -> bytes:
    return json.dumps({"orderId": order_id}).encode()


class Store:
    """Notes which orders were watched, when it works."""

    def __init__(self) -> None:
        self.watched: list[str] = []
        self.fails = False

    async def commit(self, checkpoint: AltinnCheckpoint) -> None:
        assert isinstance(checkpoint, WatchOrders)
        if self.fails:
            raise StoreUnavailable("disk full")
        self.watched += [order.order_id for order in checkpoint.orders]


@pytest.fixture
async def orders(broker_vhost: str) -> AsyncIterator[RabbitInboxLab]:
    async with rabbit_lab(broker_vhost) as lab:
        yield RabbitInboxLab(lab)


class Bridge:
    """The stream of registrations as a bridge runs it."""

    def __init__(self, orders: RabbitInboxLab, store: Committer[AltinnCheckpoint], *, prefetch: int = 100) -> None:
        self.observer = Recorder()
        self.stop = asyncio.Event()
        broker, clock = orders.lab.the_broker(), SystemClock()
        self.source = RegistrationSource(
            orders.inbox(prefetch=prefetch), parked_exchange=PARKED, clock=clock, observer=self.observer
        )
        self.delivery = Delivery(
            broker, clock=clock, observer=self.observer, unroutable="park", parked_exchange=PARKED, parked_limit=1000
        )
        self.pipeline = Pipeline(self.source, self.delivery, store, clock=clock, observer=self.observer)

    @asynccontextmanager
    async def running(self, *, drains: bool = True) -> AsyncIterator[None]:
        """At the end it drains, or is cut off in the middle of what it does."""
        task = asyncio.create_task(self.pipeline.run(self.stop))
        try:
            yield
            if drains:
                self.stop.set()
                await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.source.close()
            await self.delivery.close()


async def test_registrations_are_stored_and_then_gone_from_the_queue(orders: RabbitInboxLab) -> None:
    store = Store()
    await orders.publish(body(A), body(B))
    async with Bridge(orders, store).running():
        await until(lambda: len(store.watched) == 2)
        await orders.publish(body(C))
        await until(lambda: len(store.watched) == 3)

    await orders.waiting(0)
    assert store.watched == [A, B, C]


async def test_the_real_store_watches_an_order_that_comes_twice_once_and_lets_bad_ones_pass(
    orders: RabbitInboxLab, tmp_path: Path
) -> None:
    clock = SystemClock()
    async with open_store(f"sqlite:///{tmp_path / 'bridge.db'}", clock=clock) as stores:
        await orders.publish(b"bad", b"worse")
        bridge = Bridge(orders, stores.altinn)
        async with bridge.running():
            await until(lambda: bridge.observer.names().count("committed"))
            await orders.publish(body(A), body(A.upper()))
            await orders.publish(body(A), json.dumps({"orderId": A, "sendersReference": "17"}).encode())
            await until(lambda: sum(args[0] for name, args, _ in bridge.observer.told if name == "received") == 6)

        (watched,) = await stores.altinn.orders(limit=10)
    assert (watched.order_id, watched.state, watched.senders_reference) == (A, "registered", "17")
    await orders.waiting(0)


async def test_what_cannot_be_stored_is_in_the_queue_again_when_the_bridge_ends(orders: RabbitInboxLab) -> None:
    store = Store()
    store.fails = True
    await orders.publish(body(A), body(B))
    bridge = Bridge(orders, store)
    async with bridge.running(drains=False):
        await until(lambda: "commit_failed" in bridge.observer.names())

    await orders.waiting(2)
    store.fails = False
    async with Bridge(orders, store).running():
        await until(lambda: len(store.watched) == 2)
    await orders.waiting(0)


async def test_a_connection_lost_before_the_commit_brings_them_again_and_loses_none(orders: RabbitInboxLab) -> None:
    store = Store()
    store.fails = True
    await orders.publish(body(A), body(B))
    bridge = Bridge(orders, store)
    async with bridge.running():
        await until(lambda: "commit_failed" in bridge.observer.names())
        orders.lose_connection()
        await until(lambda: bridge.observer.names().count("received") == 2)
        store.fails = False
        await until(lambda: store.watched == [A, B, A, B])

    await orders.waiting(0)


async def test_no_more_than_the_prefetch_is_taken_while_the_store_fails(orders: RabbitInboxLab) -> None:
    store = Store()
    store.fails = True
    await orders.publish(*[body(A)] * 10)
    bridge = Bridge(orders, store, prefetch=4)
    async with bridge.running(drains=False):
        await until(lambda: bridge.observer.names().count("commit_failed") >= 2)
        await orders.waiting(6)


async def test_bad_ones_are_parked_whole_and_the_others_pass(orders: RabbitInboxLab) -> None:
    store = Store()
    await orders.publish(b"not JSON", body(A), b"")
    async with Bridge(orders, store).running():
        await until(lambda: store.watched == [A])
        async with open_channel(orders.lab.url) as channel:
            latin_1 = aio_pika.Message('{"orderId":"Søk"}'.encode("latin-1"), content_type="application/json; latin-1")
            await channel.default_exchange.publish(latin_1, QUEUE)
        parked = await collect(orders.lab.url, PARKED, 3)

    await orders.waiting(0)
    assert [(each.body, each.content_type, each.headers["x-parked-detail"]) for each in parked] == [
        (b"not JSON", "application/json", "JSON is malformed: invalid character (byte 4)"),
        (b"", "application/json", "Input data was truncated"),
        (b'{"orderId":"S\xf8k"}', "application/json; latin-1", "Invalid UUID - at `$.orderId`"),
    ]
    for each in parked:
        assert each.headers["x-parked-reason"] == "registration-invalid"
        assert each.headers["x-original-exchange"] == ""
        assert each.headers["x-original-routing-key"] == "bridge.altinn.orders"


async def test_one_too_large_for_any_event_is_parked_as_its_hash_and_the_others_pass(orders: RabbitInboxLab) -> None:
    store = Store()
    await orders.publish(b"x" * 1_048_577, body(A))
    async with Bridge(orders, store).running():
        await until(lambda: store.watched == [A])
        (parked,) = await collect(orders.lab.url, PARKED, 1)

    assert json.loads(parked.body) == {
        "sha256": "154b8ed3c2383ce429058768595935faf7851b5c38db2b1732594be1d88bc05a",
        "bytes": 1048577,
    }
    await orders.waiting(0)
