"""Commits that are cancelled, run out of time, or lose their process: each is whole or absent, and can be repeated."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.checkpoints import Advance, Enrol, StreamState
from bridge.errors import StoreUnavailable
from bridge.store import NhnStore, open_store
from tests.support.clock import FakeClock
from tests.support.torn import at_statement, hanging

ENROL = Enrol(stream="nhn/acme/0", tenant="acme", cursors={101: 40})
ADVANCE = Advance(
    stream="nhn/acme/0", previous=40, cursor=60, unnumbered_added=frozenset({(101, "a")}), forget_recent_before=1.0
)
BEFORE = StreamState(name="nhn/acme/0", tenant="acme", cursor=40, receivers={101: None})
AFTER = StreamState(
    name="nhn/acme/0", tenant="acme", cursor=60, receivers={101: None}, unnumbered=frozenset({(101, "a")})
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[NhnStore]:
    async with open_store(f"sqlite:///{tmp_path / 'bridge.db'}", clock=FakeClock()) as stores:
        await stores.nhn.commit(ENROL)
        yield stores.nhn


@pytest.mark.parametrize("statement", range(1, 7))
async def test_a_commit_cancelled_at_any_statement_is_whole_when_its_caller_goes_on(
    store: NhnStore, statement: int
) -> None:
    commit = asyncio.create_task(store.commit(ADVANCE))
    with at_statement(store, statement, commit.cancel), pytest.raises(asyncio.CancelledError):
        await commit
    assert list(await store.streams("acme")) == [AFTER]


@pytest.mark.parametrize("statement", range(1, 7))
async def test_a_transaction_torn_at_any_statement_is_whole_or_absent_and_can_be_repeated(
    store: NhnStore, statement: int
) -> None:
    def tear() -> None:
        (transaction,) = store._database._running
        transaction.cancel()

    with at_statement(store, statement, tear), pytest.raises(asyncio.CancelledError):
        await store.commit(ADVANCE)
    assert list(await store.streams("acme")) in ([BEFORE], [AFTER])
    await store.commit(ADVANCE)
    assert list(await store.streams("acme")) == [AFTER]


@pytest.mark.parametrize("at", ["begin", "commit"])
async def test_a_commit_cancelled_while_the_disk_hangs_is_whole_or_absent(store: NhnStore, at: str) -> None:
    with hanging(store, at) as is_hanging:
        commit = asyncio.create_task(store.commit(ADVANCE))
        await asyncio.to_thread(is_hanging.wait)
        commit.cancel()
        await asyncio.wait({commit})
    await store.commit(ADVANCE)
    assert list(await store.streams("acme")) == [AFTER]


@pytest.mark.parametrize("at", ["begin", "commit"])
async def test_a_disk_that_hangs_makes_the_store_unavailable_in_bounded_time(store: NhnStore, at: str) -> None:
    with hanging(store, at):
        for _ in range(2):
            async with asyncio.timeout(5):
                with pytest.raises(StoreUnavailable, match="no answer in time"):
                    await store.commit(ADVANCE)


async def test_a_commit_that_was_whole_after_its_time_ran_out_is_not_refused_when_repeated(store: NhnStore) -> None:
    with hanging(store, "commit"), pytest.raises(StoreUnavailable):
        await store.commit(ADVANCE)
    await store.commit(ADVANCE)
    assert list(await store.streams("acme")) == [AFTER]


async def test_the_latest_state_is_read_only_after_an_unanswered_commit_is_settled(store: NhnStore) -> None:
    with hanging(store, "commit"):
        with pytest.raises(StoreUnavailable):
            await store.commit(ADVANCE)
        with pytest.raises(StoreUnavailable):
            await store.streams("acme")
    assert list(await store.streams("acme")) == [AFTER]


async def test_a_different_commit_after_an_unanswered_one_is_compared_with_the_store(store: NhnStore) -> None:
    with hanging(store, "commit"), pytest.raises(StoreUnavailable):
        await store.commit(ADVANCE)
    await store.commit(Advance(stream="nhn/acme/0", previous=60, cursor=61))
    (state,) = await store.streams("acme")
    assert state.cursor == 61


COMMIT_FOR_EVER = """
import asyncio, sys
from bridge.checkpoints import Advance
from bridge.clock import SystemClock
from bridge.store import open_store

async def main():
    async with open_store(sys.argv[1], clock=SystemClock()) as stores:
        cursor = 40
        while True:
            await stores.nhn.commit(Advance(stream="nhn/acme/0", previous=cursor, cursor=cursor + 1))
            cursor += 1
            print(cursor, flush=True)

asyncio.run(main())
"""


@pytest.mark.timeout(90)  # The process imports everything first.
async def test_every_commit_that_returned_outlives_its_process_being_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    async with open_store(url, clock=FakeClock()) as stores:
        await stores.nhn.commit(ENROL)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMIT_FOR_EVER, url, stdout=PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    returned = [await process.stdout.readline() for _ in range(20)]
    process.kill()
    returned += (await process.stdout.read()).split()
    last_returned = int(returned[-1])
    await process.wait()
    async with open_store(url, clock=FakeClock()) as stores:
        (state,) = await stores.nhn.streams("acme")
    assert state.cursor in (last_returned, last_returned + 1)
