"""What the bridge declares, and what it only looks for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractChannel

from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.topology import Subscription, Topology
from tests.support.broker import open_channel, ready_count, vhost_of

NHN = "nhn.notifications"
CASES = Subscription("cases", NHN, ("new-message.*", "refused.#"), declare=True)
ADDRESS = "host:5672"

Apply = Callable[[Topology], Awaitable[None]]


@pytest.fixture
async def apply(broker_vhost: str) -> AsyncIterator[Apply]:
    async with await aio_pika.connect(broker_vhost) as connection:

        async def apply(topology: Topology) -> None:
            await topology.apply(lambda: connection.channel(publisher_confirms=False), address=ADDRESS)

        yield apply


@pytest.fixture
async def channel(broker_vhost: str) -> AsyncIterator[AbstractChannel]:
    async with open_channel(broker_vhost) as channel:
        yield channel


class Management:
    """RabbitMQ's management API, on the vhost of the test."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._vhost = vhost_of(url)
        self.user = urlsplit(url).username or ""

    async def list(self, what: str, *columns: str) -> list[tuple[object, ...]]:
        listed = (await self._client.get(f"api/{what}/{self._vhost}")).raise_for_status().json()
        return sorted(tuple(each[column] for column in columns) for each in listed)

    async def permit(self, *, configure: str, write: str, read: str) -> None:
        permissions = {"configure": configure, "write": write, "read": read}
        (await self._client.put(f"api/permissions/{self._vhost}/{self.user}", json=permissions)).raise_for_status()


@pytest.fixture
async def management(broker_management_url: str, broker_vhost: str) -> AsyncIterator[Management]:
    async with httpx.AsyncClient(base_url=broker_management_url, timeout=10) as client:
        yield Management(client, broker_vhost)


class TestDeclare:
    async def test_everything_is_declared_durable_and_nothing_else(self, apply: Apply, management: Management) -> None:
        await apply(Topology(exchanges=(NHN,), subscriptions=(CASES,)))

        exchanges = await management.list("exchanges", "name", "type", "durable")
        assert [each for each in exchanges if not str(each[0]).startswith("amq.") and each[0]] == [
            ("bridge.parked", "fanout", True),
            ("nhn.notifications", "topic", True),
        ]
        assert await management.list("queues", "name", "durable", "arguments") == [
            ("bridge.parked", True, {"x-delivery-limit": 1_000_000, "x-queue-type": "quorum"}),
            ("cases", True, {"x-queue-type": "quorum"}),
        ]
        bindings = await management.list("bindings", "source", "destination", "routing_key")
        assert [each for each in bindings if each[0]] == [
            ("bridge.parked", "bridge.parked", ""),
            ("nhn.notifications", "cases", "new-message.*"),
            ("nhn.notifications", "cases", "refused.#"),
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

    async def test_declaring_again_changes_nothing(
        self, apply: Apply, broker_vhost: str, channel: AbstractChannel
    ) -> None:
        await apply(Topology(exchanges=(NHN,), subscriptions=(CASES,)))
        await channel.default_exchange.publish(aio_pika.Message(b"kept"), "cases")

        await apply(Topology(exchanges=(NHN,), subscriptions=(CASES,)))

        assert await ready_count(broker_vhost, "cases") == 1

    @pytest.mark.parametrize(
        "arguments", [{"x-queue-type": "classic"}, {"x-queue-type": "quorum", "x-max-length": 10}, None]
    )
    async def test_a_durable_queue_that_somebody_made_otherwise_is_accepted_and_bound(
        self, apply: Apply, channel: AbstractChannel, arguments: dict[str, str | int] | None
    ) -> None:
        await channel.declare_queue("cases", durable=True, arguments={**arguments} if arguments else None)

        await apply(Topology(exchanges=(NHN,), subscriptions=(CASES,)))

        exchange = await channel.get_exchange(NHN)
        await exchange.publish(aio_pika.Message(b"routed"), "new-message.1")

    async def test_an_exchange_with_an_alternate_exchange_is_accepted(
        self, apply: Apply, channel: AbstractChannel
    ) -> None:
        await channel.declare_exchange(NHN, "topic", durable=True, arguments={"alternate-exchange": "elsewhere"})

        await apply(Topology(exchanges=(NHN,)))

    async def test_a_queue_that_would_not_survive_a_restart_is_refused(
        self, apply: Apply, channel: AbstractChannel
    ) -> None:
        await channel.declare_queue("cases", durable=False)

        with pytest.raises(BrokerUnavailable, match=r"queue cases: the broker refuses it as it is .*'durable'"):
            await apply(Topology(exchanges=(NHN,), subscriptions=(CASES,)))

    async def test_a_queue_that_goes_with_its_last_consumer_is_refused(
        self, apply: Apply, channel: AbstractChannel
    ) -> None:
        await channel.declare_queue("cases", durable=True, auto_delete=True)

        with pytest.raises(BrokerUnavailable, match=r"queue cases: the broker refuses it as it is .*'auto_delete'"):
            await apply(Topology(exchanges=(NHN,), subscriptions=(CASES,)))

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

    async def test_a_binding_to_an_exchange_that_nobody_declares_is_named(self, apply: Apply) -> None:
        elsewhere = Subscription("cases", "elsewhere", ("a", "b"), declare=True)

        with pytest.raises(BrokerUnavailable) as caught:
            await apply(Topology(exchanges=(NHN,), subscriptions=(elsewhere,)))

        assert str(caught.value).count("binding of queue cases to elsewhere") == 1

    async def test_a_required_queue_of_somebody_else_has_to_be_there(
        self, apply: Apply, channel: AbstractChannel
    ) -> None:
        topology = Topology(exchanges=(NHN,), subscriptions=(Subscription("theirs", NHN, required=True),))
        with pytest.raises(BrokerUnavailable, match="queue theirs: an exchange or queue is missing"):
            await apply(topology)

        await channel.declare_queue("theirs", durable=True)

        await apply(topology)

    async def test_a_queue_that_is_neither_required_nor_declared_is_nobodys_concern(
        self, apply: Apply, management: Management
    ) -> None:
        await apply(Topology(exchanges=(NHN,), subscriptions=(Subscription("theirs", NHN),)))

        assert await management.list("queues", "name") == [("bridge.parked",)]

    async def test_without_permission_the_error_says_what_to_do_and_names_no_user(
        self, apply: Apply, management: Management
    ) -> None:
        await management.permit(configure="", write=".*", read=".*")

        with pytest.raises(BrokerUnavailable, match="set BRIDGE_BROKER__TOPOLOGY=check") as caught:
            await apply(Topology(exchanges=(NHN,)))

        assert management.user not in str(caught.value)


class TestCheck:
    async def test_everything_missing_is_named_at_once(self, apply: Apply) -> None:
        required = Subscription("theirs", NHN, required=True)

        with pytest.raises(BrokerUnavailable) as caught:
            await apply(
                Topology(
                    exchanges=(NHN, "altinn.notifications"),
                    registrations_queue="bridge.altinn.orders",
                    subscriptions=(CASES, required),
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
            "queue cases",
            "queue theirs",
        ):
            assert f"; {name}: an exchange or queue is missing" in told

    async def test_what_is_there_is_enough_and_nothing_is_changed(
        self, apply: Apply, channel: AbstractChannel, management: Management
    ) -> None:
        await channel.declare_exchange(NHN, "topic", durable=True)
        await channel.declare_exchange("bridge.parked", "fanout", durable=True)
        for queue in ("bridge.parked", "cases"):
            await channel.declare_queue(queue, durable=True)

        await apply(Topology(exchanges=(NHN,), subscriptions=(CASES,), mode="check"))

        assert [each for each in await management.list("bindings", "source") if each != ("",)] == []

    async def test_looking_needs_no_permission_to_declare(self, apply: Apply, management: Management) -> None:
        await apply(Topology(exchanges=(NHN,)))
        await management.permit(configure="", write=".*", read="")

        await apply(Topology(exchanges=(NHN,), mode="check"))
