"""The contract of `ports.Session` as far as only a real broker and a real network can put it to the test."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from bridge.errors import BrokerUnavailable
from bridge.events.message import Message
from bridge.ports import Outcome, Session
from bridge.sandbox.tcp_proxy import Direction
from tests.support.broker import Rabbitmqctl, close_all_connections, collect, ready_count
from tests.support.labs import EXCHANGE, WAIT_S, RabbitLab, message, page, until

ROUTED, UNKNOWN, POISON = Outcome.ROUTED, Outcome.UNKNOWN, Outcome.POISON
MIB = 1_048_576


class TestWhatArrives:
    async def test_every_property_of_a_message_arrives(self, rabbit: RabbitLab) -> None:
        await rabbit.bind("new-message.*")
        session = await rabbit.session()
        sent = Message(
            id="0b3e7f9a",
            source="nhn",
            event="new-message",
            type="no.nhn.notification.new-message.v1",
            exchange=EXCHANGE,
            routing_key="new-message.8093240",
            body='{"data":"blåbær"}'.encode(),
            correlation_id="f3a1",
            created_at=datetime(2026, 4, 14, 6, 30, 15, 999_000, tzinfo=UTC),
            headers={"x-parked-reason": "unroutable"},
        )

        assert await session.publish([sent]) == [ROUTED]

        (arrived,) = await collect(rabbit.url, "queue", 1)
        assert arrived.body == '{"data":"blåbær"}'.encode()
        assert arrived.exchange == "contract"
        assert arrived.routing_key == "new-message.8093240"
        assert arrived.message_id == "0b3e7f9a"
        assert arrived.type == "no.nhn.notification.new-message.v1"
        assert arrived.correlation_id == "f3a1"
        assert arrived.timestamp == datetime(2026, 4, 14, 6, 30, 15, tzinfo=UTC)
        assert arrived.app_id == "bridge"
        assert arrived.content_type == "application/cloudevents+json; charset=utf-8"
        assert arrived.delivery_mode == 2
        assert arrived.headers["x-parked-reason"] == "unroutable"

    async def test_a_time_before_1970_is_left_out_of_the_properties(self, rabbit: RabbitLab) -> None:
        await rabbit.bind("key")
        session = await rabbit.session()
        ancient = msgspec.structs.replace(message(1), created_at=datetime(1, 1, 1, tzinfo=UTC))

        assert await session.publish([ancient]) == [ROUTED]

        (arrived,) = await collect(rabbit.url, "queue", 1)
        assert arrived.timestamp is None

    async def test_a_body_of_900_kb_arrives_whole(self, rabbit: RabbitLab) -> None:
        await rabbit.bind("key")
        session = await rabbit.session()
        body = bytes(range(250)) * 3600

        assert await session.publish([msgspec.structs.replace(message(1), body=body)]) == [ROUTED]

        (arrived,) = await collect(rabbit.url, "queue", 1)
        assert arrived.body == body

    async def test_returned_bodies_of_every_size_leave_the_session_open(self, rabbit: RabbitLab) -> None:
        session = await rabbit.session()
        sizes = [0, 1, 131_063, 131_064, 131_065, MIB]
        returned = [msgspec.structs.replace(message(size), body=b"x" * size) for size in sizes]

        assert await session.publish(returned) == [Outcome.RETURNED] * 6
        assert session.is_open

    async def test_no_log_line_shows_a_message_that_is_returned_to_a_session_that_ended(
        self, rabbit: RabbitLab, caplog: pytest.LogCaptureFixture
    ) -> None:
        session = await rabbit.session()
        rabbit.hold_confirms()
        personal = [msgspec.structs.replace(message(number), body=b"personal") for number in range(100)]
        publishing = asyncio.create_task(session.publish(personal))
        await rabbit.written(100)

        closing = asyncio.create_task(session.close())
        rabbit.release()
        await asyncio.gather(publishing, closing)

        assert "personal" not in caplog.text


class TestPoison:
    @pytest.mark.parametrize(
        "bad",
        [
            msgspec.structs.replace(message(2), routing_key="k" * 256),
            msgspec.structs.replace(message(2), routing_key="å" * 128),
            msgspec.structs.replace(message(2), id="i" * 256),
            msgspec.structs.replace(message(2), correlation_id="c" * 256),
            msgspec.structs.replace(message(2), exchange="not/an\nexchange"),
            msgspec.structs.replace(message(2), routing_key="\ud800"),
        ],
        ids=["routing key", "routing key in bytes", "id", "correlation id", "exchange", "not Unicode"],
    )
    async def test_what_amqp_cannot_carry_is_found_without_sending_it(self, rabbit: RabbitLab, bad: Message) -> None:
        await rabbit.bind("key")
        session = await rabbit.session()

        assert await session.publish([message(1), bad, message(3)]) == [ROUTED, POISON, ROUTED]

        assert await rabbit.arrived(2) == ["id-1", "id-3"]
        assert session.is_open

    async def test_a_message_alone_in_flight_that_makes_the_broker_close_the_channel_is_poison(
        self, rabbit: RabbitLab
    ) -> None:
        session = await rabbit.session()

        assert await session.publish([message(1, headers={"CC": "must be a list"})]) == [POISON]

        assert not session.is_open

    async def test_among_others_in_flight_none_is_convicted(self, rabbit: RabbitLab) -> None:
        session = await rabbit.session()

        outcomes = await session.publish([message(1), message(2, headers={"CC": "must be a list"}), message(3)])

        assert outcomes[1:] == [UNKNOWN, UNKNOWN]
        assert not session.is_open

    async def test_a_message_alone_in_flight_that_makes_the_broker_close_the_connection_is_poison(
        self, rabbit: RabbitLab
    ) -> None:
        session, other = await rabbit.session(), await rabbit.session()

        assert await session.publish([message(1, headers={"long": "x" * 200_000})]) == [POISON]

        assert not session.is_open
        assert not other.is_open

    async def test_no_message_is_convicted_for_a_connection_that_had_others_in_flight(self, rabbit: RabbitLab) -> None:
        session, other = await rabbit.session(), await rabbit.session()

        alone, others = await asyncio.gather(
            session.publish([message(1, headers={"long": "x" * 200_000})]), other.publish(page(2, 3))
        )

        assert alone == [UNKNOWN]
        assert others == [UNKNOWN, UNKNOWN]


class TestLostConnection:
    async def test_cut_in_the_middle_of_a_page_a_prefix_arrives_and_nothing_else_is_routed(
        self, rabbit: RabbitLab
    ) -> None:
        await rabbit.bind("key")
        session = await rabbit.session()
        rabbit.proxy.cut_after(20_000, Direction.TO_TARGET)

        outcomes = await session.publish(page(*range(300)))

        arrived = [
            each.message_id for each in await collect(rabbit.url, "queue", await ready_count(rabbit.url, "queue"))
        ]
        assert set(outcomes) <= {ROUTED, UNKNOWN}
        assert outcomes[-1] is UNKNOWN
        assert arrived == [f"id-{number}" for number in range(len(arrived))]
        assert outcomes.count(ROUTED) <= len(arrived) < 300
        assert ROUTED not in outcomes[len(arrived) :]

    async def test_cut_between_the_confirms_each_that_came_counts(self, rabbit: RabbitLab) -> None:
        await rabbit.bind("key")
        session = await rabbit.session()
        ack_bytes = 21
        rabbit.proxy.cut_after(ack_bytes, Direction.TO_CLIENT)

        outcomes = await session.publish(page(*range(300)))

        assert outcomes[0] is ROUTED
        assert set(outcomes) <= {ROUTED, UNKNOWN}
        await until(lambda: not session.is_open)  # where one answer was for all, the cut is seen after it

    async def test_a_connection_that_the_broker_closes_is_followed_by_another(
        self, rabbit: RabbitLab, rabbitmqctl: Rabbitmqctl
    ) -> None:
        await rabbit.bind("key")
        session = await rabbit.session()
        rabbit.hold_confirms()
        publishing = asyncio.create_task(session.publish(page(1)))
        await rabbit.count(1)

        await close_all_connections(rabbitmqctl, rabbit.url)
        rabbit.release()

        assert set(await publishing) <= {ROUTED, UNKNOWN}
        assert await session.publish(page(2)) == [UNKNOWN]
        again = await as_soon_as_there_is_one(rabbit)
        assert await again.publish(page(3)) == [ROUTED]


async def as_soon_as_there_is_one(rabbit: RabbitLab) -> Session:
    """Another session; for a moment the library may not have taken in that the connection has ended."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return await rabbit.session()
            except BrokerUnavailable:
                await asyncio.sleep(0.01)


class TestConfirmTimeout:
    async def test_without_any_outcome_the_session_closes_itself(self, rabbit: RabbitLab) -> None:
        rabbit.confirm_timeout_s = 0.3
        session = await rabbit.session()
        rabbit.hold_confirms()
        loop = asyncio.get_running_loop()
        started = loop.time()

        assert await session.publish(page(1, 2)) == [UNKNOWN, UNKNOWN]

        assert 0.3 <= loop.time() - started < 5
        assert not session.is_open
        assert rabbit.observer.reasons("session_ended") == ["no confirm came for 0.3 s"]

    async def test_a_session_with_nothing_in_flight_never_times_out(self, rabbit: RabbitLab) -> None:
        rabbit.confirm_timeout_s = 0.05
        await rabbit.bind("key")
        session = await rabbit.session()

        await asyncio.sleep(0.2)

        assert await session.publish(page(1)) == [ROUTED]

    async def test_afterwards_a_new_session_publishes_on_the_same_connection(self, rabbit: RabbitLab) -> None:
        rabbit.confirm_timeout_s = 0.3
        await rabbit.bind("key")
        silent = await rabbit.session()
        rabbit.hold_confirms()
        await silent.publish(page(1))
        rabbit.release()

        session = await rabbit.session()

        assert await session.publish(page(2)) == [ROUTED]
        assert rabbit.proxy.accepted == 1
