"""Who is wanted is brought into the store, each receiver at its own place (G4)."""

import pytest

from bridge.checkpoints import Enrol
from bridge.errors import StoreUnavailable
from bridge.nhn.enrolment import Start, enrol
from bridge.nhn.feed import EveryReceiverRefused, Feed
from tests.support.clock import FakeClock
from tests.support.fake_store import FakeStore
from tests.support.nhn import UNCONFIGURED, SimulatedApi
from tests.support.observers import Recorder


class Enrolment:
    def __init__(self) -> None:
        self.api = SimulatedApi(FakeClock())
        self.store = FakeStore()

    async def wants(self, *her_ids: int, start: Start = "earliest") -> dict[str, tuple[int, dict[int, int | None]]]:
        """The streams that serve them: name → (cursor, receivers)."""
        feed = Feed(self.api, page_size=1000, retry_refused_s=300.0, observer=Recorder())
        states = await enrol("acme", her_ids, start=start, feed=feed, store=self.store)
        return {state.name: (state.cursor, dict(state.receivers)) for state in states}


@pytest.fixture
def here() -> Enrolment:
    return Enrolment()


async def test_newcomers_start_at_the_beginning_without_a_look_at_the_feed(here: Enrolment) -> None:
    assert await here.wants(7, 8) == {"nhn/acme/1": (0, {7: None, 8: None})}
    assert here.api.requests == []


async def test_newcomers_start_at_a_given_offset(here: Enrolment) -> None:
    assert await here.wants(7, start=5000) == {"nhn/acme/1": (5000, {7: None})}


async def test_latest_passes_over_what_is_there(here: Enrolment) -> None:
    here.api.publish(41, 42, her_id=7)
    assert await here.wants(7, 8, start="latest") == {"nhn/acme/1": (42, {7: None, 8: None})}


async def test_latest_is_not_asked_for_by_receivers_that_have_a_place(here: Enrolment) -> None:
    await here.wants(7)
    await here.wants()
    here.api.publish(41, her_id=7)
    assert await here.wants(7, start="latest") == {"nhn/acme/1": (0, {7: None})}
    assert here.api.requests == []


async def test_latest_looks_past_a_newcomer_that_is_refused(here: Enrolment) -> None:
    here.api.publish(41, her_id=7)
    here.api.refused = {8: UNCONFIGURED}
    assert await here.wants(7, 8, start="latest") == {"nhn/acme/1": (41, {7: None, 8: None})}


async def test_latest_is_how_far_the_streams_have_come_where_all_newcomers_are_refused(here: Enrolment) -> None:
    await here.wants(7, start=70)
    here.api.refused = {8: UNCONFIGURED, 9: UNCONFIGURED}
    assert await here.wants(7, 8, 9, start="latest") == {"nhn/acme/1": (70, {7: None, 8: None, 9: None})}


@pytest.mark.parametrize("newcomers", [(8,), (8, 9)])
async def test_latest_waits_where_all_newcomers_are_refused_and_nothing_is_known(
    here: Enrolment, newcomers: tuple[int, ...]
) -> None:
    here.api.refused = {8: UNCONFIGURED, 9: UNCONFIGURED}
    with pytest.raises(EveryReceiverRefused):
        await here.wants(*newcomers, start="latest")
    here.api.publish(41, her_id=8)
    here.api.refused = {}
    assert await here.wants(*newcomers, start="latest") == {"nhn/acme/1": (41, dict.fromkeys(newcomers))}


async def test_a_receiver_that_returns_goes_on_where_it_stood(here: Enrolment) -> None:
    await here.wants(7, 8, start=40)
    assert await here.wants(8, start=40) == {"nhn/acme/1": (40, {8: None})}
    assert await here.store.retired("acme") == {7: 40}
    await here.store.commit(Enrol(stream="nhn/acme/1", tenant="acme", cursors={9: 70}))
    assert await here.wants(7, 8, 9, start=99) == {"nhn/acme/1": (40, {7: None, 8: None, 9: 70})}
    assert await here.store.retired("acme") == {}


async def test_a_newcomer_beside_others_catches_up_by_itself(here: Enrolment) -> None:
    await here.wants(7, start=40)
    assert await here.wants(7, 8) == {"nhn/acme/1": (40, {7: None, 8: 0})}


async def test_1501_receivers_are_two_streams(here: Enrolment) -> None:
    streams = await here.wants(*range(1, 1502))
    assert {name: len(receivers) for name, (_, receivers) in streams.items()} == {"nhn/acme/1": 751, "nhn/acme/2": 750}


async def test_a_stream_that_serves_nobody_is_not_run_and_is_used_again(here: Enrolment) -> None:
    await here.wants(7, start=40)
    assert await here.wants() == {}
    assert await here.wants(8, start=40) == {"nhn/acme/1": (40, {8: None})}


async def test_nothing_is_written_where_nothing_changes(here: Enrolment) -> None:
    await here.wants(7, 8)
    here.store.committed.clear()
    await here.wants(7, 8)
    assert here.store.committed == []


async def test_what_failed_halfway_is_finished_by_the_next_call(here: Enrolment) -> None:
    await here.wants(*range(1, 1501), start=40)
    here.store.failures_to_come = 1
    with pytest.raises(StoreUnavailable):
        await here.wants(*range(2, 1502), start=40)
    streams = await here.wants(*range(2, 1502), start=40)
    assert streams == {"nhn/acme/1": (40, dict.fromkeys(range(2, 1502)))}
    assert await here.store.retired("acme") == {1: 40}
