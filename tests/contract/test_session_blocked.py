"""The contract of `ports.Session` while RabbitMQ has an alarm and blocks whoever publishes (`connection.blocked`)."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from bridge.errors import BrokerUnavailable
from bridge.ports import Outcome
from tests.support.broker import Rabbitmqctl, memory_alarm
from tests.support.labs import RabbitLab, message, page, until

ROUTED, UNKNOWN = Outcome.ROUTED, Outcome.UNKNOWN


@pytest.fixture
async def alarm(rabbitmqctl: Rabbitmqctl) -> AsyncIterator[asyncio.Event]:
    """Until the event is set, the broker has a memory alarm and takes no messages; afterwards in any case."""
    async with memory_alarm(rabbitmqctl) as over:
        yield over


async def test_a_socket_that_takes_nothing_holds_up_no_heartbeat(rabbit: RabbitLab) -> None:
    """A broker that blocks reads nothing, for hours perhaps; heartbeats that cannot be sent end the connection."""
    session = await rabbit.session()
    rabbit.hold_messages()
    large = [msgspec.structs.replace(message(number), body=b"x" * 100_000) for number in range(200)]

    publishing = asyncio.create_task(session.publish(large))

    await rabbit.written(200)
    rabbit.release()
    assert await publishing == [Outcome.RETURNED] * 200


@pytest.mark.faults
async def test_publishing_waits_without_timing_out_and_goes_on_afterwards(
    rabbit: RabbitLab, alarm: asyncio.Event
) -> None:
    rabbit.confirm_timeout_s = 0.5
    await rabbit.bind("key")
    session = await rabbit.session()
    publishing = [asyncio.create_task(session.publish(page(*range(start, start + 50)))) for start in (0, 50)]
    await until(lambda: rabbit.broker and rabbit.broker.is_blocked)
    late = asyncio.create_task(session.publish(page(100)))

    done, _ = await asyncio.wait([*publishing, late], timeout=1.5)
    assert done == set()
    assert rabbit.written_count() == 100
    alarm.set()

    assert await asyncio.gather(*publishing, late) == [[ROUTED] * 50, [ROUTED] * 50, [ROUTED]]
    assert await rabbit.arrived(101) == [f"id-{number}" for number in range(101)]
    assert rabbit.observer.reasons("blocked") == [True, False]


@pytest.mark.faults
@pytest.mark.usefixtures("alarm")
async def test_while_blocked_nothing_is_asked_of_the_broker_and_closing_does_not_wait_for_it(rabbit: RabbitLab) -> None:
    session = await rabbit.session()
    publishing = asyncio.create_task(session.publish(page(1)))
    await until(lambda: rabbit.broker and rabbit.broker.is_blocked)

    with pytest.raises(BrokerUnavailable, match="takes no messages now"):
        await rabbit.session()
    with pytest.raises(BrokerUnavailable, match="takes no messages now"):
        await session.parked_count()
    assert session.is_open

    async with asyncio.timeout(5):
        await session.close()
    assert await publishing == [UNKNOWN]
