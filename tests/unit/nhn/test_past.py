"""A range of the feed that is read once more, apart from every stream."""

import pytest

from bridge.errors import SourceUnavailable
from bridge.nhn.feed import Feed
from bridge.nhn.past import Past
from tests.support.clock import FakeClock
from tests.support.nhn import UNCONFIGURED, Request, SimulatedApi
from tests.support.observers import Recorder


class Here:
    def __init__(self) -> None:
        self.api = SimulatedApi(FakeClock())
        self.api.publish(2, 4, 6, 8, 10, her_id=7)
        self.api.publish(1, 3, 5, 7, 9, her_id=8)

    def past(self, *her_ids: int, after: int, up_to: int, page_size: int = 3) -> Past:
        feed = Feed(self.api, page_size=page_size, retry_refused_s=300.0, observer=Recorder())
        return Past(feed, her_ids, after=after, up_to=up_to)


async def offsets(past: Past) -> list[int | None]:
    return [item.offset async for items in past.pages() for item in items]


async def test_it_is_all_between_the_two_and_nothing_else() -> None:
    past = Here().past(7, 8, after=2, up_to=9)
    assert await offsets(past) == [3, 4, 5, 6, 7, 8, 9]
    assert (past.position, past.is_read, past.highest) == (9, True, 10)


async def test_beyond_the_end_of_the_feed_it_ends_there() -> None:
    past = Here().past(7, after=5, up_to=1000)
    assert await offsets(past) == [6, 8, 10]
    assert (past.position, past.is_read, past.highest) == (1000, True, 10)


async def test_nothing_between_is_not_asked_for() -> None:
    here = Here()
    assert await offsets(here.past(7, after=5, up_to=5)) == []
    assert here.api.requests == []


async def test_who_is_refused_is_left_out_and_named() -> None:
    here = Here()
    here.api.refused = {8: UNCONFIGURED}
    past = here.past(7, 8, after=0, up_to=6)
    assert await offsets(past) == [2, 4, 6]
    assert past.refused == {8: UNCONFIGURED}


async def test_where_all_are_refused_nothing_is_read() -> None:
    here = Here()
    here.api.refused = {8: UNCONFIGURED}
    past = here.past(8, after=0, up_to=6)
    assert await offsets(past) == []
    assert (past.is_read, past.position) == (False, 0)


async def test_after_a_failure_another_call_goes_on_at_the_page_that_failed() -> None:
    here = Here()
    past = here.past(7, 8, after=0, up_to=10)

    def trouble(_request: Request) -> None:
        if len(here.api.requests) == 2:
            raise SourceUnavailable("a fault")

    here.api.trouble = trouble
    pages = past.pages()
    assert [item.offset for item in await anext(pages)] == [1, 2, 3]
    with pytest.raises(SourceUnavailable):
        await anext(pages)
    assert past.position == 3
    assert await offsets(past) == [4, 5, 6, 7, 8, 9, 10]


async def test_items_without_an_offset_come_once() -> None:
    here = Here()
    row = here.api.rows[2]
    here.api.rows[2] = type(row)(row.number, row.her_id, row.raw.replace(b'"offset": 6', b'"x": 6'))
    assert await offsets(here.past(7, after=0, up_to=10, page_size=2)) == [2, 4, None, 8, 10]
