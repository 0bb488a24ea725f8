"""Commits on PostgreSQL whose connection is cut, falls silent or times out: each is whole or absent, and repeatable."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event

from bridge.checkpoints import Advance, Enrol
from bridge.errors import StoreUnavailable
from bridge.sandbox.tcp_proxy import Direction, TcpProxy
from bridge.store import NhnStore, engine, postgresql
from bridge.store.errors import NoAnswer
from tests.support.stores import open_nhn_store

ENROL = Enrol(stream="nhn/acme/0", tenant="acme", cursors={101: 40})
ANSWERS, QUESTIONS = frozenset({Direction.TO_CLIENT}), frozenset({Direction.TO_TARGET})


def step(cursor: int) -> Advance:
    items = frozenset({(101, f"item {cursor}")})
    return Advance(stream="nhn/acme/0", previous=cursor, cursor=cursor + 1, unnumbered_added=items)


async def cursor_of(store: NhnStore) -> int:
    (state,) = await store.streams("acme")
    assert {item for _, item in state.unnumbered} == {f"item {cursor}" for cursor in range(40, state.cursor)}
    return state.cursor


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[TcpProxy]:
    parts = urlsplit(postgres_url)
    async with TcpProxy(parts.hostname or "", parts.port or 5432) as proxy:
        yield proxy


@pytest.fixture
async def store(postgres_url: str, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NhnStore]:
    """By way of the proxy, with little patience."""
    monkeypatch.setattr(engine, "GIVE_UP_S", 0.1)
    parts = urlsplit(postgres_url)
    url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{proxy.host}:{proxy.port}").geturl()
    async with open_nhn_store(url, is_owner=False) as store:
        await store.commit(ENROL)
        monkeypatch.setattr(store._database, "_timeout_s", 1.0)
        yield store
        proxy.resume()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("direction", list(Direction), ids=lambda direction: direction.value)
async def test_a_commit_cut_off_at_any_byte_is_whole_or_absent_and_can_be_repeated(
    store: NhnStore, proxy: TcpProxy, postgres_url: str, direction: Direction
) -> None:
    outcomes = set()
    async with open_nhn_store(postgres_url, is_owner=False) as seen_directly:
        for number, count_bytes in enumerate(range(1, 1500, 60)):
            cursor = 40 + number
            proxy.cut_after(count_bytes, direction)
            while True:
                try:
                    await store.commit(step(cursor))
                    break
                except StoreUnavailable:
                    outcomes.add(await cursor_of(seen_directly) - cursor)
            proxy.cut_after(1_000_000, direction)  # what is left of the order is withdrawn
            assert await cursor_of(seen_directly) == cursor + 1
    assert 0 in outcomes


async def test_a_commit_whose_answer_never_came_is_not_refused_when_repeated(store: NhnStore, proxy: TcpProxy) -> None:
    event.listen(store._database.engine, "commit", lambda _: proxy.pause(ANSWERS), once=True)
    with pytest.raises(NoAnswer):
        await store.commit(step(40))
    proxy.resume()
    await store.commit(step(40))
    assert await cursor_of(store) == 41


async def test_what_is_read_after_an_unanswered_commit_has_it_or_will_never_have_it(
    store: NhnStore, proxy: TcpProxy
) -> None:
    for cursor, silent in ((40, ANSWERS), (41, QUESTIONS)):
        event.listen(store._database.engine, "commit", lambda _, silent=silent: proxy.pause(silent), once=True)
        with pytest.raises(NoAnswer):
            await store.commit(step(cursor))
        proxy.resume()
        found = await cursor_of(store)
        assert found in (cursor, cursor + 1)
        if found == cursor:
            await store.commit(step(cursor))
    assert await cursor_of(store) == 42


async def test_a_server_that_falls_silent_makes_the_store_unavailable_in_bounded_time(
    store: NhnStore, proxy: TcpProxy
) -> None:
    proxy.pause()
    for _ in range(2):
        async with asyncio.timeout(5):
            with pytest.raises(NoAnswer, match="no answer in time"):
                await store.commit(step(40))
    proxy.resume()
    await store.commit(step(40))
    assert await cursor_of(store) == 41


async def test_a_transaction_whose_client_fell_silent_keeps_nobody_waiting_for_long(
    postgres_url: str, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = postgresql.SERVER_SETTINGS | {"idle_in_transaction_session_timeout": "1s"}
    monkeypatch.setattr(postgresql, "SERVER_SETTINGS", limits)
    monkeypatch.setattr(engine, "GIVE_UP_S", 0.1)
    parts = urlsplit(postgres_url)
    url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{proxy.host}:{proxy.port}").geturl()
    async with (
        open_nhn_store(url, is_owner=False) as silent,
        open_nhn_store(postgres_url, is_owner=False) as other,
    ):
        await silent.commit(ENROL)
        is_silent = asyncio.Event()

        def fall_silent(_connection: object) -> None:
            proxy.pause()
            is_silent.set()

        event.listen(silent._database.engine, "commit", fall_silent, once=True)
        commit = asyncio.create_task(silent.commit(step(40)))
        await is_silent.wait()
        await other.commit(step(40))
        proxy.resume()
        with pytest.raises(StoreUnavailable):
            await commit
        assert await cursor_of(other) == 41
