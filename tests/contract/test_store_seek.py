"""What every store does when an operator moves receivers: the contract of `seek`."""

import pytest

from bridge.checkpoints import Advance, Detach, Enrol, RecentPage, StreamState
from bridge.errors import InvariantViolation, StoreUnavailable
from bridge.ports import Store
from tests.support import stores
from tests.support.stores import Subject, advance, enrol, only_stream

subject = stores.subject
store = stores.store

RECENT = (RecentPage(10.0, (30, 35, 40)),)


async def with_memories(store: Store, **cursors: int) -> None:
    """A stream with a window and items without an offset of the receivers 101 and 102, and of nobody known."""
    await store.commit(enrol(**cursors))
    memories = Advance(
        stream="nhn/acme/0",
        previous=min(cursors.values()),
        cursor=40,
        recent=RECENT,
        unnumbered_added=frozenset({(101, "a"), (102, "b"), (0, "c")}),
    )
    await store.commit(memories)


class TestWhoStaysBehind:
    async def test_keeps_its_floor_as_long_as_the_window_is_kept(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=0, h103=0)
        await store.commit(Detach(stream="nhn/acme/0", her_ids=frozenset({103}), cursor=40))
        await store.seek({"acme": {101: 7}})
        assert (await only_stream(store)).floors == {103: 0}

    async def test_has_all_up_to_its_cursor_done_with_where_no_window_can_tell_any_more(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=0, h103=0)
        await store.commit(Detach(stream="nhn/acme/0", her_ids=frozenset({103}), cursor=40))
        await store.seek({"acme": {101: 7, 102: 7}})
        state = await only_stream(store)
        assert (dict(state.receivers), state.floors, state.recent) == ({101: None, 102: None, 103: 40}, {}, ())


class TestSomeOfAStream:
    async def test_get_cursors_of_their_own_and_the_others_and_their_window_stay(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=0, h103=0)
        await store.seek({"acme": {101: 7, 102: 90}})
        state = await only_stream(store)
        assert (state.cursor, dict(state.receivers)) == (40, {101: 7, 102: 90, 103: None})
        assert state.recent == RECENT

    async def test_that_go_back_are_not_known_to_have_had_their_items_without_an_offset(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=0, h103=0)
        await store.seek({"acme": {101: 39, 102: 41}})
        assert (await only_stream(store)).unnumbered == {(102, "b"), (0, "c")}

    async def test_that_have_a_cursor_of_their_own_move_from_there(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=20, h103=0)
        await store.seek({"acme": {102: 30}})
        state = await only_stream(store)
        assert dict(state.receivers) == {101: None, 102: 30, 103: None}
        assert state.unnumbered == {(101, "a"), (102, "b"), (0, "c")}, "it went forward"

    async def test_at_the_streams_cursor_join_only_once_they_have_read_the_window(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=20, h103=0)
        await store.seek({"acme": {102: 40}})
        assert dict((await only_stream(store)).receivers) == {101: None, 102: 40, 103: None}

    async def test_that_share_the_cursor_they_are_to_have_are_left_alone(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=0)
        before = await only_stream(store)
        await store.seek({"acme": {101: 40}})
        assert await only_stream(store) == before


class TestAllOfAStream:
    @pytest.mark.parametrize("to", [0, 39, 41, 9_223_372_036_854_775_807])
    async def test_move_the_stream_itself_and_share_its_cursor(self, store: Store, to: int) -> None:
        await with_memories(store, h101=0, h102=20, h103=0)
        await store.seek({"acme": {101: to, 102: to, 103: to}})
        state = await only_stream(store)
        assert (state.cursor, dict(state.receivers)) == (to, {101: None, 102: None, 103: None})
        assert state.recent == (), "of a window from elsewhere nothing would be late rightly"

    async def test_that_share_its_cursor_leave_stragglers_where_they_are(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=20, h103=0)
        await store.seek({"acme": {101: 50, 103: 50}})
        state = await only_stream(store)
        assert (state.cursor, dict(state.receivers)) == (50, {101: None, 102: 20, 103: None})

    async def test_with_several_cursors_share_the_lowest(self, store: Store) -> None:
        await with_memories(store, h101=0, h102=0, h103=0)
        await store.seek({"acme": {101: 9, 102: 8, 103: 9}})
        state = await only_stream(store)
        assert (state.cursor, dict(state.receivers)) == (8, {101: 9, 102: None, 103: 9})


class TestOfNoStream:
    async def test_a_retired_receiver_keeps_its_new_cursor_for_its_return(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=40))
        await store.retire("acme", frozenset({102}))
        await store.seek({"acme": {102: 5}})
        assert await store.retired("acme") == {102: 5}
        assert dict((await only_stream(store)).receivers) == {101: None}

    async def test_a_retired_one_that_goes_back_is_not_known_to_have_had_its_items_without_an_offset(
        self, store: Store
    ) -> None:
        await with_memories(store, h101=0, h102=0, h103=0)
        await store.retire("acme", frozenset({101, 102}))
        await store.seek({"acme": {101: 39, 102: 41}})
        assert (await only_stream(store)).unnumbered == {(102, "b"), (0, "c")}

    async def test_an_unknown_one_is_kept_for_when_it_comes(self, store: Store) -> None:
        await store.seek({"acme": {101: 5}, "other": {101: 7}})
        assert (await store.retired("acme"), await store.retired("other")) == ({101: 5}, {101: 7})

    async def test_2500_at_once_are_kept(self, store: Store) -> None:
        wanted = {her_id: her_id * 2 for her_id in range(1, 2501)}
        await store.seek({"acme": wanted})
        assert await store.retired("acme") == wanted

    async def test_who_is_kept_starts_there(self, store: Store) -> None:
        await store.seek({"acme": {101: 5}})
        await store.commit(enrol(h101=5))
        assert await store.retired("acme") == {}
        assert await only_stream(store) == StreamState(
            name="nhn/acme/0", tenant="acme", cursor=5, receivers={101: None}
        )


async def test_several_streams_and_tenants_are_moved_together_and_no_others(store: Store) -> None:
    await store.commit(enrol(h101=40, h102=40))
    await store.commit(Enrol(stream="nhn/acme/1", tenant="acme", cursors={201: 40}))
    await store.commit(Enrol(stream="nhn/acme/2", tenant="acme", cursors={301: 40}))
    await store.commit(Enrol(stream="nhn/other/0", tenant="other", cursors={101: 40}))
    await store.seek({"acme": {101: 1, 201: 2}, "other": {101: 3}})
    states = [*await store.streams("acme"), *await store.streams("other")]
    assert [(state.name, state.cursor, dict(state.receivers)) for state in states] == [
        ("nhn/acme/0", 40, {101: 1, 102: None}),
        ("nhn/acme/1", 2, {201: None}),
        ("nhn/acme/2", 40, {301: None}),
        ("nhn/other/0", 3, {101: None}),
    ]


async def test_doing_it_twice_is_the_same_as_once(store: Store) -> None:
    await with_memories(store, h101=0, h102=20, h103=0)
    to = {"acme": {101: 9, 102: 8, 103: 9, 999: 4}}
    await store.seek(to)
    once = await only_stream(store), await store.retired("acme")
    await store.seek(to)
    assert (await only_stream(store), await store.retired("acme")) == once


async def test_a_commit_of_before_no_longer_fits(store: Store) -> None:
    await store.commit(enrol(h101=40, h102=40))
    await store.seek({"acme": {101: 7}})
    with pytest.raises(InvariantViolation):
        await store.commit(Detach(stream="nhn/acme/0", her_ids=frozenset({101}), cursor=40))
    await store.seek({"acme": {102: 7}})
    with pytest.raises(InvariantViolation):
        await store.commit(advance(40, 60))


async def test_a_cursor_under_0_is_refused_and_nobody_moved(store: Store) -> None:
    await store.commit(enrol(h101=40, h102=40))
    with pytest.raises(InvariantViolation):
        await store.seek({"acme": {101: 7, 102: -1}})
    assert dict((await only_stream(store)).receivers) == {101: None, 102: None}


async def test_what_failed_changed_nothing_and_can_be_repeated(subject: Subject) -> None:
    store = subject.store
    await store.commit(enrol(h101=40, h102=40))
    before = await only_stream(store)
    with subject.unavailable(), pytest.raises(StoreUnavailable):
        await store.seek({"acme": {101: 7, 999: 5}})
    assert (await only_stream(store), await store.retired("acme")) == (before, {})
    await store.seek({"acme": {101: 7, 999: 5}})
    assert dict((await only_stream(store)).receivers) == {101: 7, 102: None}
