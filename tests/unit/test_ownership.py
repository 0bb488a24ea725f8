"""One owner at a time: leases taken, kept, handed over and lost, on a clock that no test waits for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge import tenure
from bridge.errors import Deposed, InvariantViolation, StoreUnavailable
from bridge.leases import Holdings, Process, Snapshot
from bridge.ownership import Ownership
from tests.support.clock import FakeClock
from tests.support.fake_leases import FakeLeases

HEARTBEAT_S = 2.0


class Recorder:
    """An OwnershipObserver."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def seen(self, snapshot: Snapshot, me: str) -> None:
        pass

    def heartbeat_failed(self, error: StoreUnavailable) -> None:
        pass

    def taken(self, name: str, epoch: int) -> None:
        assert epoch > 0
        self.told.append(("taken", name))

    def given_back(self, name: str) -> None:
        self.told.append(("given back", name))

    def lost(self, name: str, reason: str) -> None:
        assert name
        self.told.append(("lost", reason))


class Replica:
    """One process's part, with work that notes who runs what."""

    def __init__(self, name: str, world: "World", *, is_shared: bool) -> None:
        self.name = name
        self.world = world
        self.observer = Recorder()
        self.stop = asyncio.Event()
        self.asleep_s = 0.0
        """How long it was suspended."""
        self.is_cut_off = False
        """It cannot reach the store."""
        self.holdings = Holdings()
        self.ownership = Ownership(
            _Way(world.leases, self),
            self.holdings,
            me=name,
            process=Process(host="h", pid=1),
            heartbeat_s=HEARTBEAT_S,
            wanted=lambda: {"acme": frozenset({int(name)})},
            is_shared=is_shared,
            clock=world.clock,
            boottime=lambda: world.clock.monotonic() + self.asleep_s,
            observer=self.observer,
        )
        self.tasks = [world.start(self.ownership.run(self.stop))]

    def serve(self, *streams: str, work: Callable[[asyncio.Event], Awaitable[None]] | None = None) -> None:
        for stream in streams:
            self.tasks.append(
                self.world.start(self.ownership.while_owned(stream, self.stop, work or self._work(stream)))
            )

    def _work(self, stream: str) -> Callable[[asyncio.Event], Awaitable[None]]:
        async def run(turn: asyncio.Event) -> None:
            with_others = self.world.running.setdefault(stream, [])
            assert not with_others, f"{stream} runs twice"
            with_others.append(self.name)
            try:
                await turn.wait()
                await self.world.clock.sleep(0.1)  # what is in flight
            finally:
                with_others.remove(self.name)

        return run


class _Way:
    """The leases as one replica reaches them."""

    def __init__(self, leases: FakeLeases, replica: Replica) -> None:
        self._leases = leases
        self._replica = replica

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        call: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._leases, name)

        async def reach(*arguments: object, **options: object) -> object:
            if self._replica.is_cut_off:
                raise StoreUnavailable("cut off")
            return await call(*arguments, **options)

        return reach


class World:
    """Replicas on one store."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self.clock = FakeClock()
        self.leases = FakeLeases(self.clock.monotonic, lease_s=3 * HEARTBEAT_S)
        self.running: dict[str, list[str]] = {}
        self.replicas: list[Replica] = []

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(work)

    def replica(self, name: str, *streams: str, is_shared: bool = True) -> Replica:
        replica = Replica(name, self, is_shared=is_shared)
        replica.serve(*streams)
        self.replicas.append(replica)
        return replica

    async def until(self, condition: Callable[[], object], *, within_s: float = 60.0) -> float:
        """Return once it holds; how long that took. Fails after `within_s`."""
        began = self.clock.monotonic()
        while not condition():
            assert self.clock.monotonic() - began <= within_s, f"not so after {within_s} s: {self.running}"
            await self.clock.sleep(0.05)
        return self.clock.monotonic() - began

    def shares(self) -> dict[str, int]:
        """Replica → how many streams it runs."""
        owners = [owner for owners in self.running.values() for owner in owners]
        return {replica.name: owners.count(replica.name) for replica in self.replicas}


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    async with asyncio.TaskGroup() as tasks:
        world = World(tasks)
        yield world
        for replica in world.replicas:
            replica.is_cut_off = False
            replica.stop.set()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with _world() as world:
        yield world


async def test_a_stream_runs_while_it_is_owned_and_is_given_back_after_a_drain(world: World) -> None:
    one = world.replica("1", "a")
    assert await world.until(lambda: world.running.get("a") == ["1"]) <= HEARTBEAT_S
    one.stop.set()
    await asyncio.gather(*one.tasks)
    assert world.running == {"a": []}
    assert one.observer.told == [("taken", "a"), ("given back", "a")]
    seen = await world.leases.look()
    assert (list(seen.replicas), seen.owner_of("a")) == ([], None)


async def test_streams_are_shared_and_shared_anew_when_a_replica_comes_or_goes(world: World) -> None:
    one = world.replica("1", "a", "b", "c", "d")
    await world.until(lambda: world.shares() == {"1": 4})
    world.replica("2", "a", "b", "c", "d")
    await world.until(lambda: world.shares() == {"1": 2, "2": 2})
    world.replica("3", "a", "b", "c", "d")
    await world.until(lambda: sorted(world.shares().values()) == [1, 1, 2])
    one.stop.set()
    await asyncio.gather(*one.tasks)
    assert await world.until(lambda: world.shares() == {"1": 0, "2": 2, "3": 2}) < HEARTBEAT_S, "at once on a drain"


async def test_each_replica_knows_among_how_many_something_is_shared(world: World) -> None:
    one, two = world.replica("1", "altinn/orders/1", "nhn/acme/1"), world.replica("2", "altinn/orders/1")
    await world.until(lambda: one.ownership.sharers("altinn/") == two.ownership.sharers("altinn/") == 2)
    assert (one.ownership.sharers("nhn/"), two.ownership.sharers("nhn/")) == (1, 1)
    two.stop.set()
    await world.until(lambda: one.ownership.sharers("altinn/") == 1)


async def test_a_dead_replicas_streams_are_taken_over_within_a_lease(world: World) -> None:
    one = world.replica("1", "a", "b")
    await world.until(lambda: world.shares() == {"1": 2})
    world.replica("2", "a", "b")
    await world.until(lambda: world.shares() == {"1": 1, "2": 1})
    for task in one.tasks:
        task.cancel()
    one.is_cut_off = True
    took_s = await world.until(lambda: world.shares() == {"1": 0, "2": 2})
    assert took_s <= 3 * HEARTBEAT_S + HEARTBEAT_S / 2


async def test_who_cannot_reach_the_store_stops_by_itself_before_another_takes_over(world: World) -> None:
    one = world.replica("1", "a")
    await world.until(lambda: world.shares() == {"1": 1})
    world.replica("2", "a")
    one.is_cut_off = True
    stopped_s = await world.until(lambda: world.running["a"] != ["1"])
    assert stopped_s <= 2 * HEARTBEAT_S + HEARTBEAT_S / 2
    assert ("lost", "the store has not answered for 2 heartbeats") in one.observer.told
    await world.until(lambda: world.running["a"] == ["2"])
    one.is_cut_off = False
    await world.clock.sleep(10 * HEARTBEAT_S)
    assert world.running["a"] == ["2"], "who lost it does not get it back without need"


async def test_who_was_suspended_past_its_lease_knows_at_once(world: World) -> None:
    one = world.replica("1", "a")
    await world.until(lambda: world.shares() == {"1": 1})
    assert one.ownership.holds("a")
    one.asleep_s = 3 * HEARTBEAT_S
    assert not one.ownership.holds("a"), "before any of its tasks has run"
    await world.until(lambda: ("lost", "the store has not answered for 2 heartbeats") in one.observer.told)
    await world.until(lambda: world.running["a"] == ["1"] and one.ownership.holds("a"))


async def test_a_store_away_for_a_while_stops_everything_and_everything_goes_on_afterwards(world: World) -> None:
    world.replica("1", "a", "b")
    world.replica("2", "a", "b")
    await world.until(lambda: world.shares() == {"1": 1, "2": 1})
    world.leases.is_away = True
    await world.until(lambda: world.shares() == {"1": 0, "2": 0})
    world.leases.is_away = False
    await world.until(lambda: sum(world.shares().values()) == 2)
    await world.until(lambda: world.shares() == {"1": 1, "2": 1})


async def test_where_nobody_can_take_over_the_only_owner_waits_for_its_store(world: World) -> None:
    one = world.replica("1", "a", is_shared=False)
    await world.until(lambda: world.shares() == {"1": 1})
    world.leases.is_away = True
    await world.clock.sleep(20 * HEARTBEAT_S)
    assert world.shares() == {"1": 1}
    assert one.ownership.holds("a")
    world.leases.is_away = False
    await world.clock.sleep(2 * HEARTBEAT_S)
    assert one.observer.told == [("taken", "a")]


async def test_work_that_finds_itself_deposed_stops_and_the_process_does_not(world: World) -> None:
    runs = []

    async def work(turn: asyncio.Event) -> None:
        runs.append(turn)
        if len(runs) == 1:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_raise(Deposed("a: another process owns it by now")))
        await turn.wait()

    one = world.replica("1")
    one.serve("a", work=work)
    await world.until(lambda: len(runs) == 2)
    assert ("lost", "a: another process owns it by now") in one.observer.told


async def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", [InvariantViolation("its cursor went back"), None])
async def test_work_that_dies_or_ends_unasked_ends_the_process(error: Exception | None) -> None:
    async def work(_turn: asyncio.Event) -> None:
        if error is not None:
            raise error

    async def live() -> None:
        async with _world() as world:
            world.replica("1").serve("a", work=work)
            await world.until(lambda: False)

    with pytest.raises(ExceptionGroup) as caught:
        await live()
    assert caught.group_contains(InvariantViolation)


async def test_who_calls_streams_has_them_alone_for_as_long_as_it_needs_them(world: World) -> None:
    one = world.replica("1", "a", "b")
    two = world.replica("2", "a", "b")
    await world.until(lambda: world.shares() == {"1": 1, "2": 1})
    async with two.ownership.called(["a", "b", "new"]):
        assert world.shares() == {"1": 0, "2": 0}
        assert all(two.ownership.holds(name) for name in ("a", "b", "new"))
        await world.clock.sleep(10 * HEARTBEAT_S)
        assert world.shares() == {"1": 0, "2": 0}
    await world.until(lambda: world.shares() == {"1": 1, "2": 1})
    assert not one.ownership.holds("new")
    assert not two.ownership.holds("new")


async def test_work_that_does_not_drain_is_cut_off_when_others_wait_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenure, "HAND_OVER_S", 0.05)

    async def work(_turn: asyncio.Event) -> None:
        await asyncio.Event().wait()

    world.replica("1").serve("a", work=work)
    two = world.replica("2")
    async with two.ownership.called(["a"]):
        assert two.ownership.holds("a")


async def test_a_call_that_cannot_be_made_disturbs_nobody(world: World) -> None:
    one = world.replica("1", "a", is_shared=False)
    await world.until(lambda: world.shares() == {"1": 1})
    world.leases.is_away = True
    with pytest.raises(StoreUnavailable):
        async with one.ownership.called(["a"]):
            pytest.fail("the lease cannot be had")
    assert one.ownership.holds("a")
    world.leases.is_away = False
    await world.clock.sleep(4 * HEARTBEAT_S)
    await world.until(lambda: world.shares() == {"1": 1})


async def test_a_call_whose_end_could_not_be_told_is_ended_later(world: World) -> None:
    world.replica("1", "a")
    two = world.replica("2", "a")
    await world.until(lambda: sum(world.shares().values()) == 1)
    async with two.ownership.called(["a"]):
        two.is_cut_off = True
    two.is_cut_off = False
    await world.until(lambda: sum(world.shares().values()) == 1)
    assert (await world.leases.look()).leases["a"].called_by is None


async def test_streams_that_were_declared_are_known_to_all(world: World) -> None:
    one, two = world.replica("1"), world.replica("2")
    await one.ownership.declare("nhn/acme/", ["nhn/acme/1"])
    await two.ownership.looked()
    await two.ownership.looked()
    assert two.ownership.streams("nhn/acme/") == {"nhn/acme/1"}
    assert two.ownership.streams("nhn/other/") == frozenset()


async def test_the_receivers_are_those_of_all_replicas_and_always_our_own(world: World) -> None:
    one, two = world.replica("1"), world.replica("2")
    await one.ownership.looked()
    await two.ownership.looked()
    assert await one.ownership.wanted("acme") == {1, 2}
    await world.leases.leave("1")
    await world.leases.leave("2")
    assert await two.ownership.wanted("acme") == {2}
