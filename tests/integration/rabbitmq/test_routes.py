"""Subscribers' queues on a real broker: what AMQP and the management API show of them, and what is declared."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.bindings import ManagedBindings
from bridge.rabbitmq.management import ManagementUnavailable
from bridge.rabbitmq.routes import look_at_routes
from bridge.routes import Place, Route, RouteFacts
from bridge.tls import client_context
from tests.support.broker import declare_queue, open_channel, ready_count, vhost_of
from tests.support.labs import RabbitLab
from tests.support.vhost import Management

NHN = "nhn.notifications"
OURS = Route(queue="cases", exchange=NHN, bindings=("new-message.*", "refused.#"), declare=True)
THEIRS = Route(queue="theirs", exchange=NHN, bindings=("new-message.*", "apprec.*"), required=True)

Look = Callable[[Route], Awaitable[RouteFacts]]


@pytest.fixture
async def look(broker_vhost: str, channel: AbstractChannel) -> AsyncIterator[Look]:
    """Looks once, on a vhost with the exchange."""
    await channel.declare_exchange(NHN, "topic", durable=True)
    async with await aio_pika.connect(broker_vhost) as connection:

        async def look(route: Route) -> RouteFacts:
            return (await look_at_routes([route], lambda: connection.channel(publisher_confirms=False)))[route]

        yield look


class TestLooking:
    async def test_a_queue_of_somebody_else_is_there_or_not_and_nothing_is_declared(
        self, look: Look, broker_vhost: str, management: Management
    ) -> None:
        assert await look(THEIRS) == RouteFacts(exists=False)
        assert await management.list("queues", "name") == []

        await declare_queue(broker_vhost, "theirs")
        assert await look(THEIRS) == RouteFacts(exists=True)

    async def test_a_queue_that_its_subscriber_alone_may_read_is_there(self, look: Look, broker_vhost: str) -> None:
        async with open_channel(broker_vhost) as theirs:
            await theirs.declare_queue("theirs", exclusive=True)
            assert await look(THEIRS) == RouteFacts(exists=True)
        assert await look(THEIRS) == RouteFacts(exists=False)

    async def test_looking_needs_no_permission(self, look: Look, management: Management) -> None:
        await management.permit(configure="", write="", read="")
        assert await look(THEIRS) == RouteFacts(exists=False)


class TestDeclaring:
    async def test_the_queue_is_declared_durable_and_quorum_and_bound(self, look: Look, management: Management) -> None:
        assert await look(OURS) == RouteFacts(exists=True, bound=frozenset(OURS.bindings), declared_anew=True)

        assert await management.list("queues", "name", "durable", "arguments") == [
            ("cases", True, {"x-queue-type": "quorum"})
        ]
        bindings = await management.list("bindings", "source", "destination", "routing_key")
        assert [each for each in bindings if each[0]] == [(NHN, "cases", "new-message.*"), (NHN, "cases", "refused.#")]

    async def test_looking_again_keeps_the_queue_with_what_is_in_it(
        self, look: Look, broker_vhost: str, channel: AbstractChannel
    ) -> None:
        await look(OURS)
        await channel.default_exchange.publish(aio_pika.Message(b"kept"), "cases")

        assert await look(OURS) == RouteFacts(exists=True, bound=frozenset(OURS.bindings))
        assert await ready_count(broker_vhost, "cases") == 1

    async def test_a_binding_that_is_gone_is_made_again(
        self, look: Look, channel: AbstractChannel, management: Management
    ) -> None:
        await look(OURS)
        await (await channel.get_queue("cases", ensure=False)).unbind(NHN, "refused.#")

        await look(OURS)
        assert (NHN, "cases", "refused.#") in await management.list("bindings", "source", "destination", "routing_key")

    @pytest.mark.parametrize(
        "arguments", [{"x-queue-type": "classic"}, {"x-queue-type": "quorum", "x-max-length": 10}, None]
    )
    async def test_a_durable_queue_that_somebody_made_otherwise_is_accepted_and_bound(
        self, look: Look, channel: AbstractChannel, arguments: dict[str, str | int] | None
    ) -> None:
        await channel.declare_queue("cases", durable=True, arguments={**arguments} if arguments else None)

        assert await look(OURS) == RouteFacts(exists=True, bound=frozenset(OURS.bindings))
        exchange = await channel.get_exchange(NHN)
        await exchange.publish(aio_pika.Message(b"routed"), "new-message.1")

    @pytest.mark.parametrize(
        ("queue", "differs"),
        [((False, False), "'durable'"), ((True, True), "'auto_delete'")],
        ids=["not durable", "goes with its last consumer"],
    )
    async def test_a_queue_that_would_lose_events_is_no_subscriber_s(
        self, look: Look, channel: AbstractChannel, queue: tuple[bool, bool], differs: str
    ) -> None:
        await channel.declare_queue("cases", durable=queue[0], auto_delete=queue[1])

        facts = await look(OURS)
        assert (facts.exists, facts.bound) == (True, frozenset())
        assert f"queue cases: the broker refuses it as it is (PRECONDITION_FAILED - inequivalent arg {differs}" in (
            facts.trouble or ""
        )

    async def test_an_exchange_that_nobody_declares_is_named_once(self, look: Look) -> None:
        facts = await look(Route(queue="cases", exchange="elsewhere", bindings=("a", "b"), declare=True))

        assert (facts.exists, facts.bound) == (True, frozenset())
        assert facts.trouble == "binding of queue cases to elsewhere: an exchange or queue is missing"

    async def test_where_it_may_not_declare_the_broker_s_reason_is_told_and_no_user(
        self, look: Look, management: Management
    ) -> None:
        await management.permit(configure="", write=".*", read=".*")

        facts = await look(OURS)
        assert facts.exists is False
        assert facts.trouble is not None
        assert facts.trouble.startswith("queue cases: the user lacks a permission")
        assert management.user not in facts.trouble


class TestBindings:
    @pytest.fixture
    def bindings(self, broker_management_url: str) -> ManagedBindings:
        return ManagedBindings(lambda: broker_management_url, tls=client_context())

    @pytest.fixture
    async def place(self, lab: RabbitLab) -> Place:
        """As the bridge's connection says."""
        return await lab.the_broker().look_at_routes()

    async def test_what_a_queue_is_bound_to_its_exchange_with_is_seen(
        self, bindings: ManagedBindings, place: Place, broker_vhost: str
    ) -> None:
        assert place.vhost == vhost_of(broker_vhost)
        assert await bindings.look(place, [THEIRS]) == {THEIRS: frozenset()}

        await declare_queue(broker_vhost, "theirs", "other", "refused.*")
        await declare_queue(broker_vhost, "theirs", NHN)
        assert await bindings.look(place, [THEIRS]) == {THEIRS: frozenset()}

        await declare_queue(broker_vhost, "theirs", NHN, "new-message.*", "#")
        assert await bindings.look(place, [THEIRS]) == {THEIRS: frozenset({"new-message.*", "#"})}

    async def test_of_another_broker_nothing_is_concluded(self, bindings: ManagedBindings, place: Place) -> None:
        with pytest.raises(ManagementUnavailable, match="MANAGEMENT_URL is of another broker: the cluster "):
            await bindings.look(place._replace(cluster="elsewhere"), [THEIRS])

    async def test_nor_where_nobody_answers(self, place: Place) -> None:
        nobody = ManagedBindings(lambda: "http://guest:guest@127.0.0.1:9", tls=client_context())
        with pytest.raises(ManagementUnavailable, match="no connection"):
            await nobody.look(place, [THEIRS])


async def test_a_new_connection_is_given_to_nobody_before_the_routes_were_looked_at(lab: RabbitLab) -> None:
    seen: list[RouteFacts] = []
    broker = lab.the_broker(routes=(THEIRS,), on_routes=lambda facts: seen.extend(facts.values()))
    await broker.session()
    assert seen == [RouteFacts(exists=False)]

    lab.lose_connection()
    while True:  # as whoever publishes does
        try:
            await broker.session()
        except BrokerUnavailable:
            continue
        break
    assert seen == [RouteFacts(exists=False)] * 2
