"""What of the sessions no broker shows at will: the clock of the confirm timeout, defects, and a full write queue."""

import asyncio
from datetime import datetime
from typing import Self, cast

import aiormq
import msgspec
import pytest
from aiormq import spec
from aiormq.abc import ChannelFrame
from aiormq.channel import ConfirmationType

from bridge.ports import Outcome
from bridge.rabbitmq.amqp import AmqpConnection
from bridge.rabbitmq.budget import InFlightBudget
from bridge.rabbitmq.connection import SESSIONS, Publisher
from tests.support.labs import page

CONFIRM_TIMEOUT_S = 0.01
"""How often the session looks at the clock, in real time; the clock itself is moved by the tests."""


class ScriptedChannel:
    """A channel on which each message waits for its confirm, whichever way it is written."""

    number = 1
    max_content_size = 1000

    def __init__(self) -> None:
        self.closing: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.is_closed = False
        self.delivery_tag = 0
        self.confirmations: dict[int, ConfirmationType] = {}
        self.message_id_delivery_tag: dict[str, int] = {}
        self.write_queue: asyncio.Queue[ChannelFrame] = asyncio.Queue(maxsize=1)
        self.channels: dict[int, ScriptedChannel] = {self.number: self}

    @property
    def connection(self) -> Self:
        """Stands for the connection that the channel belongs to, too."""
        return self

    async def basic_publish(self, *_: object, **__: object) -> object:
        self.delivery_tag += 1
        confirmation: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.confirmations[self.delivery_tag] = confirmation
        return await confirmation

    def confirm(self, tag: int) -> None:
        self.confirmations.pop(tag).set_result(spec.Basic.Ack(tag))

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
    """A session between the two."""

    def __init__(self, publisher: Publisher) -> None:
        self.channel = ScriptedChannel()
        self.connection = ScriptedConnection()
        self.budget = InFlightBudget(10)
        self.ended: list[str] = []
        self.session = SESSIONS[publisher](
            cast("aiormq.Channel", self.channel),
            cast("AmqpConnection", self.connection),
            budget=self.budget,
            confirm_timeout_s=CONFIRM_TIMEOUT_S,
            parked_queue="bridge.parked",
            answer_timeout_s=1,
            on_ended=self.ended.append,
        )

    async def look_at_the_clock(self) -> None:
        """Give the session time to look several times."""
        await asyncio.sleep(5 * CONFIRM_TIMEOUT_S)


@pytest.fixture(params=SESSIONS)
async def rig(request: pytest.FixtureRequest) -> Rig:
    """Each kind of session."""
    return Rig(request.param)


async def test_the_timeout_counts_from_the_last_outcome_that_came(rig: Rig) -> None:
    publishing = asyncio.create_task(rig.session.publish(page(1, 2)))
    await rig.look_at_the_clock()
    rig.connection.now_s += 0.9 * CONFIRM_TIMEOUT_S
    rig.channel.confirm(1)
    await rig.look_at_the_clock()

    rig.connection.now_s += 0.9 * CONFIRM_TIMEOUT_S
    await rig.look_at_the_clock()
    assert rig.session.is_open

    rig.connection.now_s += 0.1 * CONFIRM_TIMEOUT_S + 1e-6
    assert await publishing == [Outcome.ROUTED, Outcome.UNKNOWN]
    assert rig.ended == ["no confirm came for 0.01 s"]


async def test_time_in_which_the_connection_is_blocked_does_not_count(rig: Rig) -> None:
    publishing = asyncio.create_task(rig.session.publish(page(1)))

    await rig.look_at_the_clock()  # the connection's clock stands still

    assert not publishing.done()
    await rig.session.close()
    assert await publishing == [Outcome.UNKNOWN]


async def test_the_timeout_counts_anew_after_nothing_was_in_flight(rig: Rig) -> None:
    rig.connection.now_s += 1000
    publishing = asyncio.create_task(rig.session.publish(page(1)))
    await rig.look_at_the_clock()

    rig.channel.confirm(1)

    assert await publishing == [Outcome.ROUTED]


async def test_a_defect_of_one_publish_is_raised_to_whoever_publishes() -> None:
    rig = Rig("plain")
    publishing = asyncio.create_task(rig.session.publish(page(1, 2)))
    await rig.look_at_the_clock()

    rig.channel.confirmations[1].set_exception(KeyError("defect"))

    with pytest.raises(KeyError):
        await publishing
    assert not rig.session.is_open


async def test_a_defect_in_writing_is_raised_and_nobody_waits_forever(rig: Rig) -> None:
    naive = msgspec.structs.replace(page(1)[0], created_at=datetime(2026, 4, 14))  # noqa: DTZ001 - the defect

    with pytest.raises(TypeError, match="offset-naive"):
        await rig.session.publish([naive])

    assert rig.ended == ["a defect"]
    assert await rig.session.publish(page(2)) == [Outcome.UNKNOWN]


async def test_cancelled_while_a_page_waits_to_be_written_nothing_of_it_is_written() -> None:
    rig = Rig("page")
    before = ChannelFrame(payload=b"another channel's", should_close=False)
    rig.channel.write_queue.put_nowait(before)
    publishing = asyncio.create_task(rig.session.publish(page(1, 2)))
    await rig.look_at_the_clock()
    assert rig.budget.in_flight == 2

    publishing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await publishing
    await rig.session.close()
    assert [rig.channel.write_queue.get_nowait(), rig.channel.write_queue.empty()] == [before, True]
    assert rig.budget.in_flight == 0
    assert rig.channel.is_closed


async def test_nothing_more_is_written_on_a_channel_that_the_broker_has_closed() -> None:
    """The broker takes a frame on a channel that it has closed for a fault of the whole connection."""
    rig = Rig("page")
    rig.channel.channels.clear()  # as aiormq does at Channel.Close, some turns before anybody is told
    publishing = asyncio.create_task(rig.session.publish(page(1)))
    await asyncio.sleep(0)
    rig.channel.closing.set_exception(aiormq.ChannelNotFoundEntity("no exchange"))

    assert await publishing == [Outcome.UNKNOWN]
    assert rig.channel.write_queue.empty()


async def test_what_is_answered_after_the_session_ended_counts_no_more() -> None:
    rig = Rig("page")
    publishing = asyncio.create_task(rig.session.publish(page(1)))
    await rig.look_at_the_clock()
    await rig.session.close()

    rig.channel.confirm(1)

    assert await publishing == [Outcome.UNKNOWN]
    assert rig.budget.in_flight == 0
