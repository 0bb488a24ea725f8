"""What every store does with floors, and when two streams become one: the contract of `Store.merge`."""

import msgspec
import pytest

from bridge.checkpoints import Advance, Detach, Enrol, Join, RecentPage, StreamState
from bridge.errors import InvariantViolation, StoreUnavailable
from bridge.ports import Store
from tests.support import stores
from tests.support.stores import Subject, advance, enrol, only_stream

subject = stores.subject
store = stores.store

INTO, GONE = "nhn/acme/0", "nhn/acme/1"


class TestFloors:
    async def test_of_one_that_is_enrolled_is_its_cursor(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=70))
        assert (await only_stream(store)).floors == {}

    async def test_of_one_that_is_detached_is_0_as_the_window_knows_all_of_it(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=40))
        await store.commit(Detach(stream=INTO, her_ids=frozenset({102}), cursor=40))
        state = await only_stream(store)
        assert (dict(state.receivers), state.floors) == ({101: None, 102: 40}, {102: 0})

    async def test_moves_with_the_cursor_to_where_it_is_told(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(enrol(h102=5, h103=5))
        step = advance(5, 30, stragglers={102, 103})
        await store.commit(msgspec.structs.replace(step, floor=5))
        assert (await only_stream(store)).floors == {102: 5, 103: 5}
        await store.commit(advance(30, 35, stragglers={102}))
        assert (await only_stream(store)).floors == {103: 5}

    async def test_is_gone_when_one_joins_or_is_retired(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=40, h103=40))
        await store.commit(Detach(stream=INTO, her_ids=frozenset({102, 103}), cursor=40))
        await store.commit(Join(stream=INTO, her_ids=frozenset({102}), cursor=40))
        await store.retire("acme", frozenset({103}))
        await store.commit(enrol(h103=30))
        state = await only_stream(store)
        assert (dict(state.receivers), state.floors) == ({101: None, 102: None, 103: 30}, {})


async def two_streams(store: Store) -> None:
    """One at 60 with a window from 45 on, one at 50 with a window from 42 on; each with a straggler."""
    await store.commit(enrol(h101=40, h102=70))
    await store.commit(
        Advance(
            stream=INTO,
            previous=40,
            cursor=60,
            unnumbered_added=frozenset({(101, "a"), (0, "b")}),
            recent=(RecentPage(10.0, (45, 52)), RecentPage(11.0, (52, 60))),
        )
    )
    await store.commit(Enrol(stream=GONE, tenant="acme", cursors={201: 40, 202: 40, 203: 40}))
    await store.commit(Detach(stream=GONE, her_ids=frozenset({202}), cursor=40))
    await store.commit(
        Advance(
            stream=GONE,
            previous=40,
            cursor=50,
            unnumbered_added=frozenset({(201, "c"), (0, "b")}),
            recent=(RecentPage(12.0, (42, 43, 50)),),
        )
    )


class TestWhoReturnsToAnotherStream:
    async def test_brings_the_memory_of_its_items_without_an_offset(self, store: Store) -> None:
        await two_streams(store)
        await store.retire("acme", frozenset({101}))
        await store.commit(Enrol(stream=GONE, tenant="acme", cursors={101: 60}))
        assert [state.unnumbered for state in await store.streams("acme")] == [
            frozenset({(0, "b")}),
            frozenset({(101, "a"), (201, "c"), (0, "b")}),
        ]

    async def test_brings_none_of_another_tenants(self, store: Store) -> None:
        await two_streams(store)
        await store.commit(Enrol(stream="nhn/other/0", tenant="other", cursors={101: 60}))
        assert [state.unnumbered for state in await store.streams("other")] == [frozenset()]


class TestMerge:
    async def test_all_become_stragglers_of_the_one_where_they_stand_and_take_their_memory_along(
        self, store: Store
    ) -> None:
        await two_streams(store)
        await store.merge("acme", dissolved=GONE, into=INTO)
        one, gone = await store.streams("acme")
        assert one == StreamState(
            name=INTO,
            tenant="acme",
            cursor=60,
            receivers={101: 60, 102: 70, 201: 50, 202: 40, 203: 50},
            floors={101: 45, 201: 42, 203: 42},
            unnumbered=frozenset({(101, "a"), (0, "b"), (201, "c")}),
            recent=(RecentPage(12.0, (42, 43, 45, 50, 52, 60)),),
        )
        assert gone == StreamState(name=GONE, tenant="acme", cursor=50, receivers={})

    async def test_without_windows_their_floors_are_where_they_stand(self, store: Store) -> None:
        await store.commit(enrol(h101=60))
        await store.commit(Enrol(stream=GONE, tenant="acme", cursors={201: 40}))
        await store.merge("acme", dissolved=GONE, into=INTO)
        one, _ = await store.streams("acme")
        assert one == StreamState(name=INTO, tenant="acme", cursor=60, receivers={101: 60, 201: 40})

    async def test_they_go_on_as_every_straggler_does(self, store: Store) -> None:
        await two_streams(store)
        await store.merge("acme", dissolved=GONE, into=INTO)
        await store.commit(Join(stream=INTO, her_ids=frozenset({101}), cursor=60))
        await store.commit(advance(50, 60, stragglers={201, 203}))
        await store.commit(Join(stream=INTO, her_ids=frozenset({201, 203}), cursor=60))
        one, _ = await store.streams("acme")
        assert dict(one.receivers) == {101: None, 102: 70, 201: None, 202: 40, 203: None}
        assert one.floors == {}

    async def test_done_twice_is_done_once(self, store: Store) -> None:
        await two_streams(store)
        await store.merge("acme", dissolved=GONE, into=INTO)
        before = await store.streams("acme")
        await store.merge("acme", dissolved=GONE, into=INTO)
        assert await store.streams("acme") == before

    async def test_the_name_that_is_free_may_serve_others(self, store: Store) -> None:
        await two_streams(store)
        await store.merge("acme", dissolved=GONE, into=INTO)
        await store.commit(Enrol(stream=GONE, tenant="acme", cursors={301: 7}))
        _, other = await store.streams("acme")
        assert other == StreamState(name=GONE, tenant="acme", cursor=50, receivers={301: 7})

    @pytest.mark.parametrize(
        ("tenant", "dissolved", "into"),
        [
            pytest.param("acme", INTO, GONE, id="one that stands further on"),
            pytest.param("acme", GONE, "nhn/acme/9", id="into what is not there"),
            pytest.param("acme", "nhn/acme/9", INTO, id="what is not there"),
            pytest.param("other", GONE, INTO, id="another tenant's"),
        ],
    )
    async def test_what_contradicts_the_store_changes_nothing(
        self, store: Store, tenant: str, dissolved: str, into: str
    ) -> None:
        await two_streams(store)
        before = await store.streams("acme")
        with pytest.raises(InvariantViolation):
            await store.merge(tenant, dissolved=dissolved, into=into)
        assert await store.streams("acme") == before

    async def test_one_that_fails_changes_nothing_and_can_be_repeated(self, subject: Subject) -> None:
        store = subject.store
        await two_streams(store)
        before = await store.streams("acme")
        with subject.unavailable(), pytest.raises(StoreUnavailable):
            await store.merge("acme", dissolved=GONE, into=INTO)
        assert await store.streams("acme") == before
        await store.merge("acme", dissolved=GONE, into=INTO)
        assert await store.streams("acme") != before
