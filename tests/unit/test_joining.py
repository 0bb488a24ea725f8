"""Coming to a store: the dead make room at once, a living bridge keeps what only one may have."""

from pathlib import Path

import msgspec
import pytest

from bridge.errors import ConfigurationError
from bridge.joining import join
from bridge.leases import Process, Replica
from bridge.processes import is_alive, this_process
from tests.support.clock import FakeClock
from tests.support.fake_leases import FakeLeases

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
    await leases.beat(Replica(id="other", process=process, serves=frozenset("a")), wanted=None)
    await leases.take("other", ["a"])


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


async def test_several_may_share_a_store_that_is_made_for_it(leases: FakeLeases, clock: FakeClock) -> None:
    await hold(leases, elsewhere(host="elsewhere"))
    await come(leases, clock, is_shared=True)
    assert clock.slept == []
    assert (await leases.look()).owner_of("a") == "other"


def test_this_process_is_alive_and_can_be_told_from_others() -> None:
    assert is_alive(HERE, here=HERE) is True
    assert str(elsewhere(host="bridge-0", pid=7)) == "bridge-0, pid 7"
