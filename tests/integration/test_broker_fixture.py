"""The broker that the other tests rely on: real, empty at the start of each test, and breakable."""

import asyncio
import os

import aio_pika
import pytest
from aio_pika.exceptions import DeliveryError

from tests.support.broker import (
    CommandFailedError,
    Rabbitmqctl,
    close_all_connections,
    collect,
    declare_queue,
    open_channel,
    purge,
    ready_count,
    unbind,
    vhost_of,
)

_of_earlier_tests: set[str] = set()


async def publish(url: str, exchange: str, key: str, *bodies: bytes) -> None:
    async with open_channel(url) as channel:
        topic = await channel.get_exchange(exchange)
        for body in bodies:
            await topic.publish(aio_pika.Message(body), key)


async def test_messages_arrive_in_the_queues_bound_for_their_key_and_in_order(broker_vhost: str) -> None:
    await declare_queue(broker_vhost, "ones", "numbers", "one.*")
    await declare_queue(broker_vhost, "all", "numbers", "#")

    await publish(broker_vhost, "numbers", "one.a", b"1", b"2")
    await publish(broker_vhost, "numbers", "two.a", b"3")

    assert [message.body for message in await collect(broker_vhost, "ones", 2)] == [b"1", b"2"]
    assert [message.body for message in await collect(broker_vhost, "all", 3)] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("kind", ["classic", "quorum"])
async def test_collect_takes_what_was_asked_for_and_leaves_the_rest_untouched(broker_vhost: str, kind: str) -> None:
    await declare_queue(broker_vhost, "queue", "numbers", "#", arguments={"x-queue-type": kind})
    await publish(broker_vhost, "numbers", "n", b"1", b"2", b"3")

    assert [message.body for message in await collect(broker_vhost, "queue", 2)] == [b"1", b"2"]

    (last,) = await collect(broker_vhost, "queue", 1)
    assert last.body == b"3"
    assert not last.redelivered


async def test_collect_says_how_many_came(broker_vhost: str) -> None:
    await declare_queue(broker_vhost, "queue", "numbers", "#")
    await publish(broker_vhost, "numbers", "n", b"1")

    with pytest.raises(AssertionError, match=r"^1 of 2 messages in queue after 0\.3 s$"):
        await collect(broker_vhost, "queue", 2, timeout_s=0.3)


async def test_a_message_that_no_queue_is_bound_for_is_returned(broker_vhost: str) -> None:
    await declare_queue(broker_vhost, "queue", "numbers", "one")
    await unbind(broker_vhost, "queue", "numbers", "one")

    with pytest.raises(DeliveryError):
        await publish(broker_vhost, "numbers", "one", b"1")


async def test_a_purged_queue_is_empty(broker_vhost: str) -> None:
    await declare_queue(broker_vhost, "queue", "numbers", "#")
    await publish(broker_vhost, "numbers", "n", b"1", b"2")
    assert await ready_count(broker_vhost, "queue") == 2

    await purge(broker_vhost, "queue")

    assert await ready_count(broker_vhost, "queue") == 0


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_a_vhost_is_new_to_each_test(broker_vhost: str, turn: str) -> None:
    async with open_channel(broker_vhost) as channel:
        declared = await channel.declare_queue("left behind", durable=True)
        assert declared.declaration_result.message_count == 0
        await channel.default_exchange.publish(aio_pika.Message(turn.encode()), "left behind")


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_a_vhost_is_gone_after_its_test(broker_vhost: str, rabbitmqctl: Rabbitmqctl, turn: str) -> None:
    listed = (await rabbitmqctl("--quiet", "list_vhosts")).split()

    assert vhost_of(broker_vhost) in listed
    assert not _of_earlier_tests.intersection(listed)
    _of_earlier_tests.add(vhost_of(broker_vhost))


async def test_connections_are_cut_in_this_vhost_alone(
    broker_url: str, broker_vhost: str, rabbitmqctl: Rabbitmqctl
) -> None:
    async with await aio_pika.connect(broker_url) as elsewhere, await aio_pika.connect(broker_vhost) as here:
        closed = asyncio.Event()
        here.close_callbacks.add(lambda *_: closed.set())

        await close_all_connections(rabbitmqctl, broker_vhost)

        async with asyncio.timeout(5):
            await closed.wait()
        assert (await elsewhere.channel()).is_initialized


async def test_a_rabbitmqctl_command_that_fails_says_why(rabbitmqctl: Rabbitmqctl) -> None:
    with pytest.raises(CommandFailedError, match="no_such_command"):
        await rabbitmqctl("no_such_command")


def test_settings_of_whoever_runs_the_tests_do_not_reach_them() -> None:
    assert [name for name in os.environ if name.startswith("BRIDGE_")] == []
