"""What of PlainSession no broker shows at will: the clock of the confirm timeout, and defects."""

import asyncio
from datetime import datetime
from typing import cast

import aiormq
import msgspec
import pytest

from bridge.ports import Outcome
from bridge.rabbitmq.amqp import AmqpConnection
from bridge.rabbitmq.budget import InFlightBudget
from bridge.rabbitmq.publisher import PlainSession
from tests.support.labs import page

CONFIRM_TIMEOUT_S = 0.01
"""How often the session looks at the clock, in real time; the clock itself is moved by the tests."""


class ScriptedChannel:
    """A channel on which each publish waits for its confirm."""

    def __init__(self) -> None:
        self.closing: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.is_closed = False
        self.confirms: list[asyncio.Future[object]] = []

    async def basic_publish(self, *_: object, **__: object) -> object:
        self.confirms.append(asyncio.get_running_loop().create_future())
        return await self.confirms[-1]

    async def close(self) -> None:
        self.is_closed = True


class ScriptedConnection:
    """A connection whose clock stands still until a test moves it."""

    class endpoint:  # noqa: N801 - stands for an attribute
        address = "host:5672"

    def __init__(self) -> None:
        self.riders: set[object] = set()
        self.is_blocked = False
        self.now_s = 100.0

    def serving_s(self) -> float:
        return self.now_s


class Rig:
    """A PlainSession between the two."""

    def __init__(self) -> None:
        self.channel = ScriptedChannel()
        self.connection = ScriptedConnection()
        self.ended: list[str] = []
        self.session = PlainSession(
            cast("aiormq.Channel", self.channel),
            cast("AmqpConnection", self.connection),
            budget=InFlightBudget(10),
            confirm_timeout_s=CONFIRM_TIMEOUT_S,
            parked_queue="bridge.parked",
            answer_timeout_s=1,
            on_ended=self.ended.append,
        )

    async def look_at_the_clock(self) -> None:
        """Give the session time to look several times."""
        await asyncio.sleep(5 * CONFIRM_TIMEOUT_S)


async def test_the_timeout_counts_from_the_last_outcome_that_came() -> None:
    rig = Rig()
    publishing = asyncio.create_task(rig.session.publish(page(1, 2)))
    await rig.look_at_the_clock()
    rig.connection.now_s += 0.9 * CONFIRM_TIMEOUT_S
    rig.channel.confirms[0].set_result(None)
    await rig.look_at_the_clock()

    rig.connection.now_s += 0.9 * CONFIRM_TIMEOUT_S
    await rig.look_at_the_clock()
    assert rig.session.is_open

    rig.connection.now_s += 0.1 * CONFIRM_TIMEOUT_S + 1e-6
    assert await publishing == [Outcome.ROUTED, Outcome.UNKNOWN]
    assert rig.ended == ["no confirm came for 0.01 s"]


async def test_time_in_which_the_connection_is_blocked_does_not_count() -> None:
    rig = Rig()
    publishing = asyncio.create_task(rig.session.publish(page(1)))

    await rig.look_at_the_clock()  # the connection's clock stands still

    assert not publishing.done()
    await rig.session.close()
    assert await publishing == [Outcome.UNKNOWN]


async def test_the_timeout_counts_anew_after_nothing_was_in_flight() -> None:
    rig = Rig()
    rig.connection.now_s += 1000
    publishing = asyncio.create_task(rig.session.publish(page(1)))
    await rig.look_at_the_clock()

    rig.channel.confirms[0].set_result(None)

    assert await publishing == [Outcome.ROUTED]


async def test_a_defect_is_raised_to_whoever_publishes() -> None:
    rig = Rig()
    publishing = asyncio.create_task(rig.session.publish(page(1, 2)))
    await rig.look_at_the_clock()

    rig.channel.confirms[0].set_exception(KeyError("defect"))

    with pytest.raises(KeyError):
        await publishing
    assert not rig.session.is_open


async def test_a_defect_in_writing_is_raised_and_nobody_waits_forever() -> None:
    rig = Rig()
    naive = msgspec.structs.replace(page(1)[0], created_at=datetime(2026, 4, 14))  # noqa: DTZ001 - the defect

    with pytest.raises(TypeError, match="offset-naive"):
        await rig.session.publish([naive])

    assert rig.ended == ["a defect"]
    assert await rig.session.publish(page(2)) == [Outcome.UNKNOWN]
