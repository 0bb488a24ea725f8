"""What every store does with membership and failure: the contract of the port `Store`."""

import pytest

from bridge.checkpoints import Advance, Detach, Enrol, Join, NhnCheckpoint, RecentPage, StreamState
from bridge.errors import StoreUnavailable
from bridge.ports import Store
from tests.support import stores
from tests.support.stores import Subject, advance, assert_refused, enrol, only_stream

subject = stores.subject
store = stores.store


class TestEnrol:
    async def test_a_new_store_knows_nobody(self, store: Store) -> None:
        assert list(await store.streams("acme")) == []
        assert await store.retired("acme") == {}

    async def test_the_first_makes_the_stream_at_the_lowest_cursor_and_who_stands_there_shares_it(
        self, store: Store
    ) -> None:
        await store.commit(enrol(h101=40, h102=70, h103=40))
        assert await only_stream(store) == StreamState(
            name="nhn/acme/0", tenant="acme", cursor=40, receivers={101: None, 102: 70, 103: None}
        )

    async def test_a_newcomer_at_the_streams_cursor_shares_it_at_once(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(enrol(h102=40))
        assert (await only_stream(store)).receivers == {101: None, 102: None}

    async def test_a_newcomer_at_the_cursor_of_a_stream_with_a_window_has_yet_to_show_what_of_it_is_done_with(
        self, store: Store
    ) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(Advance(stream="nhn/acme/0", previous=40, cursor=50, recent=(RecentPage(10.0, (40, 50)),)))
        await store.commit(enrol(h102=50))
        assert (await only_stream(store)).receivers == {101: None, 102: 50}

    async def test_a_newcomer_anywhere_else_gets_its_own_cursor_and_the_streams_stays(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(enrol(h102=0, h103=99))
        assert await only_stream(store) == StreamState(
            name="nhn/acme/0", tenant="acme", cursor=40, receivers={101: None, 102: 0, 103: 99}
        )

    async def test_who_is_in_another_stream_is_refused_and_the_new_stream_not_made(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await assert_refused(store, Enrol(stream="nhn/acme/1", tenant="acme", cursors={101: 40, 102: 40}))

    async def test_who_is_in_this_stream_already_is_refused(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await assert_refused(store, enrol(h101=50, h102=40))

    async def test_a_stream_never_takes_another_tenants_receiver(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await assert_refused(store, Enrol(stream="nhn/acme/0", tenant="other", cursors={201: 40}))

    async def test_one_her_id_of_two_tenants_is_two_receivers(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.commit(Enrol(stream="nhn/other/0", tenant="other", cursors={101: 7}))
        assert (await only_stream(store, "acme")).cursor == 40
        assert (await only_stream(store, "other")).cursor == 7

    async def test_a_cursor_under_0_is_refused(self, store: Store) -> None:
        await assert_refused(store, enrol(h101=40, h102=-1))

    async def test_enrolling_nobody_changes_nothing(self, store: Store) -> None:
        await store.commit(enrol())
        assert list(await store.streams("acme")) == []

    async def test_streams_come_by_name(self, store: Store) -> None:
        for number, her_id in ((2, 102), (0, 100), (10, 110)):
            await store.commit(Enrol(stream=f"nhn/acme/{number}", tenant="acme", cursors={her_id: 0}))
        assert [state.name for state in await store.streams("acme")] == ["nhn/acme/0", "nhn/acme/10", "nhn/acme/2"]


class TestDetachAndJoin:
    async def test_who_is_detached_stays_behind_while_the_others_go_on(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=40))
        await store.commit(Detach(stream="nhn/acme/0", her_ids=frozenset({102}), cursor=40))
        await store.commit(advance(40, 60))
        assert await only_stream(store) == StreamState(
            name="nhn/acme/0", tenant="acme", cursor=60, receivers={101: None, 102: 40}, floors={102: 0}
        )

    async def test_who_joins_at_the_streams_cursor_goes_on_with_it(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=70))
        await store.commit(advance(40, 70))
        await store.commit(Join(stream="nhn/acme/0", her_ids=frozenset({102}), cursor=70))
        await store.commit(advance(70, 90))
        assert await only_stream(store) == StreamState(
            name="nhn/acme/0", tenant="acme", cursor=90, receivers={101: None, 102: None}
        )

    @pytest.mark.parametrize(
        "checkpoint",
        [
            pytest.param(Detach(stream="nhn/acme/0", her_ids=frozenset({101}), cursor=39), id="detached elsewhere"),
            pytest.param(Detach(stream="nhn/acme/0", her_ids=frozenset({101, 102}), cursor=40), id="detached before"),
            pytest.param(Detach(stream="nhn/acme/0", her_ids=frozenset({101, 999}), cursor=40), id="never enrolled"),
            pytest.param(Detach(stream="nhn/acme/9", her_ids=frozenset({101}), cursor=40), id="no stream to leave"),
            pytest.param(Detach(stream="nhn/acme/0", her_ids=frozenset({201}), cursor=40), id="another stream's"),
            pytest.param(Join(stream="nhn/acme/0", her_ids=frozenset({202}), cursor=40), id="another's straggler"),
            pytest.param(Join(stream="nhn/acme/0", her_ids=frozenset({102}), cursor=5), id="the stream is elsewhere"),
            pytest.param(Join(stream="nhn/acme/0", her_ids=frozenset({102}), cursor=40), id="straggler elsewhere"),
            pytest.param(Join(stream="nhn/acme/0", her_ids=frozenset({103, 102}), cursor=40), id="one of two"),
            pytest.param(Join(stream="nhn/acme/0", her_ids=frozenset({101}), cursor=40), id="shares already"),
            pytest.param(Join(stream="nhn/acme/9", her_ids=frozenset({103}), cursor=40), id="no stream to join"),
        ],
    )
    async def test_what_contradicts_the_store_is_refused_whole(self, store: Store, checkpoint: NhnCheckpoint) -> None:
        await store.commit(enrol(h101=40, h103=40))
        await store.commit(Detach(stream="nhn/acme/0", her_ids=frozenset({103}), cursor=40))
        await store.commit(enrol(h102=5))
        await store.commit(Enrol(stream="nhn/acme/1", tenant="acme", cursors={201: 0, 202: 40}))
        await assert_refused(store, checkpoint)


class TestRetire:
    async def test_each_keeps_its_cursor_shared_or_own(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=70, h103=40))
        await store.commit(advance(40, 50))
        await store.retire("acme", frozenset({101, 102}))
        assert await store.retired("acme") == {101: 50, 102: 70}
        assert (await only_stream(store)).receivers == {103: None}

    async def test_a_stream_that_everybody_left_remains(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.retire("acme", frozenset({101}))
        assert await only_stream(store) == StreamState(name="nhn/acme/0", tenant="acme", cursor=40, receivers={})

    async def test_who_returns_has_the_cursor_it_is_given_and_is_retired_no_more(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=40))
        await store.retire("acme", frozenset({102}))
        await store.commit(advance(40, 90))
        await store.commit(enrol(h102=40))
        assert await store.retired("acme") == {}
        assert (await only_stream(store)).receivers == {101: None, 102: 40}

    async def test_one_may_return_to_another_stream(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.retire("acme", frozenset({101}))
        await store.commit(Enrol(stream="nhn/acme/1", tenant="acme", cursors={101: 40}))
        assert [state.receivers for state in await store.streams("acme")] == [{}, {101: None}]

    async def test_who_is_retired_or_unknown_is_left_alone(self, store: Store) -> None:
        await store.commit(enrol(h101=40, h102=40))
        await store.retire("acme", frozenset({101}))
        await store.commit(advance(40, 90))
        await store.retire("acme", frozenset({101, 999}))
        assert await store.retired("acme") == {101: 40}

    async def test_another_tenants_receivers_stay(self, store: Store) -> None:
        await store.commit(enrol(h101=40))
        await store.retire("other", frozenset({101}))
        assert await store.retired("other") == {}
        assert (await only_stream(store)).receivers == {101: None}


class TestUnavailable:
    @pytest.mark.parametrize(
        "checkpoint",
        [
            advance(40, 60),
            enrol(h103=40),
            Detach(stream="nhn/acme/0", her_ids=frozenset({101}), cursor=40),
            Join(stream="nhn/acme/0", her_ids=frozenset({102}), cursor=40),
        ],
        ids=lambda checkpoint: type(checkpoint).__name__,
    )
    async def test_a_failed_commit_changed_nothing_and_can_be_repeated(
        self, subject: Subject, checkpoint: NhnCheckpoint
    ) -> None:
        store = subject.store
        await store.commit(enrol(h101=40, h102=40))
        await store.commit(Detach(stream="nhn/acme/0", her_ids=frozenset({102}), cursor=40))
        before = await only_stream(store)
        with subject.unavailable():
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await store.commit(checkpoint)
            assert await only_stream(store) == before
        await store.commit(checkpoint)
        assert await only_stream(store) != before

    async def test_a_failed_retire_changed_nothing_and_can_be_repeated(self, subject: Subject) -> None:
        store = subject.store
        await store.commit(enrol(h101=40))
        with subject.unavailable(), pytest.raises(StoreUnavailable):
            await store.retire("acme", frozenset({101}))
        assert await store.retired("acme") == {}
        await store.retire("acme", frozenset({101}))
        assert await store.retired("acme") == {101: 40}
