"""The contract of `ports.Session`: closing, cancelling, and what is left then."""

import asyncio

import pytest

from bridge.errors import BrokerUnavailable
from bridge.ports import Outcome
from tests.support.labs import Lab, page

ROUTED, UNKNOWN = Outcome.ROUTED, Outcome.UNKNOWN


async def tasks_beside(known: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    """Tasks that run besides the known ones, after all that only had to finish has finished."""
    for _ in range(20):
        await asyncio.sleep(0)
    return asyncio.all_tasks() - known


async def test_a_closed_session_publishes_nothing(lab: Lab) -> None:
    await lab.bind("key")
    session = await lab.session()
    await session.close()

    assert await session.publish(page(1)) == [UNKNOWN]

    assert not session.is_open
    assert await lab.arrived(0) == []


async def test_closing_makes_what_is_open_unknown(lab: Lab) -> None:
    await lab.bind("key")
    session = await lab.session(max_in_flight=1)
    lab.hold_confirms()
    publishing = asyncio.create_task(session.publish(page(1, 2)))
    await lab.count(1)

    await session.close()

    assert await publishing == [UNKNOWN, UNKNOWN]


async def test_closing_twice_is_closing_once(lab: Lab) -> None:
    session = await lab.session()

    await asyncio.gather(session.close(), session.close())
    await session.close()

    assert not session.is_open


async def test_cancelling_a_publish_closes_the_session(lab: Lab) -> None:
    await lab.bind("key")
    session = await lab.session()
    lab.hold_confirms()
    cancelled = asyncio.create_task(session.publish(page(1)))
    other = asyncio.create_task(session.publish(page(2)))
    await lab.count(2)

    cancelled.cancel()

    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert not session.is_open
    assert await other == [UNKNOWN]


async def test_cancelling_a_publish_that_waits_for_room_closes_the_session(lab: Lab) -> None:
    await lab.bind("key")
    session = await lab.session(max_in_flight=1)
    lab.hold_confirms()
    first = asyncio.create_task(session.publish(page(1)))
    waiting = asyncio.create_task(session.publish(page(2)))
    await lab.count(1)

    waiting.cancel()

    assert await first == [UNKNOWN]
    assert not session.is_open


async def test_no_task_is_left_when_a_session_is_closed_in_mid_publish(lab: Lab) -> None:
    await lab.bind("key")
    await (await lab.session()).publish(page(1))
    known = asyncio.all_tasks()
    session = await lab.session()
    lab.hold_confirms()
    publishing = asyncio.create_task(session.publish(page(*range(2, 102))))
    await lab.count(101)
    lab.release()

    await session.close()
    await publishing

    assert await tasks_beside(known) == set()


async def test_the_parked_messages_are_counted(lab: Lab) -> None:
    session = await lab.session()
    assert await session.parked_count() == 0
    await lab.park(3)

    assert await session.parked_count() == 3


async def test_an_ended_session_cannot_count_the_parked_messages(lab: Lab) -> None:
    session = await lab.session()
    await session.close()

    with pytest.raises(BrokerUnavailable):
        await session.parked_count()
