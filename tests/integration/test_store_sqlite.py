"""The store on an SQLite file: what is on disk, what another process sees, what a full disk does."""

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.checkpoints import Advance, Enrol, RecentPage, StreamState
from bridge.errors import StoreUnavailable
from bridge.store import NhnStore, ReceiverOffset, open_store
from tests.support.clock import FakeClock

ENROL = Enrol(stream="nhn/acme/0", tenant="acme", cursors={101: 40})
ADVANCE = Advance(stream="nhn/acme/0", previous=40, cursor=60)
ENROLLED = StreamState(name="nhn/acme/0", tenant="acme", cursor=40, receivers={101: None})
ADVANCED = StreamState(name="nhn/acme/0", tenant="acme", cursor=60, receivers={101: None})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


async def pragma(store: NhnStore, name: str) -> object:
    return await store._database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


async def test_all_that_was_committed_is_there_after_reopening(url: str) -> None:
    async with open_store(url, clock=FakeClock()) as stores:
        await stores.nhn.commit(Enrol(stream="nhn/acme/0", tenant="acme", cursors={101: 40, 102: 70, 103: 40}))
        await stores.nhn.commit(
            Advance(
                stream="nhn/acme/0",
                previous=40,
                cursor=60,
                unnumbered_added=frozenset({(101, "æ\u2028")}),
                recent=(RecentPage(1776146400.25, (41, 60)),),
            )
        )
        await stores.nhn.retire("acme", frozenset({103}))
    async with open_store(url, clock=FakeClock()) as stores:
        assert list(await stores.nhn.streams("acme")) == [
            StreamState(
                name="nhn/acme/0",
                tenant="acme",
                cursor=60,
                receivers={101: None, 102: 70},
                unnumbered=frozenset({(101, "æ\u2028")}),
                recent=(RecentPage(1776146400.25, (41, 60)),),
            )
        ]
        assert await stores.nhn.retired("acme") == {103: 60}


async def test_each_connection_syncs_every_commit_and_keeps_foreign_keys(url: str) -> None:
    async with open_store(url, clock=FakeClock(), busy_timeout_s=1.5) as stores:
        for _ in range(2):
            assert await pragma(stores.nhn, "journal_mode") == "wal"
            assert await pragma(stores.nhn, "synchronous") == 2  # FULL
            assert await pragma(stores.nhn, "foreign_keys") == 1
            assert await pragma(stores.nhn, "busy_timeout") == 1500
            # The next one opens a new connection.
            stores.nhn._database.engine.dispose()


async def test_receivers_tell_each_ones_offset_and_when_it_was_stored(url: str) -> None:
    clock = FakeClock(start=datetime(2026, 4, 14, 6, 0, tzinfo=UTC))
    async with open_store(url, clock=clock) as stores:
        await stores.nhn.commit(Enrol(stream="nhn/b/0", tenant="b", cursors={101: 5}))
        await stores.nhn.commit(Enrol(stream="nhn/a/0", tenant="a", cursors={103: 40, 101: 40, 102: 7}))
        clock.advance(60)
        await stores.nhn.retire("a", frozenset({103}))
        clock.advance(60)
        await stores.nhn.retire("a", frozenset({103}))
        await stores.nhn.commit(Advance(stream="nhn/a/0", previous=7, cursor=9))
        assert list(await stores.nhn.receivers()) == [
            ReceiverOffset(
                tenant="a",
                her_id=101,
                stream="nhn/a/0",
                state="ahead",
                offset=40,
                updated_at=datetime(2026, 4, 14, 6, 0, tzinfo=UTC),
            ),
            ReceiverOffset(
                tenant="a",
                her_id=102,
                stream="nhn/a/0",
                state="sharing",
                offset=9,
                updated_at=datetime(2026, 4, 14, 6, 2, tzinfo=UTC),
            ),
            ReceiverOffset(
                tenant="a",
                her_id=103,
                stream=None,
                state="retired",
                offset=40,
                updated_at=datetime(2026, 4, 14, 6, 1, tzinfo=UTC),
            ),
            ReceiverOffset(
                tenant="b",
                her_id=101,
                stream="nhn/b/0",
                state="sharing",
                offset=5,
                updated_at=datetime(2026, 4, 14, 6, 0, tzinfo=UTC),
            ),
        ]


async def test_another_process_reads_while_a_commit_holds_the_lock(url: str, path: Path) -> None:
    async with open_store(url, clock=FakeClock()) as stores:
        await stores.nhn.commit(ENROL)
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            async with open_store(url, clock=FakeClock(), is_owner=False) as reader:
                assert list(await reader.nhn.streams("acme")) == [ENROLLED]


async def test_a_lock_that_is_released_in_time_is_waited_for(url: str, path: Path) -> None:
    async with open_store(url, clock=FakeClock(), busy_timeout_s=10.0) as stores:
        await stores.nhn.commit(ENROL)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            commit = asyncio.create_task(stores.nhn.commit(ADVANCE))
            assert await asyncio.wait({commit}, timeout=0.2) == (set(), {commit})
            other.execute("COMMIT")
            await commit
        assert list(await stores.nhn.streams("acme")) == [ADVANCED]


async def test_a_lock_that_is_not_released_in_time_makes_the_store_unavailable(url: str, path: Path) -> None:
    async with open_store(url, clock=FakeClock(), busy_timeout_s=0.05) as stores:
        await stores.nhn.commit(ENROL)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="another process holds its lock"):
                await stores.nhn.commit(ADVANCE)
        assert list(await stores.nhn.streams("acme")) == [ENROLLED]


async def test_a_full_disk_makes_the_store_unavailable_and_changes_nothing_until_there_is_room(url: str) -> None:
    large = Advance(
        stream="nhn/acme/0",
        previous=40,
        cursor=60,
        unnumbered_added=frozenset((101, f"{number:0200}") for number in range(500)),
    )
    async with open_store(url, clock=FakeClock()) as stores:
        await stores.nhn.commit(ENROL)
        pages = await pragma(stores.nhn, "page_count")
        await pragma(stores.nhn, f"max_page_count={pages}")
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="the disk is full"):
                await stores.nhn.commit(large)
        assert list(await stores.nhn.streams("acme")) == [ENROLLED]
        await pragma(stores.nhn, "max_page_count=1000000")
        await stores.nhn.commit(large)
        (state,) = await stores.nhn.streams("acme")
        assert (state.cursor, len(state.unnumbered)) == (60, 500)


async def test_commits_of_many_streams_at_once_all_arrive(url: str) -> None:
    async with open_store(url, clock=FakeClock()) as stores:
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(
                    stores.nhn.commit(Enrol(stream=f"nhn/acme/{number:02}", tenant="acme", cursors={number: number}))
                )
        assert [state.cursor for state in await stores.nhn.streams("acme")] == list(range(30))


OPEN_WHEN_TOLD = """
import asyncio, sys
from bridge.clock import SystemClock
from bridge.store import open_store

async def main():
    sys.stdin.readline()
    async with open_store(sys.argv[1], clock=SystemClock()) as stores:
        print(len(await stores.nhn.streams("acme")))

print("ready", flush=True)
asyncio.run(main())
"""


@pytest.mark.timeout(90)  # Each process imports everything first.
async def test_processes_that_start_at_once_on_a_new_file_all_find_a_store(url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", OPEN_WHEN_TOLD, url, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[2]
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [output for output, _ in answers] == [b"0\n", b"0\n", b"0\n"]
    assert [process.returncode for process in processes] == [0, 0, 0]
