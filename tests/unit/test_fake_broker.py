"""The fake does what its scripts say; that it is a session like any other is told by tests/contract."""

import asyncio

import pytest

from bridge.errors import BrokerUnavailable
from bridge.ports import Outcome
from tests.support.fake_broker import FakeBroker, Loss
from tests.support.labs import page

ROUTED, REFUSED, UNKNOWN, POISON = Outcome.ROUTED, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.POISON


def arrived(broker: FakeBroker) -> list[str]:
    return [message.id for message in broker.arrived]


async def test_each_try_of_a_message_has_its_own_fate() -> None:
    broker = FakeBroker()
    broker.script("id-1", REFUSED, ROUTED)
    session = await broker.session()

    assert await session.publish(page(1, 2)) == [REFUSED, ROUTED]
    assert await session.publish(page(1)) == [ROUTED]

    assert arrived(broker) == ["id-2", "id-1"]
    assert [message.id for message in broker.tried] == ["id-1", "id-2", "id-1"]


@pytest.mark.parametrize(("loss", "ids"), [(Loss.BEFORE, ["id-1"]), (Loss.AFTER, ["id-1", "id-2"])])
async def test_a_connection_is_lost_before_or_after_a_message_arrives(loss: Loss, ids: list[str]) -> None:
    broker = FakeBroker()
    broker.script("id-2", loss)
    session, other = await broker.session(), await broker.session()

    assert await session.publish(page(1, 2, 3)) == [ROUTED, UNKNOWN, UNKNOWN]

    assert arrived(broker) == ids
    assert not session.is_open
    assert not other.is_open


async def test_a_message_that_closes_the_channel_is_poison_only_where_it_is_alone() -> None:
    broker = FakeBroker()
    broker.script("id-1", Loss.OVER_IT, Loss.OVER_IT)
    first, second = await broker.session(), await broker.session()

    assert await first.publish(page(1, 2)) == [UNKNOWN, UNKNOWN]
    assert await second.publish(page(1)) == [POISON]

    assert not second.is_open


async def test_confirms_come_one_by_one_in_any_order() -> None:
    broker = FakeBroker()
    broker.hold()
    session = await broker.session()
    publishing = asyncio.create_task(session.publish(page(1, 2, 3)))
    await broker.until(lambda: len(broker.arrived) == 3)

    broker.confirm("id-3")
    assert broker.in_flight == ["id-1", "id-2"]
    broker.confirm("id-1")
    broker.lose()

    assert await publishing == [ROUTED, UNKNOWN, ROUTED]


async def test_it_is_unavailable_as_often_as_it_is_told_to_be() -> None:
    broker = FakeBroker()
    broker.unavailable = 1

    with pytest.raises(BrokerUnavailable):
        await broker.session()

    assert (await broker.session()).is_open
