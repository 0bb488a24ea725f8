"""The stores that the contract suites run on, and the words that those suites share."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.checkpoints import Advance, Enrol, NhnCheckpoint, StreamState
from bridge.errors import InvariantViolation
from bridge.ports import Store
from bridge.store import NhnStore, open_store
from tests.support.clock import FakeClock
from tests.support.fake_store import FakeStore
from tests.support.postgres import execute, run_apart

WRITTEN_FIRST = ("nhn_stream", "nhn_receiver")
"""Tables of which every write of the store changes at least one before any other."""


@dataclass
class Subject:
    """A store to test, and a way to make it fail."""

    store: Store
    unavailable: Callable[[], AbstractContextManager[None]]


@asynccontextmanager
async def fake(_request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    store = FakeStore()

    @contextmanager
    def unavailable() -> Iterator[None]:
        store.failures_to_come = 1_000_000
        yield
        store.failures_to_come = 0

    yield Subject(store, unavailable)


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    path = request.getfixturevalue("tmp_path") / "bridge.db"
    async with open_store(f"sqlite:///{path}", clock=FakeClock(), busy_timeout_s=0.05) as stores:
        yield Subject(stores.nhn, lambda: locked(path))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the write lock of the SQLite file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other_process:
        other_process.execute("BEGIN IMMEDIATE")
        yield
        other_process.execute("ROLLBACK")


@contextmanager
def refusing(url: str, *tables: str) -> Iterator[None]:
    """PostgreSQL refuses to write to the tables, as where a lock cannot be had. What only reads goes on."""
    run_apart(
        execute(
            url,
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'told to fail' USING ERRCODE = 'lock_not_available'; END $$",
            *(
                f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON {table} EXECUTE FUNCTION refuse()"
                for table in tables
            ),
        )
    )
    yield
    run_apart(execute(url, *(f"DROP TRIGGER refuse ON {table}" for table in tables)))


@asynccontextmanager
async def postgres(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    url: str = request.getfixturevalue("postgres_url")
    async with open_store(url, clock=FakeClock()) as stores:
        yield Subject(stores.nhn, lambda: refusing(url, *WRITTEN_FIRST))


@asynccontextmanager
async def open_nhn_store(url: str, **options: Any) -> AsyncIterator[NhnStore]:
    """The store of NHN's streams; `options`: of `open_store`."""
    async with open_store(url, clock=FakeClock(), **options) as stores:
        yield stores.nhn


@pytest.fixture(params=[fake, sqlite, postgres], ids=lambda implementation: implementation.__name__)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    implementation: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Subject]] = request.param
    async with implementation(request) as subject:
        yield subject


@pytest.fixture
def store(subject: Subject) -> Store:
    return subject.store


async def only_stream(store: Store, tenant: str = "acme") -> StreamState:
    (state,) = await store.streams(tenant)
    return state


def enrol(**cursors: int) -> Enrol:
    """`enrol(h101=40)`: HER-id 101 into `nhn/acme/0` with cursor 40."""
    return Enrol(stream="nhn/acme/0", tenant="acme", cursors={int(name[1:]): at for name, at in cursors.items()})


def advance(previous: int, cursor: int, stragglers: set[int] | None = None) -> Advance:
    return Advance(
        stream="nhn/acme/0",
        previous=previous,
        cursor=cursor,
        stragglers=None if stragglers is None else frozenset(stragglers),
    )


async def assert_refused(store: Store, checkpoint: NhnCheckpoint) -> None:
    """The checkpoint contradicts the store, which stays as it is."""
    before = [*await store.streams("acme"), *await store.streams("other")], await store.retired("acme")
    with pytest.raises(InvariantViolation):
        await store.commit(checkpoint)
    assert ([*await store.streams("acme"), *await store.streams("other")], await store.retired("acme")) == before
