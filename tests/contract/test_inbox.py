"""The contract of `ports.Inbox`, run on every implementation."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bridge.errors import BrokerUnavailable
from bridge.ports import Delivered, Inbox
from tests.support.inboxes import AT, FakeInboxLab, InboxLab, RabbitInboxLab
from tests.support.labs import rabbit_lab


@pytest.fixture(params=["fake", "rabbitmq"])
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[InboxLab]:
    if request.param == "fake":
        yield FakeInboxLab()
        return
    async with rabbit_lab(request.getfixturevalue("broker_vhost")) as rabbit:
        yield RabbitInboxLab(rabbit)


async def take(inbox: Inbox, count: int) -> list[Delivered]:
    """The next so many messages, however many calls they come in."""
    taken: list[Delivered] = []
    async with asyncio.timeout(10):
        while len(taken) < count:
            taken += await inbox.receive()
    assert len(taken) == count
    return taken


def bodies(deliveries: Sequence[Delivered]) -> list[bytes]:
    return [each.body for each in deliveries]


async def nothing_comes(inbox: Inbox) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await inbox.receive()


class TestReceiving:
    async def test_it_waits_for_a_message(self, lab: InboxLab) -> None:
        inbox = lab.inbox()
        receiving = asyncio.create_task(inbox.receive())
        await lab.publish(b"one")

        assert bodies(await receiving) == [b"one"]

    async def test_messages_come_in_their_order_whole_and_with_where_they_came_by(self, lab: InboxLab) -> None:
        await lab.publish(b"one", b"", b"three")

        taken = await take(lab.inbox(), 3)

        assert bodies(taken) == [b"one", b"", b"three"]
        assert {(each.is_whole, each.exchange, each.routing_key) for each in taken} == {
            (True, "", "bridge.altinn.orders")
        }

    async def test_a_message_comes_with_the_properties_that_it_was_published_with(self, lab: InboxLab) -> None:
        await lab.publish_with_properties()

        (message,) = await take(lab.inbox(), 1)

        assert (message.id, message.type, message.correlation_id) == ("id-1", "type-1", "order-1")
        assert message.created_at == AT
        assert message.headers == {"x-parked-reason": "unroutable", "x-number": 7}

    async def test_no_more_are_delivered_than_the_prefetch_until_some_are_acknowledged(self, lab: InboxLab) -> None:
        await lab.publish(b"1", b"2", b"3", b"4", b"5")
        inbox = lab.inbox(prefetch=2)

        first = await take(inbox, 2)
        await lab.waiting(3)
        await nothing_comes(inbox)
        await inbox.acknowledge(first[:1])

        assert bodies(await take(inbox, 1)) == [b"3"]
        await lab.waiting(2)

    async def test_a_call_that_is_cancelled_takes_nothing(self, lab: InboxLab) -> None:
        inbox = lab.inbox()
        await inbox.subscribe()
        await nothing_comes(inbox)
        await lab.publish(b"one")

        assert bodies(await take(inbox, 1)) == [b"one"]


class TestAcknowledging:
    async def test_what_is_acknowledged_is_not_delivered_again(self, lab: InboxLab) -> None:
        await lab.publish(b"one", b"two")
        inbox = lab.inbox()
        await inbox.acknowledge(await take(inbox, 2))
        await inbox.close()

        await lab.waiting(0)

    async def test_what_is_not_acknowledged_is_in_the_queue_again_after_closing(self, lab: InboxLab) -> None:
        await lab.publish(b"one", b"two", b"three")
        inbox = lab.inbox()
        taken = await take(inbox, 3)
        await inbox.acknowledge(taken[1:2])
        await inbox.close()

        await lab.waiting(2)
        assert bodies(await take(lab.inbox(), 2)) == [b"one", b"three"]

    async def test_acknowledging_one_says_nothing_of_those_before(self, lab: InboxLab) -> None:
        await lab.publish(b"one", b"two")
        inbox = lab.inbox()
        await inbox.acknowledge((await take(inbox, 2))[1:])
        await inbox.close()

        assert bodies(await take(lab.inbox(), 1)) == [b"one"]


class TestALostConnection:
    async def test_who_waits_hears_of_it_and_the_next_call_subscribes_again(self, lab: InboxLab) -> None:
        inbox = lab.inbox()
        await inbox.subscribe()
        receiving = asyncio.create_task(inbox.receive())
        await asyncio.sleep(0)
        lab.lose_connection()

        with pytest.raises(BrokerUnavailable):
            await receiving

        await lab.publish(b"one")
        assert bodies(await take(inbox, 1)) == [b"one"]

    async def test_it_is_told_once_also_where_nobody_waited(self, lab: InboxLab) -> None:
        await lab.publish(b"one")
        inbox = lab.inbox()
        await take(inbox, 1)
        lab.lose_connection()

        with pytest.raises(BrokerUnavailable):
            await inbox.receive()

        await inbox.subscribe()

    async def test_what_was_not_acknowledged_is_delivered_again(self, lab: InboxLab) -> None:
        await lab.publish(b"one", b"two")
        inbox = lab.inbox()
        await take(inbox, 2)
        lab.lose_connection()
        with pytest.raises(BrokerUnavailable):
            await inbox.receive()

        assert bodies(await take(inbox, 2)) == [b"one", b"two"]

    async def test_acknowledging_afterwards_does_nothing(self, lab: InboxLab) -> None:
        """A tag of the channel that is gone may be another message's on the one that followed."""
        await lab.publish(b"one", b"two")
        inbox = lab.inbox()
        before = await take(inbox, 2)
        lab.lose_connection()
        await inbox.acknowledge(before[:1])
        with pytest.raises(BrokerUnavailable):
            await inbox.receive()
        again = await take(inbox, 2)

        await inbox.acknowledge(before)
        await inbox.close()

        await lab.waiting(2)
        assert bodies(again) == [b"one", b"two"]
