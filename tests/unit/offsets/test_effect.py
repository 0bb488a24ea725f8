"""What a move repeats or skips is counted in the feed, and never more exactly than it is known."""

import pytest

from bridge.errors import SourceUnavailable
from bridge.nhn.feed import Feed
from bridge.offsets import effect as module
from bridge.offsets.effect import effect_of, sentences
from bridge.offsets.moves import Move
from tests.support.clock import FakeClock
from tests.support.nhn import UNCONFIGURED, Request, Row, SimulatedApi, maker, notification
from tests.support.observers import Recorder


class Here:
    """Receivers 7 and 8 have 1 to 10, in turn."""

    def __init__(self) -> None:
        self.api = SimulatedApi(FakeClock())
        self.api.publish(1, 3, 5, 7, 9, her_id=7)
        self.api.publish(2, 4, 6, 8, 10, her_id=8)
        self.feeds = {"a": Feed(self.api, page_size=2, retry_refused_s=300.0, observer=Recorder())}
        self.ignore: tuple[str, ...] = ()

    async def told(self, *moves: Move, highest_known: int = 10) -> list[str]:
        effect = await effect_of(moves, self.feeds, maker(self.api.clock, ignore=self.ignore))
        return list(sentences(moves, effect, highest_known=highest_known))


def move(her_id: int, before: int | None, to: int) -> Move:
    return Move(tenant="a", her_id=her_id, stream="nhn/a/1", before=before, to=to)


@pytest.fixture
def here() -> Here:
    return Here()


async def test_back_repeats_what_lies_after_the_new_offset_up_to_the_old_one(here: Here) -> None:
    assert await here.told(move(7, 9, 3)) == ["This repeats 3 notifications and skips none."]


async def test_forward_skips_what_lies_after_the_old_offset_up_to_the_new_one(here: Here) -> None:
    assert await here.told(move(7, 3, 4), move(8, 4, 6)) == ["This repeats none and skips 1 notification."]


async def test_each_receiver_counts_by_its_own_offsets(here: Here) -> None:
    told = await here.told(move(7, 9, 0), move(8, 4, 10))
    assert told == ["This repeats 5 notifications and skips 3 notifications."]


async def test_what_is_not_wanted_at_all_does_not_count(here: Here) -> None:
    here.ignore = ("new-message",)
    assert await here.told(move(7, 9, 3)) == ["This repeats none and skips none."]


async def test_who_is_new_repeats_and_skips_nothing(here: Here) -> None:
    assert await here.told(move(7, None, 3)) == []
    assert here.api.requests == []


async def test_an_api_that_cannot_be_asked_leaves_at_least_what_was_counted(here: Here) -> None:
    def trouble(_request: Request) -> None:
        if len(here.api.requests) == 2:
            raise SourceUnavailable("a fault.")

    here.api.trouble = trouble
    assert await here.told(move(7, 9, 0)) == [
        "This repeats at least 2 notifications and skips none (the API cannot be asked now: a fault)."
    ]


async def test_a_count_that_is_too_long_ends(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 2)
    assert await here.told(move(7, 9, 0)) == [
        "This repeats at least 4 notifications and skips none (counting ends after 2 pages)."
    ]


async def test_a_count_that_just_fits_is_exact(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 2)
    assert await here.told(move(7, 7, 0)) == ["This repeats 4 notifications and skips none."]


async def test_who_is_refused_is_not_counted_for_nothing(here: Here) -> None:
    here.api.refused = {8: UNCONFIGURED}
    assert await here.told(move(7, 9, 3), move(8, 10, 0)) == [
        "This repeats at least 3 notifications and skips none (the API refuses some of the HER-ids)."
    ]


async def test_a_tenant_without_a_feed_is_not_counted_for_nothing(here: Here) -> None:
    here.feeds = {}
    unknown = "an unknown number of notifications (by these settings the feed of the tenant a cannot be read)"
    assert await here.told(move(7, 3, 9)) == [f"This repeats none and skips {unknown}."]


async def test_items_without_an_offset_make_it_inexact(here: Here) -> None:
    here.api.rows.append(Row(6, 7, notification(6, 7, offset=...)))
    assert await here.told(move(7, 9, 3)) == [
        "This repeats at least 3 notifications and skips none (some have no offset, which would tell where they lie)."
    ]


async def test_an_offset_beyond_all_that_is_known_is_pointed_out(here: Here) -> None:
    assert await here.told(move(7, 9, 500)) == [
        "This repeats none and skips none.",
        "No notification with an offset as high as 500 is known: those that come with lower ones will be skipped, too.",
    ]
    assert len(await here.told(move(7, 9, 500), highest_known=500)) == 1
