"""The store of Altinn's orders on an SQLite file: which index finds what, what outlives it, a full disk."""

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from bridge.errors import StoreUnavailable
from bridge.store import AltinnStore, open_store
from tests.support.altinn_stores import (
    A,
    B,
    completed,
    email,
    everything,
    feed_read,
    polled,
    row,
    sending,
    watch,
)
from tests.support.clock import FakeClock

STREAM = "altinn/orders/1"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bridge.db'}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[AltinnStore]:
    async with open_store(url, clock=FakeClock()) as stores:
        yield stores.altinn


async def plan(store: AltinnStore, call: Awaitable[object]) -> list[str]:
    """What SQLite means to do for each statement of a call."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    engine = store._database.engine
    event.listen(engine, "before_cursor_execute", note)
    await call
    event.remove(engine, "before_cursor_execute", note)

    def explained(connection: Connection) -> list[str]:
        return [
            str(step.detail)
            for statement, parameters in statements
            if not statement.startswith("BEGIN")
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    return await store._database.read(explained)


class TestIndexes:
    """With 100,000 orders a look that reads them all would take the time of a hundred that do not."""

    async def test_what_is_due_is_found_in_its_order_and_nothing_is_sorted(self, store: AltinnStore) -> None:
        assert await plan(store, store.due(STREAM, now=100.0, limit=10)) == [
            "SEARCH altinn_order USING INDEX ix_altinn_order_stream_due_at_order_id (stream=? AND due_at<?)"
        ]

    async def test_when_the_next_is_due_is_one_look(self, store: AltinnStore) -> None:
        assert await plan(store, store.next_due(STREAM)) == [
            "SEARCH altinn_order USING COVERING INDEX ix_altinn_order_stream_due_at_order_id (stream=? AND due_at>?)"
        ]

    async def test_a_page_of_one_state_is_found_in_its_order(self, store: AltinnStore) -> None:
        assert await plan(store, store.orders(states=["missing"], after=A, limit=10)) == [
            "SEARCH altinn_order USING INDEX ix_altinn_order_state_order_id (state=? AND order_id>?)"
        ]

    async def test_a_page_of_all_is_found_by_the_key(self, store: AltinnStore) -> None:
        assert await plan(store, store.orders(after=A, limit=10)) == [
            "SEARCH altinn_order USING PRIMARY KEY (order_id>?)"
        ]

    async def test_counting_reads_an_index_and_no_order(self, store: AltinnStore) -> None:
        assert await plan(store, store.counts()) == [
            "SCAN altinn_order USING COVERING INDEX ix_altinn_order_state_order_id"
        ]

    async def test_emails_are_found_by_their_orders(self, store: AltinnStore) -> None:
        assert await plan(store, store.emails([A, B])) == ["SEARCH altinn_email USING PRIMARY KEY (order_id=?)"]

    async def test_what_closed_first_is_found_first(self, store: AltinnStore) -> None:
        steps = await plan(store, store.forget_closed(100.0, 10))
        assert "SEARCH altinn_order USING COVERING INDEX ix_altinn_order_closed_at_order_id (closed_at<?)" in steps
        assert not [step for step in steps if step.startswith("SCAN")]


async def test_all_that_was_committed_is_there_after_reopening(url: str) -> None:
    async with open_store(url, clock=FakeClock()) as stores:
        await stores.altinn.commit(watch(A, B))
        await stores.altinn.commit(polled(sending(A, email(1)), completed(B), at=1776146400.25))
        await stores.altinn.commit(feed_read(None, 7, row(A, 7, "æ\u2028")))
        before = await everything(stores.altinn)
    async with open_store(url, clock=FakeClock()) as stores:
        assert await everything(stores.altinn) == before
        (_, closed), _, _ = before
        assert closed.closed_at == 1776146400.25


async def test_a_full_disk_changes_nothing_until_there_is_room(store: AltinnStore) -> None:
    async def limit(pages: int | str) -> None:
        await store._database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}"))

    large = polled(sending(A, *(email(number) for number in range(5000))))
    await store.commit(watch(A))
    before = await everything(store)
    await limit(1)  # SQLite takes it as: no page more than there are.
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await store.commit(large)
    assert await everything(store) == before
    await limit(1_000_000)
    await store.commit(large)
    assert len((await store.emails([A]))[A]) == 5000
