"""The contract of `ports.Session`, held by every implementation: the fake and those that speak to RabbitMQ."""

import asyncio

from bridge.ports import Outcome
from tests.support.labs import NOWHERE, Lab, message, page

ROUTED, RETURNED, REFUSED, UNKNOWN = Outcome.ROUTED, Outcome.RETURNED, Outcome.REFUSED, Outcome.UNKNOWN


class TestOutcomes:
    async def test_a_page_is_in_the_queue_in_its_order_when_all_of_it_is_routed(self, lab: Lab) -> None:
        await lab.bind("key")
        session = await lab.session()

        assert await session.publish(page(1, 2, 3)) == [ROUTED, ROUTED, ROUTED]

        assert await lab.arrived(3) == ["id-1", "id-2", "id-3"]
        assert session.is_open

    async def test_an_empty_page_is_settled_at_once(self, lab: Lab) -> None:
        session = await lab.session()

        assert await session.publish([]) == []

    async def test_each_returned_message_is_told_from_the_routed_ones_of_its_page(self, lab: Lab) -> None:
        await lab.bind("bound")
        session = await lab.session()
        mixed = [
            message(1, "bound"),
            message(2, "nobody"),
            message(3, "bound"),
            message(4, "nobody"),
            message(5, "bound"),
        ]

        assert await session.publish(mixed) == [ROUTED, RETURNED, ROUTED, RETURNED, ROUTED]

        assert await lab.arrived(3) == ["id-1", "id-3", "id-5"]
        assert session.is_open

    async def test_a_returned_message_can_be_published_again_in_the_same_session(self, lab: Lab) -> None:
        await lab.bind("other")
        session = await lab.session()
        assert await session.publish(page(1)) == [RETURNED]
        await lab.bind("key")

        assert await session.publish(page(1)) == [ROUTED]

    async def test_only_what_goes_to_a_full_queue_is_refused(self, lab: Lab) -> None:
        await lab.bind("healthy")
        await lab.bind_full_queue("full")
        session = await lab.session()
        mixed = [message(1, "healthy"), message(2, "full"), message(3, "healthy"), message(4, "full")]

        assert await session.publish(mixed) == [ROUTED, REFUSED, ROUTED, REFUSED]

        assert await lab.arrived(2) == ["id-1", "id-3"]
        assert session.is_open

    async def test_1500_messages_of_a_page_are_routed_in_order(self, lab: Lab) -> None:
        await lab.bind("key")
        session = await lab.session()

        outcomes = await session.publish(page(*range(1500)))

        assert outcomes == [ROUTED] * 1500
        assert await lab.arrived(1500) == [f"id-{number}" for number in range(1500)]


class TestLostConnection:
    async def test_what_never_reached_the_broker_is_unknown(self, lab: Lab) -> None:
        await lab.bind("key")
        session = await lab.session()
        lab.hold_messages()
        publishing = asyncio.create_task(session.publish(page(1, 2)))
        await asyncio.sleep(0)

        lab.lose_connection()

        assert await publishing == [UNKNOWN, UNKNOWN]
        assert await lab.arrived(0) == []
        assert not session.is_open

    async def test_what_is_in_the_queue_but_was_not_confirmed_is_unknown(self, lab: Lab) -> None:
        await lab.bind("key")
        session = await lab.session()
        lab.hold_confirms()
        publishing = asyncio.create_task(session.publish(page(1, 2)))
        await lab.count(2)

        lab.lose_connection()

        assert await publishing == [UNKNOWN, UNKNOWN]
        assert await lab.arrived(2) == ["id-1", "id-2"]
        assert not session.is_open

    async def test_what_was_confirmed_before_stays_routed(self, lab: Lab) -> None:
        await lab.bind("key")
        session = await lab.session()
        assert await session.publish(page(1)) == [ROUTED]
        lab.hold_confirms()
        publishing = asyncio.create_task(session.publish(page(2)))
        await lab.count(2)

        lab.lose_connection()

        assert await publishing == [UNKNOWN]

    async def test_every_overlapping_publish_returns(self, lab: Lab) -> None:
        session = await lab.session()
        lab.hold_messages()
        publishing = [asyncio.create_task(session.publish(page(number))) for number in (1, 2, 3)]
        await asyncio.sleep(0)

        lab.lose_connection()

        assert await asyncio.gather(*publishing) == [[UNKNOWN], [UNKNOWN], [UNKNOWN]]

    async def test_a_new_session_is_open_and_publishes(self, lab: Lab) -> None:
        await lab.bind("key")
        lost = await lab.session()
        lab.hold_messages()
        publishing = asyncio.create_task(lost.publish(page(1)))
        await asyncio.sleep(0)
        lab.lose_connection()
        await publishing
        lab.release()

        session = await lab.session()

        assert await session.publish(page(1, 2)) == [ROUTED, ROUTED]
        assert not lost.is_open

    async def test_a_missing_exchange_ends_the_session_and_makes_what_is_open_unknown(self, lab: Lab) -> None:
        session = await lab.session()
        await lab.remove_exchange()

        assert await session.publish(page(1, 2)) == [UNKNOWN, UNKNOWN]

        assert not session.is_open

    async def test_a_missing_exchange_hurts_no_other_session(self, lab: Lab) -> None:
        await lab.bind("key")
        session, other = await lab.session(), await lab.session()

        assert await session.publish([message(1, exchange=NOWHERE)]) == [UNKNOWN]

        assert await other.publish(page(2)) == [ROUTED]


class TestOrderAndBounds:
    async def test_overlapping_calls_reach_the_queue_in_the_order_of_the_calls(self, lab: Lab) -> None:
        await lab.bind("key")
        session = await lab.session()
        pages = [page(*range(start, start + 100)) for start in (0, 100, 200)]

        outcomes = await asyncio.gather(*[session.publish(each) for each in pages])

        assert outcomes == [[ROUTED] * 100] * 3
        assert await lab.arrived(300) == [f"id-{number}" for number in range(300)]

    async def test_no_more_is_written_than_may_be_in_flight(self, lab: Lab) -> None:
        await lab.bind("key")
        session = await lab.session(max_in_flight=3)
        lab.hold_confirms()
        publishing = asyncio.create_task(session.publish(page(*range(10))))

        await lab.count(3)
        lab.release()

        assert await publishing == [ROUTED] * 10
        assert await lab.arrived(10) == [f"id-{number}" for number in range(10)]

    async def test_all_sessions_share_what_may_be_in_flight(self, lab: Lab) -> None:
        await lab.bind("key")
        first, second = await lab.session(max_in_flight=3), await lab.session(max_in_flight=3)
        lab.hold_confirms()
        publishing = [asyncio.create_task(first.publish(page(1, 2))), asyncio.create_task(second.publish(page(3, 4)))]

        await lab.count(3)
        lab.release()

        assert await asyncio.gather(*publishing) == [[ROUTED, ROUTED], [ROUTED, ROUTED]]

    async def test_a_session_that_ended_leaves_its_room_to_the_others(self, lab: Lab) -> None:
        await lab.bind("key")
        first, second = await lab.session(max_in_flight=2), await lab.session(max_in_flight=2)
        lab.hold_confirms()
        publishing = asyncio.create_task(first.publish(page(1, 2)))
        await lab.count(2)

        closing = asyncio.create_task(first.close())
        assert await publishing == [UNKNOWN, UNKNOWN]
        lab.release()

        assert await second.publish(page(3, 4)) == [ROUTED, ROUTED]
        await closing

    async def test_a_message_whose_id_is_in_flight_waits_until_that_one_is_settled(self, lab: Lab) -> None:
        await lab.bind("key")
        session = await lab.session()
        lab.hold_confirms()
        publishing = asyncio.create_task(session.publish([*page(1, 2, 1), message(3)]))

        await lab.count(2)
        lab.release()

        assert await publishing == [ROUTED] * 4
        assert await lab.arrived(4) == ["id-1", "id-2", "id-1", "id-3"]

    async def test_of_two_messages_with_one_id_each_gets_its_own_outcome(self, lab: Lab) -> None:
        await lab.bind("bound")
        session = await lab.session()
        twins = [message(1, "nobody"), message(1, "bound"), message(1, "nobody")]

        assert await session.publish(twins) == [RETURNED, ROUTED, RETURNED]
