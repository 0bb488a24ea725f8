"""RabbitBroker: every wait ends, and so does everything that it started."""

import asyncio

import msgspec
import pytest

from bridge.errors import BrokerUnavailable
from bridge.ports import Outcome
from bridge.rabbitmq.amqp import AmqpConnection
from tests.support.labs import RabbitLab, message, page, until


async def no_task_is_left() -> None:
    """Returns when nothing runs any more but this; the proxy's tasks are the world's, not ours."""
    this = asyncio.current_task()
    await until(lambda: {task for task in asyncio.all_tasks() if "TcpProxy" not in repr(task)} == {this})


class TestSilentNetwork:
    async def test_connecting_ends_with_its_timeout(self, lab: RabbitLab) -> None:
        lab.connect_timeout_s = 0.2
        lab.proxy.pause()

        with pytest.raises(BrokerUnavailable, match=r": no answer within 0\.2 s$"):
            await lab.session()

    async def test_a_connection_that_does_not_answer_is_given_up_for_a_new_one(self, lab: RabbitLab) -> None:
        lab.connect_timeout_s = 0.5
        session = await lab.session()
        lab.proxy.pause()
        with pytest.raises(BrokerUnavailable, match=r": no answer within 0\.5 s$"):
            await lab.session()
        assert not session.is_open
        assert lab.observer.reasons("lost") == ["no answer in time"]
        lab.proxy.resume()

        assert (await lab.session()).is_open
        assert lab.proxy.accepted == 2

    async def test_a_connection_found_dead_is_told_as_lost(
        self, lab: RabbitLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(AmqpConnection, "_on_closing", lambda *_: None)  # nobody has told of it yet
        await (await lab.session()).close()
        assert lab.broker is not None
        lab.proxy.cut()
        broker = lab.broker
        await until(lambda: not broker.is_connected)

        assert (await lab.session()).is_open

        assert [kind for kind, _ in lab.observer.told if kind != "session_ended"] == ["connected", "lost", "connected"]

    async def test_closing_is_bounded_and_leaves_no_task(self, lab: RabbitLab) -> None:
        session = await lab.session()
        lab.proxy.pause()
        more_than_any_buffer = [msgspec.structs.replace(message(number), body=bytes(100_000)) for number in range(200)]
        publishing = asyncio.create_task(session.publish(more_than_any_buffer))
        await lab.written(200)
        assert lab.broker is not None

        async with asyncio.timeout(8):
            await lab.broker.close()

        assert await publishing == [Outcome.UNKNOWN] * 200
        await no_task_is_left()


class TestClosing:
    async def test_no_task_is_left(self, lab: RabbitLab) -> None:
        session = await lab.session()
        await session.publish(page(1))
        assert lab.broker is not None

        await lab.broker.close()

        await no_task_is_left()
        assert not session.is_open
        assert not lab.broker.is_connected

    async def test_no_task_is_left_after_a_lost_connection(self, lab: RabbitLab) -> None:
        session = await lab.session()
        lab.proxy.cut()
        assert await session.publish(page(1)) == [Outcome.UNKNOWN]
        assert lab.broker is not None

        await lab.broker.close()

        await no_task_is_left()

    async def test_closing_ends_those_who_wait_for_a_session(self, lab: RabbitLab) -> None:
        lab.proxy.pause()
        waiting = asyncio.create_task(lab.session())
        await until(lambda: lab.proxy.accepted)
        assert lab.broker is not None

        await lab.broker.close()

        with pytest.raises(BrokerUnavailable, match="closed for good"):
            await waiting
        with pytest.raises(BrokerUnavailable, match="closed for good"):
            await lab.session()

    async def test_what_was_closed_is_not_told_as_lost(self, lab: RabbitLab) -> None:
        await lab.session()
        assert lab.broker is not None

        await lab.broker.close()

        assert [kind for kind, _ in lab.observer.told] == ["connected"]

    async def test_a_session_may_be_opened_while_others_publish(self, lab: RabbitLab) -> None:
        await lab.bind("key")
        busy = await lab.session()
        publishing = asyncio.create_task(busy.publish(page(*range(500))))

        session = await lab.session()

        assert await session.publish(page(1000)) == [Outcome.ROUTED]
        assert await publishing == [Outcome.ROUTED] * 500
