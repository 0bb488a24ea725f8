"""The route contract while the bridge runs: what is told of it, and when the gate is closed."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import product

import pytest

from bridge.errors import BrokerUnavailable
from bridge.route_contract import LOOK_S, NO_MANAGEMENT, NOT_LOOKED_YET, RouteContract
from bridge.routes import Judgement, Place, Route, RouteFacts, Verdict
from tests.support.clock import FakeClock
from tests.support.observers import Recorder

NHN, ALTINN = "nhn.notifications", "altinn.notifications"
JOURNAL = Route(queue="journal", exchange=NHN, bindings=("new-message.*",), required=True, holds=True)
LETTERS = Route(queue="letters", exchange=ALTINN, bindings=("#",), required=True, holds=False)
OURS = Route(queue="ours", exchange=NHN, bindings=("#",), required=True, declare=True, holds=True)
BARE = Route(queue="bare", exchange=NHN, required=True, holds=True)
THERE, GONE = RouteFacts(exists=True), RouteFacts(exists=False)
PLACE = Place("/", "rabbit@here")


class World:
    """A broker and a management API, and the contract that looks at them."""

    def __init__(self, *routes: Route, management: bool = True) -> None:
        self.routes = routes
        self.queues: dict[Route, RouteFacts] = dict.fromkeys(routes, THERE)
        self.bound: dict[Route, frozenset[str]] = {route: frozenset(route.bindings) for route in routes}
        self.is_broker_there = True
        self.is_management_there = True
        self.observer = Recorder()
        self.clock = FakeClock(auto=False)
        self.contract = RouteContract(
            routes, bindings=self if management else None, observer=self.observer, clock=self.clock
        )

    async def look_at_routes(self) -> Place:
        if not self.is_broker_there:
            raise BrokerUnavailable("nothing listens there")
        self.contract.queues_seen(self.queues)
        return PLACE

    async def look(self, place: Place, routes: Sequence[Route]) -> Mapping[Route, frozenset[str]]:
        assert place == PLACE
        if not self.is_management_there:
            raise BrokerUnavailable("The management API gives no answer")
        return {route: self.bound[route] for route in routes}

    async def turn(self) -> None:
        """One look, as `run` makes it."""
        self.clock.advance(LOOK_S)
        await self.contract._look(self)

    def closed(self, *exchanges: str) -> str | None:
        return self.contract.why_closed(exchanges or (NHN, ALTINN))

    def judged(self, route: Route) -> Judgement:
        """What was told of it last."""
        told = [args[1] for name, args, _ in self.observer.told if name == "judged" and args[0] == route]
        judgement = told[-1]
        assert isinstance(judgement, Judgement)
        return judgement

    def told(self) -> list[str]:
        """What was told but for the judgements."""
        return [name for name in self.observer.names() if name != "judged"]


async def test_while_a_queue_that_holds_is_missing_its_exchange_is_closed_and_no_other() -> None:
    world = World(JOURNAL, LETTERS)
    world.queues[JOURNAL] = GONE
    await world.turn()
    assert world.closed() == "queue journal of the route contract: the queue is not there"
    assert world.closed("bridge.parked", ALTINN) is None
    assert world.judged(JOURNAL).fix == (
        "Have the subscriber declare it, bound to nhn.notifications with new-message.*"
    )

    world.queues[JOURNAL] = THERE
    await world.turn()
    await world.turn()
    assert world.closed() is None
    assert world.judged(JOURNAL).verdict is Verdict.THERE


@pytest.mark.parametrize("management", [True, False])
async def test_a_queue_that_is_back_has_a_moment_to_be_bound(*, management: bool) -> None:
    """Who subscribes declares the queue first: what is published before the binding would pass it by."""
    world = World(JOURNAL, BARE, management=management)
    world.queues = {JOURNAL: GONE, BARE: GONE}
    await world.turn()
    world.queues = {JOURNAL: THERE, BARE: THERE}
    await world.turn()
    assert world.closed() == "queue journal of the route contract: the queue is back, and has a moment to be bound"
    assert world.judged(BARE).verdict is Verdict.THERE
    world.clock.advance(LOOK_S - 0.1)
    world.contract.queues_seen({})
    assert world.closed() is not None
    world.clock.advance(0.1)
    world.contract.queues_seen({})
    assert world.closed() is None


async def test_a_missing_binding_closes_as_a_missing_queue_does() -> None:
    world = World(JOURNAL)
    world.bound[JOURNAL] = frozenset({"apprec.*"})
    await world.turn()
    assert world.closed() == ("queue journal of the route contract: not bound to nhn.notifications with new-message.*")


async def test_where_it_is_to_go_on_it_is_told_and_nothing_is_closed() -> None:
    world = World(LETTERS)
    world.queues[LETTERS] = GONE
    await world.turn()
    assert world.closed() is None
    assert world.judged(LETTERS).verdict is Verdict.MISSING


async def test_nothing_is_published_before_the_bindings_were_asked_for_once() -> None:
    world = World(JOURNAL, LETTERS)
    assert world.closed(NHN) == NOT_LOOKED_YET
    assert world.closed(ALTINN) is None
    world.contract.queues_seen(world.queues)
    assert world.closed(NHN) == NOT_LOOKED_YET
    await world.turn()
    assert world.closed(NHN) is None


@pytest.mark.parametrize("route", [OURS, BARE])
async def test_a_route_that_amqp_shows_whole_waits_for_no_management_api(route: Route) -> None:
    world = World(route)
    world.is_management_there = False
    world.queues[route] = RouteFacts(exists=True, bound=frozenset(route.bindings))
    world.contract.queues_seen(world.queues)
    assert world.closed() is None
    await world.turn()
    assert world.judged(route).verdict is Verdict.THERE
    assert world.told() == []


async def test_a_management_api_that_is_away_from_the_start_holds_nobody_up() -> None:
    world = World(JOURNAL)
    world.is_management_there = False
    await world.turn()
    assert world.closed() is None
    assert world.judged(JOURNAL).verdict is Verdict.NOT_SEEN
    assert world.observer.told[-2] == (
        "bindings_unseen",
        ("The management API gives no answer",),
        {"is_trouble": True},
    )


@pytest.mark.parametrize("bound", [frozenset[str](), frozenset(JOURNAL.bindings)])
async def test_while_the_management_api_is_away_what_it_said_last_holds(bound: frozenset[str]) -> None:
    world = World(JOURNAL)
    world.bound[JOURNAL] = bound
    await world.turn()
    before = world.closed(), world.judged(JOURNAL)

    world.is_management_there = False
    world.bound[JOURNAL] = frozenset({"whatever"})
    await world.turn()
    assert (world.closed(), world.judged(JOURNAL)) == before
    assert world.told() == ["bindings_seen", "bindings_unseen"]


async def test_a_broker_that_is_away_says_nothing_of_its_queues() -> None:
    world = World(JOURNAL)
    await world.turn()
    world.is_broker_there = False
    world.queues[JOURNAL] = GONE
    await world.turn()
    assert world.closed() is None
    world.is_broker_there = True
    await world.turn()
    assert world.closed() is not None


async def test_what_amqp_does_not_show_stays_as_it_was_known() -> None:
    world = World(BARE)
    world.queues[BARE] = GONE
    await world.turn()
    world.queues[BARE] = RouteFacts()
    await world.turn()
    assert world.judged(BARE).verdict is Verdict.MISSING


async def test_a_queue_that_is_declared_again_is_told_of_but_not_at_the_first_look() -> None:
    world = World(OURS)
    world.queues[OURS] = RouteFacts(exists=True, bound=frozenset({"#"}), declared_anew=True)
    await world.turn()
    assert world.told() == []
    await world.turn()
    assert world.told() == ["declared_anew"]
    assert world.closed() is None


async def test_a_queue_that_is_bound_again_is_told_of_but_not_at_the_first_look() -> None:
    world = World(OURS)
    world.queues[OURS] = RouteFacts(exists=True, bound=frozenset({"#"}))
    world.bound[OURS] = frozenset({"other.*"})
    await world.turn()
    assert world.told() == []
    await world.turn()
    assert world.observer.told[-1] == ("bound_anew", (OURS, "#"), {})
    world.bound[OURS] = frozenset({"#", "other.*"})
    await world.turn()
    assert world.told() == ["bound_anew"]


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(
            RouteFacts(exists=True, bound=frozenset({"#"}), declared_anew=True), id="the queue itself was gone"
        ),
        pytest.param(RouteFacts(exists=True, bound=frozenset(), trouble="may not"), id="it could not be bound"),
    ],
)
async def test_what_is_told_otherwise_is_not_told_as_bound_again(seen: RouteFacts) -> None:
    world = World(OURS)
    world.queues[OURS] = RouteFacts(exists=True, bound=frozenset({"#"}))
    await world.turn()
    world.queues[OURS], world.bound[OURS] = seen, frozenset()
    await world.turn()
    assert "bound_anew" not in world.told()


async def test_a_queue_of_the_bridge_s_own_is_bound_again_though_no_management_api_tells() -> None:
    world = World(OURS)
    world.queues[OURS] = RouteFacts(exists=True, bound=frozenset({"#"}))
    await world.turn()
    world.is_management_there = False
    await world.turn()
    assert world.told() == []
    assert world.judged(OURS).verdict is Verdict.THERE


async def test_a_queue_that_could_not_be_declared_is_missing_with_the_broker_s_reason() -> None:
    world = World(OURS)
    world.queues[OURS] = RouteFacts(exists=False, bound=frozenset(), trouble="queue ours: the user lacks a permission")
    await world.turn()
    assert world.closed() == "queue ours of the route contract: queue ours: the user lacks a permission"


async def test_without_a_management_api_only_queues_count_and_that_is_said_once() -> None:
    world = World(JOURNAL, management=False)
    assert world.closed() is None
    stop = asyncio.Event()
    running = asyncio.create_task(world.contract.run(world, stop))
    while len(world.clock.slept) < 3:
        await asyncio.sleep(0)
        world.clock.advance(LOOK_S)
    stop.set()
    await running
    assert world.told() == ["bindings_unseen"]
    assert world.observer.told[1] == ("bindings_unseen", (NO_MANAGEMENT,), {"is_trouble": False})
    assert world.closed() is None
    assert world.clock.slept[0] == LOOK_S


async def test_a_contract_of_nothing_closes_nothing() -> None:
    world = World()
    await world.turn()
    assert world.closed() is None
    assert world.observer.told == []


async def test_in_whatever_order_things_come_and_go_the_gate_is_closed_just_while_something_known_is_missing() -> None:
    """Every history of three looks: the queue, its binding and the management API there or not."""
    for history in product(product((True, False), repeat=3), repeat=3):
        world = World(JOURNAL)
        known_bound: bool | None = None
        was_there = True
        for has_queue, is_bound, answers in history:
            world.queues[JOURNAL] = THERE if has_queue else GONE
            world.bound[JOURNAL] = frozenset(JOURNAL.bindings) if has_queue and is_bound else frozenset()
            world.is_management_there = answers
            await world.turn()
            if answers:
                known_bound = has_queue and is_bound
            is_just_back = has_queue and not was_there
            assert (world.closed() is not None) is (not has_queue or is_just_back or known_bound is False), history
            was_there = has_queue
