"""Coming to a store: the dead make room at once, a living bridge keeps what only one may have."""

import asyncio
import random
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from bridge.errors import ConfigurationError
from bridge.joining import join
from bridge.leases import STORE, Process, Replica, Snapshot
from bridge.processes import is_alive, this_process
from tests.support.clock import FakeClock
from tests.support.fake_leases import FakeLeases

T = TypeVar("T")
LEASE_S = 6.0
HERE = this_process()
INIT_STARTED = Path("/proc/1/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]


def elsewhere(**changes: object) -> Process:
    return msgspec.structs.replace(HERE, **changes)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def leases(clock: FakeClock) -> FakeLeases:
    return FakeLeases(clock.monotonic, lease_s=LEASE_S)


async def hold(leases: FakeLeases, process: Process) -> None:
    await leases.beat(Replica(id="other", process=process, serves=frozenset({"a", STORE})), wanted=None)
    await leases.take("other", ["a", STORE])


async def come(leases: FakeLeases, clock: FakeClock, *, is_shared: bool) -> None:
    await join(leases, me="me", process=HERE, is_shared=is_shared, lease_s=LEASE_S, clock=clock)


DEAD = {
    "another boot of this host": elsewhere(boot_id="before"),
    "no such process": elsewhere(pid=2**22 + 1),
    "a later process with the same pid": elsewhere(started="1"),
    "this process, earlier": HERE,
}


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("process", DEAD.values(), ids=DEAD)
async def test_what_a_dead_process_of_this_host_held_is_free_at_once(
    leases: FakeLeases, clock: FakeClock, process: Process, *, is_shared: bool
) -> None:
    await hold(leases, process)
    await come(leases, clock, is_shared=is_shared)
    assert clock.slept == []
    assert (await leases.look()).owner_of("a") is None


UNKNOWN = {
    "another host": elsewhere(host="elsewhere"),
    "another container": elsewhere(namespace="pid:[1]"),
    "a system that does not say": elsewhere(boot_id=""),
}


@pytest.mark.parametrize("process", UNKNOWN.values(), ids=UNKNOWN)
async def test_one_that_cannot_be_judged_from_here_makes_room_within_a_lease(
    leases: FakeLeases, clock: FakeClock, process: Process
) -> None:
    await hold(leases, process)
    await come(leases, clock, is_shared=False)
    assert clock.monotonic() <= LEASE_S + 1
    assert [replica.id for replica in (await leases.look()).replicas] == ["me"]


async def test_one_that_cannot_be_judged_and_gives_a_sign_of_life_keeps_the_store(leases: FakeLeases) -> None:
    other = Replica(id="other", process=elsewhere(host="elsewhere", pid=7))
    await hold(leases, other.process)

    class WithSignsOfLife(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            await leases.beat(other, wanted=None)

    clock = WithSignsOfLife()
    with pytest.raises(ConfigurationError, match=r"another bridge \(elsewhere, pid 7\) owns this store\. Stop it"):
        await come(leases, clock, is_shared=False)
    assert [replica.id for replica in (await leases.look()).replicas] == ["other"]


async def test_a_living_bridge_on_this_host_is_named_at_once(leases: FakeLeases, clock: FakeClock) -> None:
    await hold(leases, elsewhere(pid=1, started=INIT_STARTED))
    with pytest.raises(ConfigurationError, match=r"another bridge \(.*, pid 1\) owns this store"):
        await come(leases, clock, is_shared=False)
    assert clock.slept == []


class Unhurried(FakeLeases):
    """Whose answers come late, each after a while of its own: others come in between."""

    dice: random.Random

    async def beat(self, me: Replica, *, wanted: Mapping[str, frozenset[int]] | None) -> Snapshot:
        return await self._late(await super().beat(me, wanted=wanted))

    async def take(self, me: str, names: Collection[str]) -> dict[str, int]:
        return await self._late(await super().take(me, names))

    async def _late(self, answer: T) -> T:
        for _ in range(self.dice.randrange(20)):
            await asyncio.sleep(0)
        return answer


@pytest.mark.parametrize("seed", range(50))
async def test_of_two_that_come_at_the_same_moment_one_has_the_store_and_the_other_is_told_who(
    clock: FakeClock, seed: int
) -> None:
    """Where a third was before, of whom nobody here can know that it is dead: both wait, and see each other."""
    leases = Unhurried(clock.monotonic, lease_s=LEASE_S)
    leases.dice = random.Random(seed)
    await hold(leases, elsewhere(host="elsewhere"))
    coming = {"one": HERE, "two": elsewhere(pid=1, started=INIT_STARTED)}

    ends = await asyncio.gather(
        *(join(leases, me=me, process=coming[me], is_shared=False, lease_s=LEASE_S, clock=clock) for me in coming),
        return_exceptions=True,
    )

    winner = (await leases.look()).owner_of(STORE)
    assert winner in coming
    refusals = [str(end) for end in ends if end is not None]
    assert len(refusals) == 1
    assert f"another bridge ({coming[winner]}) owns this store" in refusals[0]
    assert [replica.id for replica in (await leases.look()).replicas] == [winner]


async def test_several_may_share_a_store_that_is_made_for_it(leases: FakeLeases, clock: FakeClock) -> None:
    await hold(leases, elsewhere(host="elsewhere"))
    await come(leases, clock, is_shared=True)
    assert clock.slept == []
    assert (await leases.look()).owner_of("a") == "other"


def test_this_process_is_alive_and_can_be_told_from_others() -> None:
    assert is_alive(HERE, here=HERE) is True
    assert str(elsewhere(host="bridge-0", pid=7)) == "bridge-0, pid 7"
