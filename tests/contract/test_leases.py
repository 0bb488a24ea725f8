"""What every store of leases does: the contract of the port `Leases`, and of commits under a lease."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, update

from bridge.checkpoints import Advance, Detach, Enrol
from bridge.errors import Deposed
from bridge.leases import Holdings, Process, Proof, Replica
from bridge.ports import Leases
from bridge.store import NhnStore, SqlLeases, open_store
from bridge.store.database_clock import DatabaseNow
from bridge.store.tables import replica
from tests.support.clock import FakeClock
from tests.support.fake_leases import FakeLeases

PROCESS = Process(host="h", pid=1, boot_id="b", namespace="n", started="s")
LEASE_S = 600.0


@dataclass
class Subject:
    """Leases to test; `let_end` makes the lease's time pass, for everything."""

    leases: Leases
    let_end: Callable[[], Awaitable[None]]


@asynccontextmanager
async def fake(_request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    passed = [0.0]

    async def let_end() -> None:
        passed[0] += LEASE_S

    yield Subject(FakeLeases(lambda: time.monotonic() + passed[0], lease_s=LEASE_S), let_end)


@asynccontextmanager
async def _sql(url: str) -> AsyncIterator[Subject]:
    async with open_store(url, clock=FakeClock()) as store:

        async def let_end() -> None:
            def work(connection: Connection) -> None:
                connection.execute(update(replica).values(expires_at=DatabaseNow() - 0.001))

            await store.database.write(work)

        yield Subject(SqlLeases(store.database, lease_s=LEASE_S), let_end)


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with _sql(f"sqlite:///{request.getfixturevalue('tmp_path') / 'bridge.db'}") as subject:
        yield subject


@asynccontextmanager
async def postgres(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with _sql(request.getfixturevalue("postgres_url")) as subject:
        yield subject


@pytest.fixture(params=[fake, sqlite, postgres], ids=lambda implementation: implementation.__name__)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    implementation: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Subject]] = request.param
    async with implementation(request) as subject:
        yield subject


@pytest.fixture
def leases(subject: Subject) -> Leases:
    return subject.leases


def bridge(name: str, *serves: str) -> Replica:
    return Replica(id=name, process=PROCESS, serves=frozenset(serves))


class TestReplicas:
    async def test_who_gave_a_sign_of_life_is_known_with_what_it_serves(self, leases: Leases) -> None:
        await leases.beat(bridge("1", "a"), wanted=None)
        seen = await leases.beat(bridge("2", "a", "b"), wanted=None)
        assert list(seen.replicas) == [bridge("1", "a"), bridge("2", "a", "b")]
        assert seen == await leases.look()

    async def test_a_later_sign_of_life_replaces_what_was_said(self, leases: Leases) -> None:
        await leases.beat(bridge("1", "a"), wanted=None)
        assert list((await leases.beat(bridge("1"), wanted=None)).replicas) == [bridge("1")]

    async def test_who_gives_none_for_a_lease_is_taken_for_dead(self, subject: Subject) -> None:
        await subject.leases.beat(bridge("1"), wanted=None)
        await subject.let_end()
        assert list((await subject.leases.look()).replicas) == []

    async def test_the_receivers_of_a_tenant_are_those_of_all_that_live(self, subject: Subject) -> None:
        leases = subject.leases
        await leases.beat(bridge("dead"), wanted={"acme": frozenset({9})})
        await subject.let_end()
        await leases.beat(bridge("1"), wanted={"acme": frozenset({1, 2}), "other": frozenset({7})})
        await leases.beat(bridge("2"), wanted={"acme": frozenset({2, 3})})
        await leases.beat(bridge("2"), wanted=None)
        assert await leases.wanted("acme") == {1, 2, 3}
        assert await leases.wanted("none") == frozenset()


class TestLeases:
    async def test_a_lease_is_there_once_it_is_served_and_nobodys(self, leases: Leases) -> None:
        seen = await leases.beat(bridge("1", "a"), wanted=None)
        assert (seen.leases["a"].owner, seen.leases["a"].epoch) == (None, 0)

    async def test_what_nobody_holds_can_be_taken_and_what_somebody_holds_cannot(self, leases: Leases) -> None:
        await leases.beat(bridge("1", "a", "b"), wanted=None)
        await leases.beat(bridge("2", "a", "b"), wanted=None)
        assert await leases.take("1", ["a"]) == {"a": 1}
        assert await leases.take("2", ["a", "b", "unknown"]) == {"b": 1}
        assert {each.name: each.owner for each in (await leases.look()).leases.values()} == {"a": "1", "b": "2"}

    async def test_the_epoch_grows_with_every_owner_even_the_same(self, leases: Leases) -> None:
        await leases.beat(bridge("1", "a"), wanted=None)
        for epoch in (1, 2, 3):
            assert await leases.take("1", ["a"]) == {"a": epoch}
            await leases.give_back("1", "a")

    async def test_only_its_owner_gives_a_lease_back(self, leases: Leases) -> None:
        await leases.beat(bridge("1", "a"), wanted=None)
        await leases.take("1", ["a"])
        await leases.give_back("2", "a")
        assert (await leases.look()).owner_of("a") == "1"

    async def test_what_a_dead_replica_held_can_be_taken_and_what_a_living_one_holds_cannot(
        self, subject: Subject
    ) -> None:
        leases = subject.leases
        await leases.beat(bridge("1", "a"), wanted=None)
        await leases.beat(bridge("2", "b"), wanted=None)
        await leases.take("1", ["a"])
        await leases.take("2", ["b"])
        await subject.let_end()
        seen = await leases.beat(bridge("1", "a"), wanted=None)
        assert (seen.owner_of("a"), seen.owner_of("b")) == ("1", None)
        assert await leases.take("3", ["a", "b"]) == {"b": 2}

    async def test_a_call_stays_until_it_is_over(self, leases: Leases) -> None:
        await leases.call("1", ["a"])
        await leases.take("1", ["a"])
        await leases.give_back("1", "a")
        assert (await leases.look()).leases["a"].called_by == "1"
        await leases.give_back("1", "a", call_is_over=True)
        assert (await leases.look()).leases["a"].called_by is None

    async def test_who_leaves_holds_and_calls_nothing(self, leases: Leases) -> None:
        await leases.beat(bridge("1", "a"), wanted=None)
        await leases.take("1", ["a"])
        await leases.call("1", ["b"])
        await leases.leave("1")
        seen = await leases.look()
        assert list(seen.replicas) == []
        assert (seen.owner_of("a"), seen.leases["b"].called_by) == (None, None)
        assert await leases.take("2", ["a"]) == {"a": 2}

    async def test_streams_are_those_that_were_declared_last(self, leases: Leases) -> None:
        await leases.beat(bridge("1", "nhn/a/receivers"), wanted=None)
        await leases.declare("nhn/a/", ["nhn/a/1", "nhn/a/2"])
        await leases.declare("nhn/a_/", ["nhn/a_/1"])
        await leases.declare("nhn/a/", ["nhn/a/2"])
        seen = (await leases.look()).leases
        assert {name for name, each in seen.items() if each.is_stream} == {"nhn/a/2", "nhn/a_/1"}


ENROL = Enrol(stream="nhn/acme/0", tenant="acme", cursors={101: 40})


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{request.getfixturevalue('tmp_path') / 'bridge.db'}"


@dataclass
class Owner:
    """A replica with a store, which holds the lease of the stream."""

    store: NhnStore
    leases: SqlLeases
    holdings: Holdings


@asynccontextmanager
async def owner(url: str, name: str) -> AsyncIterator[Owner]:
    holdings = Holdings()
    async with open_store(url, clock=FakeClock(), holdings=holdings) as stores:
        yield Owner(stores.nhn, SqlLeases(stores.database, lease_s=LEASE_S), holdings)


async def take(each: Owner, name: str) -> None:
    await each.leases.beat(bridge(name, "nhn/acme/0"), wanted=None)
    for lease_name, epoch in (await each.leases.take(name, ["nhn/acme/0"])).items():
        each.holdings.put(lease_name, Proof(name, epoch))


@pytest.mark.parametrize(
    "checkpoint",
    [
        Advance(stream="nhn/acme/0", previous=40, cursor=60),
        Enrol(stream="nhn/acme/0", tenant="acme", cursors={102: 40}),
        Detach(stream="nhn/acme/0", her_ids=frozenset({101}), cursor=40),
    ],
    ids=lambda checkpoint: type(checkpoint).__name__,
)
async def test_a_deposed_owner_commits_nothing(url: str, checkpoint: Advance | Enrol | Detach) -> None:
    async with owner(url, "1") as old, owner(url, "2") as new:
        await take(old, "1")
        await old.store.commit(ENROL)
        await old.leases.leave("1")
        await take(new, "2")
        before = list(await new.store.streams("acme"))
        with pytest.raises(Deposed, match="another process owns it by now"):
            await old.store.commit(checkpoint)
        assert list(await new.store.streams("acme")) == before
        await new.store.commit(checkpoint)


async def test_a_deposed_owner_retires_nobody(url: str) -> None:
    async with owner(url, "1") as old, owner(url, "2") as new:
        await take(old, "1")
        await old.store.commit(ENROL)
        await old.leases.leave("1")
        await take(new, "2")
        with pytest.raises(Deposed):
            await old.store.retire("acme", frozenset({101}))
        assert await new.store.retired("acme") == {}


async def test_an_owner_of_an_earlier_epoch_is_deposed_though_it_has_the_same_name(url: str) -> None:
    async with owner(url, "1") as old:
        await take(old, "1")
        await old.store.commit(ENROL)
        await old.leases.give_back("1", "nhn/acme/0")
        assert await old.leases.take("1", ["nhn/acme/0"]) == {"nhn/acme/0": 2}
        with pytest.raises(Deposed):
            await old.store.commit(Advance(stream="nhn/acme/0", previous=40, cursor=60))


async def test_what_is_not_held_is_not_committed_and_the_store_not_asked(url: str) -> None:
    async with owner(url, "1") as nobody:
        with pytest.raises(Deposed, match="this process does not own it"):
            await nobody.store.commit(ENROL)
        assert list(await nobody.store.streams("acme")) == []
