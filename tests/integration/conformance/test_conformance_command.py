"""`bridge conformance` where it does not rehearse: each time one sentence, exit code 2, and nothing is sent."""

import aio_pika

from tests.support.broker import declare_queue, open_channel, ready_count
from tests.support.command import Ended, run_command

QUEUE = "my-service"


async def conformance(url: str, *options: str) -> Ended:
    arguments = ("conformance", "--queue", QUEUE, "--handled", "handled.txt", "--url", url, *options)
    return await run_command({}, *arguments)


async def test_a_queue_that_is_missing_is_not_declared(broker_vhost: str) -> None:
    ended = await conformance(broker_vhost)
    assert (ended.code, ended.stdout) == (2, "")
    assert "let its consumer declare it first" in ended.stderr.splitlines()[-1]
    await declare_queue(broker_vhost, QUEUE, arguments={"x-max-length": 1})  # fails where there is another one


async def test_a_queue_with_messages_is_left_alone(broker_vhost: str) -> None:
    await declare_queue(broker_vhost, QUEUE)
    async with open_channel(broker_vhost) as channel:
        await channel.default_exchange.publish(aio_pika.Message(b"real"), QUEUE)
    ended = await conformance(broker_vhost)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == (
        "There are messages in the queue my-service already (1), and what is invented must not be mixed with them: "
        "rehearse on a queue, and a broker, where nothing real arrives."
    )
    assert await ready_count(broker_vhost, QUEUE) == 1


async def test_a_consumer_that_never_comes_fails_with_everything_in_the_queue(broker_vhost: str) -> None:
    await declare_queue(broker_vhost, QUEUE)
    ended = await conformance(broker_vhost, "--ordinary", "80", "--timeout", "1", "--event", "new-message")
    assert ended.code == 1
    assert "No new event was handled for 1 s: the waiting ends." in ended.stderr
    sent = await ready_count(broker_vhost, QUEUE)
    assert f"{sent} messages in the queue" in ended.stdout
    assert "FAILED" in ended.stdout


async def test_a_queue_that_is_full_ends_it_with_how_far_it_came(broker_vhost: str) -> None:
    await declare_queue(broker_vhost, QUEUE, arguments={"x-max-length": 10, "x-overflow": "reject-publish"})
    ended = await conformance(broker_vhost)
    assert (ended.code, ended.stdout) == (1, "")
    assert "see that it has room" in ended.stderr.splitlines()[-1]
