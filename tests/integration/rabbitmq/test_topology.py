"""What the bridge declares, and what it only looks for."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.topology import Topology
from tests.support.vhost import Management

NHN = "nhn.notifications"
ADDRESS = "host:5672"

Apply = Callable[[Topology], Awaitable[None]]


@pytest.fixture
async def apply(broker_vhost: str) -> AsyncIterator[Apply]:
    async with await aio_pika.connect(broker_vhost) as connection:

        async def apply(topology: Topology) -> None:
            await topology.apply(lambda: connection.channel(publisher_confirms=False), address=ADDRESS)

        yield apply


class TestDeclare:
    async def test_everything_is_declared_durable_and_nothing_else(self, apply: Apply, management: Management) -> None:
        await apply(Topology(exchanges=(NHN,)))

        exchanges = await management.list("exchanges", "name", "type", "durable")
        assert [each for each in exchanges if not str(each[0]).startswith("amq.") and each[0]] == [
            ("bridge.parked", "fanout", True),
            ("nhn.notifications", "topic", True),
        ]
        assert await management.list("queues", "name", "durable", "arguments") == [
            ("bridge.parked", True, {"x-delivery-limit": 1_000_000, "x-queue-type": "quorum"}),
        ]
        bindings = await management.list("bindings", "source", "destination", "routing_key")
        assert [each for each in bindings if each[0]] == [
            ("bridge.parked", "bridge.parked", ""),
        ]

    async def test_the_queue_of_registrations_is_durable_quorum_and_drops_nothing_however_often_it_is_read(
        self, apply: Apply, management: Management
    ) -> None:
        await apply(Topology(exchanges=(), registrations_queue="bridge.altinn.orders"))

        assert await management.list("queues", "name", "durable", "arguments") == [
            ("bridge.altinn.orders", True, {"x-delivery-limit": 1_000_000, "x-queue-type": "quorum"}),
            ("bridge.parked", True, {"x-delivery-limit": 1_000_000, "x-queue-type": "quorum"}),
        ]
        bindings = await management.list("bindings", "source", "destination")
        assert [each for each in bindings if each[0]] == [("bridge.parked", "bridge.parked")]

    async def test_a_queue_of_registrations_that_would_not_survive_a_restart_is_refused(
        self, apply: Apply, channel: AbstractChannel
    ) -> None:
        await channel.declare_queue("bridge.altinn.orders", durable=False)

        with pytest.raises(BrokerUnavailable, match=r"queue bridge\.altinn\.orders: .*'durable'"):
            await apply(Topology(exchanges=(), registrations_queue="bridge.altinn.orders"))

    async def test_an_exchange_with_an_alternate_exchange_is_accepted(
        self, apply: Apply, channel: AbstractChannel
    ) -> None:
        await channel.declare_exchange(NHN, "topic", durable=True, arguments={"alternate-exchange": "elsewhere"})

        await apply(Topology(exchanges=(NHN,)))

    async def test_an_exchange_of_another_type_is_refused(self, apply: Apply, channel: AbstractChannel) -> None:
        await channel.declare_exchange(NHN, "direct", durable=True)

        with pytest.raises(BrokerUnavailable, match=r"exchange nhn\.notifications: .*inequivalent arg 'type'"):
            await apply(Topology(exchanges=(NHN,)))

    async def test_an_exchange_that_would_not_survive_a_restart_is_refused(
        self, apply: Apply, channel: AbstractChannel
    ) -> None:
        await channel.declare_exchange(NHN, "topic", durable=False)

        with pytest.raises(BrokerUnavailable, match=r"exchange nhn\.notifications: .*inequivalent arg 'durable'"):
            await apply(Topology(exchanges=(NHN,)))

    async def test_without_permission_the_error_says_what_to_do_and_names_no_user(
        self, apply: Apply, management: Management
    ) -> None:
        await management.permit(configure="", write=".*", read=".*")

        with pytest.raises(BrokerUnavailable, match="set BRIDGE_BROKER__TOPOLOGY=check") as caught:
            await apply(Topology(exchanges=(NHN,)))

        assert management.user not in str(caught.value)


class TestCheck:
    async def test_everything_missing_is_named_at_once(self, apply: Apply) -> None:
        with pytest.raises(BrokerUnavailable) as caught:
            await apply(
                Topology(
                    exchanges=(NHN, "altinn.notifications"),
                    registrations_queue="bridge.altinn.orders",
                    mode="check",
                )
            )

        told = str(caught.value)
        assert told.startswith("RabbitMQ at host:5672 lacks what the bridge needs: exchange nhn.notifications: ")
        for name in (
            "exchange altinn.notifications",
            "exchange bridge.parked",
            "queue bridge.parked",
            "queue bridge.altinn.orders",
        ):
            assert f"; {name}: an exchange or queue is missing" in told

    async def test_what_is_there_is_enough_and_nothing_is_changed(
        self, apply: Apply, channel: AbstractChannel, management: Management
    ) -> None:
        await channel.declare_exchange(NHN, "topic", durable=True)
        await channel.declare_exchange("bridge.parked", "fanout", durable=True)
        await channel.declare_queue("bridge.parked", durable=True)

        await apply(Topology(exchanges=(NHN,), mode="check"))

        assert [each for each in await management.list("bindings", "source") if each != ("",)] == []

    async def test_looking_needs_no_permission_to_declare(self, apply: Apply, management: Management) -> None:
        await apply(Topology(exchanges=(NHN,)))
        await management.permit(configure="", write=".*", read="")

        await apply(Topology(exchanges=(NHN,), mode="check"))
