"""RabbitInbox, as far as only RabbitMQ can put it to the test: its queue, its alarms, and what others publish."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import aio_pika
import aiormq
import pytest
from pamqp import encode

from bridge.errors import BrokerUnavailable
from bridge.ports import Inbox, Outcome
from bridge.rabbitmq.topology import Topology
from tests.support.broker import Rabbitmqctl, close_all_connections, declare_queue, memory_alarm, open_channel
from tests.support.inboxes import QUEUE, RabbitInboxLab
from tests.support.labs import RabbitLab, page, until

ONE = b'{"orderId":"9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d"}'


@pytest.fixture
def orders(lab: RabbitLab) -> RabbitInboxLab:
    return RabbitInboxLab(lab)


async def first(inbox: Inbox) -> bytes:
    """The next message alone, acknowledged."""
    async with asyncio.timeout(10):
        (delivered,) = await inbox.receive()
    await inbox.acknowledge([delivered])
    return delivered.body


class TestTheQueue:
    async def test_it_is_declared_by_the_first_connection(self, orders: RabbitInboxLab) -> None:
        inbox = orders.inbox()
        await inbox.subscribe()

        async with open_channel(orders.lab.url) as channel:
            await channel.default_exchange.publish(aio_pika.Message(ONE), QUEUE)

        assert await first(inbox) == ONE

    @pytest.mark.parametrize("arguments", [{"x-queue-type": "classic"}, {"x-queue-type": "quorum"}, None])
    async def test_a_durable_queue_that_somebody_made_otherwise_is_read_as_it_is(
        self, orders: RabbitInboxLab, arguments: dict[str, str] | None
    ) -> None:
        await declare_queue(orders.lab.url, QUEUE, arguments={**arguments} if arguments else None)
        async with open_channel(orders.lab.url) as channel:
            await channel.default_exchange.publish(aio_pika.Message(ONE), QUEUE)

        assert await first(orders.inbox()) == ONE

    async def test_deleted_under_it_who_waits_hears_of_it_and_the_next_call_declares_it_again(
        self, orders: RabbitInboxLab
    ) -> None:
        inbox = orders.inbox()
        await inbox.subscribe()
        session = await orders.lab.session()
        receiving = asyncio.create_task(inbox.receive())
        async with open_channel(orders.lab.url) as channel:
            await channel.queue_delete(QUEUE)

        with pytest.raises(BrokerUnavailable, match=r"^The queue bridge\.altinn\.orders is not read any more: .*del"):
            await receiving

        await inbox.subscribe()
        await orders.publish(ONE)
        assert await first(inbox) == ONE
        assert await session.publish(page(1)) == [Outcome.RETURNED]
        assert orders.lab.proxy.accepted == 1

    async def test_where_it_is_only_looked_for_and_missing_the_error_names_it(self, orders: RabbitInboxLab) -> None:
        orders.lab.topology = Topology(exchanges=(), registrations_queue=QUEUE, mode="check")

        with pytest.raises(BrokerUnavailable, match=r"queue bridge\.altinn\.orders: an exchange or queue is missing"):
            await orders.inbox().subscribe()

    async def test_a_queue_that_is_missing_although_the_topology_does_not_say_so_is_told(self, lab: RabbitLab) -> None:
        inbox = lab.the_broker().inbox("nobodys")

        for _ in range(2):
            with pytest.raises(BrokerUnavailable, match="an exchange or queue is missing"):
                await inbox.subscribe()


class TestTheConnection:
    async def test_reader_and_publishers_share_one(self, orders: RabbitInboxLab) -> None:
        await orders.publish(ONE)
        inbox = orders.inbox()
        session = await orders.lab.session()

        assert await first(inbox) == ONE
        assert await session.publish(page(1)) == [Outcome.RETURNED]
        assert orders.lab.proxy.accepted == 1

    async def test_one_that_the_broker_closes_is_followed_by_another(
        self, orders: RabbitInboxLab, rabbitmqctl: Rabbitmqctl
    ) -> None:
        await orders.publish(ONE)
        inbox = orders.inbox()
        assert [each.body for each in await inbox.receive()] == [ONE]

        await close_all_connections(rabbitmqctl, orders.lab.url)

        with pytest.raises(BrokerUnavailable):
            await inbox.receive()
        assert await first(inbox) == ONE

    async def test_who_waits_hears_of_one_that_is_given_up_though_its_socket_says_nothing(self, lab: RabbitLab) -> None:
        lab.connect_timeout_s = 0.5
        inbox = RabbitInboxLab(lab).inbox()
        await inbox.subscribe()
        receiving = asyncio.create_task(inbox.receive())
        lab.proxy.pause()
        with pytest.raises(BrokerUnavailable, match=r": no answer within 0\.5 s$"):
            await lab.session()

        with pytest.raises(BrokerUnavailable, match="no answer in time"):
            async with asyncio.timeout(2):
                await receiving

    async def test_after_the_brokers_end_nothing_is_read_any_more(self, orders: RabbitInboxLab) -> None:
        inbox = orders.inbox()
        await inbox.subscribe()
        receiving = asyncio.create_task(inbox.receive())
        await asyncio.sleep(0)

        await orders.lab.the_broker().close()

        with pytest.raises(BrokerUnavailable, match="not read any more"):
            await receiving
        with pytest.raises(BrokerUnavailable, match="closed for good"):
            await inbox.subscribe()

    async def test_subscribing_that_is_cancelled_in_the_middle_leaves_no_reader_behind(
        self, orders: RabbitInboxLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await orders.publish(ONE)
        inbox = orders.inbox()
        consume, is_consuming = aiormq.Channel.basic_consume, asyncio.Event()

        async def consume_and_wait(channel: aiormq.Channel, *arguments: Any) -> None:
            await consume(channel, *arguments)
            is_consuming.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patched:
            patched.setattr(aiormq.Channel, "basic_consume", consume_and_wait)
            subscribing = asyncio.create_task(inbox.subscribe())
            await is_consuming.wait()
            subscribing.cancel()
            await asyncio.gather(subscribing, return_exceptions=True)

        await orders.waiting(1)
        assert await first(inbox) == ONE

    async def test_closing_is_bounded_on_a_silent_network_and_leaves_no_task(self, orders: RabbitInboxLab) -> None:
        inbox = orders.inbox()
        await inbox.subscribe()
        orders.lab.proxy.pause()

        async with asyncio.timeout(8):
            await inbox.close()
            await orders.lab.the_broker().close()

        this = asyncio.current_task()
        await until(lambda: {task for task in asyncio.all_tasks() if "TcpProxy" not in repr(task)} == {this})


@pytest.mark.faults
async def test_while_the_broker_blocks_nothing_hangs_and_what_is_acknowledged_counts_afterwards(
    orders: RabbitInboxLab, rabbitmqctl: Rabbitmqctl
) -> None:
    """RabbitMQ reads nothing of the connection of one who publishes then: no acknowledgement either."""
    await orders.publish(ONE, ONE)
    inbox = orders.inbox()
    session = await orders.lab.session()
    broker = orders.lab.the_broker()
    await inbox.subscribe()
    async with memory_alarm(rabbitmqctl) as over:
        publishing = asyncio.create_task(session.publish(page(1)))
        await until(lambda: broker.is_blocked)

        async with asyncio.timeout(5):
            await inbox.acknowledge((await inbox.receive())[:1])
        with pytest.raises(BrokerUnavailable, match="takes no messages now"):
            await orders.inbox().subscribe()

        over.set()
        assert await publishing == [Outcome.RETURNED]
    await inbox.close()
    await orders.waiting(1)


def written(write: Callable[..., bytes], encoded: bytes, value: object) -> bytes:
    """The value as AMQP writes it; `encoded` in place of the content type, or of what is no text."""
    return write(value) if isinstance(value, str) and value != "text" else encoded


class TestWhatOthersPublish:
    async def test_of_a_body_beyond_what_brokers_are_asked_to_take_its_hash_and_size_are_kept(
        self, orders: RabbitInboxLab
    ) -> None:
        await orders.publish(b"x" * 1_048_577, b"x" * 1_048_576)
        inbox = orders.inbox(prefetch=1)

        (large,) = await inbox.receive()
        await inbox.acknowledge([large])

        assert not large.is_whole
        assert large.body == (
            b'{"sha256":"154b8ed3c2383ce429058768595935faf7851b5c38db2b1732594be1d88bc05a","bytes":1048577}'
        )
        assert await first(inbox) == b"x" * 1_048_576

    @pytest.mark.parametrize(
        ("kind", "encoded", "content_type"),
        [
            pytest.param("shortstr", b"\x03S\xf8k", "S\ufffdk", id="text that is not UTF-8"),
            pytest.param("table", b"\0\0\0\x09\x03S\xf8kI\0\0\0\1", None, id="a header's name that is not UTF-8"),
            pytest.param("timestamp", b"\xff" * 8, None, id="the largest time"),
            pytest.param("timestamp", b"\x7f" + b"\xff" * 7, None, id="a time that overflows"),
            pytest.param("timestamp", (253_402_300_800_000).to_bytes(8, "big"), None, id="the year 10000"),
            pytest.param("timestamp", (1_776_146_400_000).to_bytes(8, "big"), None, id="milliseconds"),
        ],
    )
    async def test_properties_that_no_client_library_reads_harm_nobody(
        self,
        orders: RabbitInboxLab,
        monkeypatch: pytest.MonkeyPatch,
        kind: str,
        encoded: bytes,
        content_type: str | None,
    ) -> None:
        await orders.publish()
        session = await orders.lab.session()
        properties: dict[str, dict[str, Any]] = {
            "shortstr": {"content_type": "text"},
            "table": {"headers": {"a": 1}},
            "timestamp": {"timestamp": 1},
        }
        async with open_channel(orders.lab.url) as channel:
            with monkeypatch.context() as patched:
                patched.setitem(encode.METHODS, kind, partial(written, encode.METHODS[kind], encoded))
                message = aio_pika.Message(ONE, delivery_mode=None, **properties[kind])
                await channel.default_exchange.publish(message, QUEUE)

        (delivered,) = await orders.inbox().receive()

        assert (delivered.body, delivered.content_type) == (ONE, content_type)
        assert await session.publish(page(1)) == [Outcome.RETURNED]
