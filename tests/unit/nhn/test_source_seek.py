"""Receivers that an operator moved to other offsets: what comes then, and that nobody else is disturbed (G4)."""

from bridge.nhn.source import PollSettings
from tests.support.fake_store import FakeStore
from tests.support.nhn import UNCONFIGURED, Row, Stream, notification, numbers

PAST_THE_WINDOW_S = 300.0


async def stream(**cursors: int) -> Stream:
    """A stream whose receivers 7 and 8 have had 1 to 9, in turn, within the window."""
    here = Stream(FakeStore(), settings=PollSettings(poll_interval_s=10.0, overlap_s=60.0))
    await here.enrol(**(cursors or {"h7": 0, "h8": 0}))
    here.api.publish(1, 3, 5, 7, 9, her_id=7)
    here.api.publish(2, 4, 6, 8, her_id=8)
    await here.run(await here.source(), seconds=30.0)
    return here


async def after_seek(here: Stream, **to: int) -> list[int]:
    """The numbers that come when receivers are moved, until long after the window has passed."""
    await here.store.seek({"default": {int(name[1:]): at for name, at in to.items()}})
    return numbers(await here.run(await here.source(), seconds=PAST_THE_WINDOW_S))


async def joined(here: Stream) -> bool:
    return set((await here.state()).receivers.values()) == {None}


async def test_who_is_set_back_gets_all_after_there_again_and_nobody_else_does() -> None:
    here = await stream()
    assert await after_seek(here, h8=3) == [4, 6, 8]
    assert await joined(here)


async def test_who_is_set_back_to_the_start_gets_all_again() -> None:
    here = await stream()
    assert await after_seek(here, h8=0) == [2, 4, 6, 8]
    assert await joined(here)


async def test_all_of_a_stream_set_back_get_all_after_there_again_each_once() -> None:
    here = await stream()
    assert await after_seek(here, h7=4, h8=4) == [5, 6, 7, 8, 9]
    assert (await here.state()).cursor == 9


async def test_what_is_skipped_does_not_come_as_a_late_row_when_the_window_is_read() -> None:
    here = await stream()
    here.api.publish(11, 13, her_id=7)
    here.api.publish(10, 12, 14, her_id=8)
    assert sorted(await after_seek(here, h8=12)) == [11, 13, 14]
    assert await joined(here)


async def test_a_straggler_set_to_the_others_cursor_skips_what_lay_between() -> None:
    here = await stream(h7=0)
    await here.enrol(h8=0)
    assert await after_seek(here, h8=9) == []
    assert await joined(here)


async def test_all_set_beyond_what_there_is_get_what_comes_after_that_alone() -> None:
    here = await stream()
    await here.store.seek({"default": {7: 20, 8: 20}})
    source = await here.source()
    here.api.publish(11, 20, her_id=7)
    assert numbers(await here.run(source, seconds=100.0)) == []
    here.api.publish(21, her_id=8)
    assert numbers(await here.run(source, seconds=100.0)) == [21]


async def test_items_without_an_offset_come_again_for_who_is_set_back_alone() -> None:
    here = await stream()
    for number, her_id in ((10, 7), (11, 8)):
        here.api.rows.append(Row(number, her_id, notification(number, her_id, offset=...)))
    assert numbers(await here.run(await here.source(), seconds=30.0)) == [10, 11]
    assert await after_seek(here, h8=7) == [8, 11]


async def test_items_without_an_offset_that_lie_before_who_is_set_forward_do_not_come() -> None:
    here = await stream()
    here.api.rows.append(Row(10, 8, notification(10, 8, offset=...)))
    here.api.publish(11, 13, her_id=8)
    here.api.publish(12, her_id=7)
    assert sorted(await after_seek(here, h8=11)) == [12, 13]
    assert await joined(here)


async def test_a_row_of_the_others_that_is_late_is_still_found() -> None:
    here = await stream()
    here.api.rows.append(Row(10, 7, notification(10, 7), visible_at=here.clock.monotonic() + 15.0))
    here.api.publish(11, her_id=7)
    assert sorted(await after_seek(here, h8=0)) == [2, 4, 6, 8, 10, 11]


async def test_one_that_was_refused_while_all_others_went_back_gets_nothing_again() -> None:
    here = Stream(FakeStore(), settings=PollSettings(poll_interval_s=10.0, overlap_s=60.0, retry_refused_s=5.0))
    await here.enrol(h7=0, h8=0)
    here.api.publish(2, 9, her_id=7)
    here.api.publish(5, her_id=8)
    await here.run(await here.source())
    here.api.refused = {8: UNCONFIGURED}
    await here.run(await here.source())
    here.api.refused = {}
    assert sorted(await after_seek(here, h7=0)) == [2, 9]
