"""What every store does when a page is done with: the contract of `Advance`."""

import pytest

from bridge.checkpoints import Advance, Enrol, NhnCheckpoint, RecentPage, StreamState
from bridge.ports import Store
from tests.support import stores
from tests.support.stores import advance, assert_refused, enrol, only_stream

subject = stores.subject
store = stores.store


def unnumbered(*, added: set[tuple[int, str]] | None = None, gone: set[tuple[int, str]] | None = None) -> Advance:
    return Advance(
        stream="nhn/acme/0",
        previous=40,
        cursor=40,
        unnumbered_added=frozenset(added or ()),
        unnumbered_gone=frozenset(gone or ()),
    )


def recent(*pages: RecentPage, forget_before: float = 0.0) -> Advance:
    return Advance(stream="nhn/acme/0", previous=0, cursor=0, recent=pages, forget_recent_before=forget_before)


class TestAdvance:
    async def test_the_streams_cursor_moves_for_those_that_share_it_alone(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=70))
        await store.commit(advance(40, 60))
        assert await only_stream(store) == StreamState(
            name="nhn/acme/0", tenant="acme", cursor=60, receivers={101: None, 102: 70}
        )

    async def test_a_straggler_that_the_stream_reaches_stays_one_until_it_joins(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=70))
        await store.commit(advance(40, 70))
        assert (await only_stream(store)).receivers == {101: None, 102: 70}

    async def test_exactly_the_named_stragglers_move_and_not_one_that_stands_with_them(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(enrol(h102=5, h103=5, h104=5))
        await store.commit(advance(5, 30, stragglers={102, 103}))
        assert await only_stream(store) == StreamState(
            name="nhn/acme/0", tenant="acme", cursor=40, receivers={101: None, 102: 30, 103: 30, 104: 5}
        )

    async def test_another_streams_cursor_does_not_move(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(Enrol(stream="nhn/acme/1", tenant="acme", cursors={201: 40}))
        await store.commit(advance(40, 60))
        assert [state.cursor for state in await store.streams("acme")] == [60, 40]

    async def test_a_cursor_may_stay_where_it_is(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(advance(40, 40))
        assert (await only_stream(store)).cursor == 40

    async def test_the_highest_offset_that_64_bits_hold_is_kept(self, store: Store) -> None:
        await store.commit(enrol(h101=0))
        await store.commit(advance(0, 9_223_372_036_854_775_807))
        assert (await only_stream(store)).cursor == 9_223_372_036_854_775_807

    @pytest.mark.parametrize(
        "checkpoint",
        [
            pytest.param(advance(39, 60), id="the stream stands elsewhere"),
            pytest.param(advance(40, 39), id="backwards"),
            pytest.param(Advance(stream="nhn/acme/9", previous=40, cursor=41), id="no such stream"),
            pytest.param(advance(6, 30, stragglers={102}), id="the straggler stands elsewhere"),
            pytest.param(advance(5, 4, stragglers={102}), id="a straggler backwards"),
            pytest.param(advance(5, 30, stragglers={102, 103}), id="one of two stragglers stands elsewhere"),
            pytest.param(advance(40, 60, stragglers={101}), id="one that shares is no straggler"),
            pytest.param(advance(5, 30, stragglers={999}), id="no such receiver"),
            pytest.param(advance(5, 30, stragglers={202}), id="another stream's straggler"),
            pytest.param(
                Advance(stream="nhn/acme/9", previous=5, cursor=6, stragglers=frozenset()), id="nobody of no stream"
            ),
        ],
    )
    async def test_what_contradicts_the_store_is_refused_whole(self, store: Store, checkpoint: NhnCheckpoint) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(enrol(h102=5, h103=7))
        await store.commit(Enrol(stream="nhn/acme/1", tenant="acme", cursors={201: 0, 202: 5}))
        await assert_refused(store, checkpoint)

    async def test_the_same_advance_twice_is_refused(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(advance(40, 60))
        await assert_refused(store, advance(40, 60))


class TestUnnumbered:
    async def test_items_are_kept_until_they_are_gone(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(unnumbered(added={(101, "a"), (101, "b"), (102, "a")}))
        await store.commit(unnumbered(added={(101, "c")}, gone={(101, "a"), (101, "never there")}))
        assert (await only_stream(store)).unnumbered == {(101, "b"), (101, "c"), (102, "a")}

    async def test_an_item_that_is_there_can_be_added_again(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(unnumbered(added={(101, "a")}))
        await store.commit(unnumbered(added={(101, "a"), (101, "b")}, gone={(101, "b")}))
        assert (await only_stream(store)).unnumbered == {(101, "a"), (101, "b")}

    async def test_each_stream_has_its_own(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(Enrol(stream="nhn/acme/1", tenant="acme", cursors={201: 40}))
        await store.commit(unnumbered(added={(101, "a")}))
        await store.commit(
            Advance(stream="nhn/acme/1", previous=40, cursor=40, unnumbered_added=frozenset({(101, "a"), (101, "b")}))
        )
        await store.commit(unnumbered(gone={(101, "a")}))
        assert [state.unnumbered for state in await store.streams("acme")] == [frozenset(), {(101, "a"), (101, "b")}]

    async def test_a_refused_advance_adds_none(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await assert_refused(
            store,
            Advance(stream="nhn/acme/0", previous=41, cursor=41, unnumbered_added=frozenset({(101, "a")})),
        )


class TestRecent:
    async def test_pages_are_kept_oldest_first_and_those_of_one_moment_in_the_order_of_their_commits(
        self, store: Store
    ) -> None:
        await store.commit(enrol(h101=0))
        await store.commit(recent(RecentPage(20.5, (7, 9, 400_000_000_000)), RecentPage(20.5, (410_000_000_000,))))
        await store.commit(recent(RecentPage(10.0, (1, 2))))
        await store.commit(recent(RecentPage(20.5, (3,))))
        assert (await only_stream(store)).recent == (
            RecentPage(10.0, (1, 2)),
            RecentPage(20.5, (7, 9, 400_000_000_000)),
            RecentPage(20.5, (410_000_000_000,)),
            RecentPage(20.5, (3,)),
        )

    async def test_pages_read_before_the_moment_are_dropped_those_just_added_included(self, store: Store) -> None:
        await store.commit(enrol(h101=0))
        await store.commit(recent(RecentPage(10.0, (1,)), RecentPage(20.0, (2,))))
        await store.commit(recent(RecentPage(19.9, (3,)), RecentPage(30.0, (4,)), forget_before=20.0))
        assert (await only_stream(store)).recent == (RecentPage(20.0, (2,)), RecentPage(30.0, (4,)))

    async def test_each_stream_forgets_its_own(self, store: Store) -> None:
        await store.commit(enrol(h101=0))
        await store.commit(Enrol(stream="nhn/acme/1", tenant="acme", cursors={201: 0}))
        await store.commit(Advance(stream="nhn/acme/1", previous=0, cursor=0, recent=(RecentPage(10.0, (1,)),)))
        await store.commit(recent(forget_before=99.0))
        assert [state.recent for state in await store.streams("acme")] == [(), (RecentPage(10.0, (1,)),)]

    async def test_stragglers_pages_are_the_streams_too(self, store: Store) -> None:
        await store.commit(enrol(h101=0, h102=5))
        await store.commit(
            Advance(
                stream="nhn/acme/0",
                stragglers=frozenset({102}),
                previous=5,
                cursor=6,
                recent=(RecentPage(10.0, (6,)),),
                unnumbered_added=frozenset({(102, "a")}),
            )
        )
        state = await only_stream(store)
        assert state.recent == (RecentPage(10.0, (6,)),)
        assert state.unnumbered == {(102, "a")}
