"""A replay on its way: its rate, its patience, and where it is when it ends."""

from collections.abc import Callable, Sequence

import pytest

from bridge.errors import SourceUnavailable
from bridge.events.message import Message
from bridge.nhn.feed import Feed
from bridge.replay.observer import MAX_TRIES, ReplayFailed, ReplayObserver
from bridge.replay.run import Pace, Replay
from bridge.replay.stretch import Stretch
from bridge.retry import Backoff
from tests.support.clock import FakeClock, LongestWait
from tests.support.nhn import UNCONFIGURED, SimulatedApi, maker, number_of
from tests.support.observers import Recorder


class Here:
    """A replay of 20 events of the receivers 7 and 8, and of 4 of another tenant's."""

    def __init__(self, *, rate_per_s: float = 20.0) -> None:
        self.clock = FakeClock()
        self.api = SimulatedApi(self.clock)
        self.api.publish(*range(1, 21, 2), her_id=7)
        self.api.publish(*range(2, 21, 2), her_id=8)
        self.api.publish(*range(21, 25), her_id=9)
        self.told: list[str] = []
        self.observer = ReplayObserver(self.told.append)
        stretches = [
            Stretch(tenant="a", after=0, ends={7: 20, 8: 20}),
            Stretch(tenant="b", after=0, ends={9: 30}),
        ]
        backoff = Backoff(base_s=1.0, cap_s=8.0, dice=LongestWait())
        self.replay = Replay(stretches, maker=maker(self.clock), clock=self.clock, backoff=backoff)
        self.pace = Pace(rate_per_s, self.clock)
        self.published: list[tuple[float, list[int]]] = []
        self.fail_at: Callable[[list[int]], None] = lambda _numbers: None

    async def run(self, *, counts_only: bool = False) -> None:
        feeds = {
            tenant: Feed(self.api, page_size=8, retry_refused_s=300.0, observer=Recorder()) for tenant in ("a", "b")
        }
        await self.replay.run(
            feeds,
            None if counts_only else self._deliver,
            pace=self.pace,
            observer=self.observer,
            moved=lambda: None,
        )

    async def _deliver(self, messages: Sequence[Message]) -> None:
        found = [number_of(message) for message in messages]
        self.fail_at(found)
        self.published.append((round(self.clock.monotonic(), 1), found))

    @property
    def numbers(self) -> list[int]:
        return [number for _, numbers in self.published for number in numbers]


async def test_all_of_every_tenant_is_published_in_order() -> None:
    here = Here()
    await here.run()
    assert here.numbers == list(range(1, 25))
    assert here.replay.positions == {"a": 20, "b": 30}
    assert here.replay.counts == {"new-message": 24}


async def test_no_more_goes_a_second_than_is_wanted_in_small_portions() -> None:
    here = Here(rate_per_s=20.0)
    await here.run()
    assert max(len(numbers) for _, numbers in here.published) == 5
    for at, _ in here.published:
        in_a_second = sum(len(numbers) for moment, numbers in here.published if at <= moment < at + 1)
        assert in_a_second <= 20
    assert here.published[-1][0] >= 1.0


async def test_a_slow_rate_is_kept_one_by_one() -> None:
    here = Here(rate_per_s=0.5)
    await here.run()
    assert here.published[-1][0] - here.published[0][0] == pytest.approx(46.0, abs=0.5)


async def test_counting_publishes_nothing_and_does_not_wait() -> None:
    here = Here(rate_per_s=0.5)
    await here.run(counts_only=True)
    assert (here.published, here.clock.slept) == ([], [])
    assert here.replay.counts == {"new-message": 24}


async def test_where_it_fails_it_knows_up_to_where_all_is_published() -> None:
    here = Here()

    def fail(numbers: list[int]) -> None:
        if 12 in numbers:
            raise ReplayFailed("a fault")

    here.fail_at = fail
    with pytest.raises(ReplayFailed):
        await here.run()
    assert here.replay.positions == {"a": here.numbers[-1], "b": 0}
    assert here.numbers == list(range(1, here.numbers[-1] + 1))


async def test_an_api_that_fails_now_and_then_is_asked_again() -> None:
    here = Here()

    def trouble(_request: object) -> None:
        if len(here.api.requests) % 2:
            raise SourceUnavailable("a fault.")

    here.api.trouble = trouble
    await here.run()
    assert here.numbers == list(range(1, 25))
    assert here.told[0] == "NHN's API cannot be read: a fault; trying again in 2 s."


async def test_an_api_that_stays_away_ends_it() -> None:
    here = Here()

    def trouble(_request: object) -> None:
        if len(here.api.requests) > 1:
            raise SourceUnavailable("a fault.")

    here.api.trouble = trouble
    with pytest.raises(ReplayFailed, match="NHN's API cannot be read: a fault"):
        await here.run()
    assert len(here.api.requests) == 1 + MAX_TRIES
    assert here.replay.positions == {"a": 8, "b": 0}


async def test_who_is_refused_is_named_and_the_others_are_replayed() -> None:
    here = Here()
    here.api.refused = {8: UNCONFIGURED}
    await here.run()
    assert here.numbers == [*range(1, 21, 2), *range(21, 25)]
    assert here.replay.refused == {8: UNCONFIGURED}


def test_a_broker_that_stays_away_ends_it() -> None:
    told: list[str] = []
    observer = ReplayObserver(told.append)
    observer.session_ended("ACCESS_REFUSED - access to exchange 'amq.default' refused")
    for _ in range(MAX_TRIES - 1):
        observer.publish_interrupted("unknown", 5, retry_in_s=2.0)
    observer.moved()
    for _ in range(MAX_TRIES - 1):
        observer.publish_interrupted("unknown", 5, retry_in_s=2.0)
    with pytest.raises(ReplayFailed, match="does not take the events: ACCESS_REFUSED"):
        observer.publish_interrupted("unknown", 5, retry_in_s=2.0)
    assert told[0].startswith("RabbitMQ does not take 5 events: ACCESS_REFUSED")
    assert told[0].endswith("; trying again in 2 s.")
