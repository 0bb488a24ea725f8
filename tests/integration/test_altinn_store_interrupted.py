"""Commits of orders that are torn or get no answer: each is whole or absent, and gives the same when it is repeated."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from bridge.checkpoints import AltinnCheckpoint, Registration
from bridge.errors import StoreUnavailable
from bridge.store import AltinnStore, open_store
from tests.support.altinn_stores import (
    A,
    B,
    C,
    D,
    completed,
    email,
    everything,
    feed_read,
    given_up,
    polled,
    row,
    sending,
    watch,
)
from tests.support.clock import FakeClock
from tests.support.fake_altinn_store import FakeAltinnStore
from tests.support.torn import at_statement, hanging

FILLED: list[AltinnCheckpoint] = [
    watch(A, B),
    polled(sending(A, email(1))),
    polled(given_up(B)),
    feed_read(None, 7, row(C, 7)),
]
COMMITS: list[AltinnCheckpoint] = [
    watch(Registration(order_id=A, senders_reference="ref"), B, D, at=500.0, reopens=True),
    polled(sending(A, email(1, "Delivered"), email(2)), completed(C), at=500.0),
    feed_read(7, 9, row(A, 8), row(B, 9), row(D, 9), at=500.0),
]
of_each_kind = pytest.mark.parametrize("checkpoint", COMMITS, ids=lambda checkpoint: type(checkpoint).__name__)


@pytest.fixture
async def filled(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a store in which there is something to change, to be copied."""
    directory = tmp_path_factory.mktemp("filled")
    shutil.copy(migrated_store, directory)
    async with opened(directory) as store:
        for checkpoint in FILLED:
            await store.commit(checkpoint)
    return directory


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[AltinnStore]:
    async with open_store(f"sqlite:///{directory / 'bridge.db'}", clock=FakeClock(), is_owner=False) as stores:
        yield stores.altinn


async def shown(*checkpoints: AltinnCheckpoint) -> object:
    """What the store in memory shows after these."""
    fake = FakeAltinnStore()
    for checkpoint in checkpoints:
        await fake.commit(checkpoint)
    return await everything(fake)


async def is_torn_at(statement: int, store: AltinnStore, checkpoint: AltinnCheckpoint) -> bool:
    """Commit, and cancel the transaction at the statement of that number. False: it has not so many."""
    torn = []

    def tear() -> None:
        (transaction,) = store._database._running
        torn.append(transaction.cancel())

    with at_statement(store, statement, tear), suppress(asyncio.CancelledError):
        await store.commit(checkpoint)
    return bool(torn)


@pytest.mark.timeout(120)  # It opens some twenty stores.
@of_each_kind
async def test_a_transaction_torn_at_any_statement_is_whole_or_absent_and_can_be_repeated(
    filled: Path, tmp_path: Path, checkpoint: AltinnCheckpoint
) -> None:
    before, after = await shown(*FILLED), await shown(*FILLED, checkpoint)
    for statement in count(1):
        async with opened(shutil.copytree(filled, tmp_path / str(statement))) as store:
            if not await is_torn_at(statement, store, checkpoint):
                break
            assert await everything(store) in (before, after)
            await store.commit(checkpoint)
            assert await everything(store) == after
    assert statement > 3, "so many statements has each commit at least"


@of_each_kind
async def test_a_commit_that_was_whole_after_its_time_ran_out_can_be_repeated(
    filled: Path, checkpoint: AltinnCheckpoint
) -> None:
    async with opened(filled) as store:
        with hanging(store, "commit"), pytest.raises(StoreUnavailable):
            await store.commit(checkpoint)
        await store.commit(checkpoint)
        assert await everything(store) == await shown(*FILLED, checkpoint)
