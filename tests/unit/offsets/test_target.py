"""Where receivers go by a word or a time: the feed is asked."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.errors import ConfigurationError
from bridge.nhn.feed import Feed
from bridge.offsets.target import NoOffset, Target, targets
from bridge.store import ReceiverOffset
from tests.support.clock import FakeClock
from tests.support.nhn import UNCONFIGURED, Row, SimulatedApi, notification
from tests.support.observers import Recorder

START = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)


class Here:
    """Receiver 7 has 10, 30, …, receiver 8 has 20, 40, …; each created a minute after the one before."""

    def __init__(self) -> None:
        self.api = SimulatedApi(FakeClock())
        for minute in range(10):
            number, her_id = 10 * (minute + 1), 7 + minute % 2
            raw = notification(number, her_id, createdAt=(START + timedelta(minutes=minute)).isoformat())
            self.api.rows.append(Row(number, her_id, raw))
        self.feeds = {"a": Feed(self.api, page_size=2, retry_refused_s=300.0, observer=Recorder())}

    async def to(self, target: Target, **offsets: int) -> dict[int, int]:
        """HER-id → where it goes; all share a stream, and stand where they are said to."""
        members = [
            ReceiverOffset(
                tenant="a", her_id=int(name[1:]), stream="nhn/a/1", state="sharing", offset=offset, updated_at=START
            )
            for name, offset in offsets.items()
        ]
        return {her_id: to for (_, her_id), to in (await targets(members, target, self.feeds)).items()}


@pytest.fixture
def here() -> Here:
    return Here()


async def test_a_number_and_the_start_need_no_look(here: Here) -> None:
    assert await here.to(50, h7=70) == {7: 50}
    assert await here.to("earliest", h7=70, h8=80) == {7: 0, 8: 0}
    assert here.api.requests == []


async def test_latest_is_the_end_of_what_is_there(here: Here) -> None:
    assert await here.to("latest", h7=10, h8=20) == {7: 100, 8: 100}


async def test_latest_never_goes_back(here: Here) -> None:
    assert await here.to("latest", h7=5000) == {7: 5000}


async def test_a_time_is_where_what_was_created_then_comes_next(here: Here) -> None:
    assert await here.to(START + timedelta(minutes=4), h7=100, h8=100) == {7: 40, 8: 40}
    assert await here.to(START + timedelta(minutes=4), h7=0) == {7: 30}, "of its own alone"
    assert await here.to(START, h7=90) == {7: 0}
    assert await here.to(START + timedelta(days=1), h8=0) == {8: 100}


async def test_who_is_refused_goes_with_the_others(here: Here) -> None:
    here.api.refused = {8: UNCONFIGURED}
    assert await here.to(START + timedelta(minutes=4), h7=100, h8=100) == {7: 30, 8: 30}


async def test_where_all_are_refused_no_time_can_be_told(here: Here) -> None:
    here.api.refused = {7: UNCONFIGURED, 8: UNCONFIGURED}
    with pytest.raises(NoOffset, match="refuses all of these HER-ids"):
        await here.to(START, h7=100)


async def test_without_a_feed_only_a_number_will_do(here: Here) -> None:
    here.feeds = {}
    assert await here.to("earliest", h7=70) == {7: 0}
    with pytest.raises(ConfigurationError, match="give the offset as a number"):
        await here.to("latest", h7=70)
