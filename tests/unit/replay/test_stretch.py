"""What belongs to a replay: never what a live stream still has before it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bridge.errors import ConfigurationError
from bridge.nhn.messages import MessageMaker
from bridge.replay.command import wants_of
from bridge.replay.stretch import LeftOut, Stretch, messages_of, require_range, stretch_of
from bridge.settings import Settings
from bridge.store import ReceiverOffset
from tests.support.clock import FakeClock
from tests.support.nhn import items, maker, notification, number_of


def standing(her_id: int, offset: int, tenant: str = "a") -> ReceiverOffset:
    return ReceiverOffset(
        tenant=tenant,
        her_id=her_id,
        stream="nhn/a/1",
        state="sharing",
        offset=offset,
        updated_at=datetime(2026, 4, 14, tzinfo=UTC),
    )


def test_without_an_end_each_goes_as_far_as_it_has_come() -> None:
    found = stretch_of("a", [standing(7, 40), standing(8, 60), standing(9, 5, "b")], after=10, up_to=None)
    assert found == Stretch(tenant="a", after=10, ends={7: 40, 8: 60})
    assert found.up_to == 60


def test_no_end_goes_beyond_where_a_receiver_has_come() -> None:
    found = stretch_of("a", [standing(7, 40), standing(8, 60)], after=10, up_to=50)
    assert found == Stretch(tenant="a", after=10, ends={7: 40, 8: 50})


def test_who_has_not_come_to_the_start_has_no_part_in_it() -> None:
    assert stretch_of("a", [standing(7, 10), standing(8, 60)], after=10, up_to=50) == Stretch(
        tenant="a", after=10, ends={8: 50}
    )
    assert stretch_of("a", [standing(7, 10)], after=10, up_to=None) is None


def test_an_end_before_the_start_is_a_mistake() -> None:
    require_range(3, 4)
    require_range(3, None)
    with pytest.raises(ConfigurationError, match="after offset 3 and up to 3"):
        require_range(3, 3)


def published(make: MessageMaker, left_out: LeftOut) -> list[tuple[int, int]]:
    page = items(
        notification(11, 7),
        notification(12, 9),
        notification(13, 8, type=17),
        notification(14, 8, description="x" * 2_000_000),
        notification(15, 8, offset=...),
        notification(16, 8, type="MessageApprecInfoUpdated"),
        notification(41, 7),
        notification(42, 8),
    )
    stretch = Stretch(tenant="a", after=10, ends={7: 40, 8: 50})
    return [(offset, number_of(message)) for offset, message in messages_of(page, stretch, make, left_out)]


def test_of_a_page_it_is_what_became_an_event_of_each_receiver_up_to_its_end() -> None:
    left_out = LeftOut()
    assert published(maker(FakeClock()), left_out) == [(11, 11), (16, 16), (42, 42)]
    assert left_out == LeftOut(not_understood=2, without_offset=1)


def test_of_what_its_queue_is_not_bound_for_nothing_is_published_and_it_is_counted() -> None:
    page, left_out = items(notification(11, 7), notification(12, 7, type="MessageApprecInfoUpdated")), LeftOut()
    wants = wants_of("journal", subscribed({"queue": "journal", "bindings": ["apprec.*", "#.9"]}))
    stretch = Stretch(tenant="a", after=10, ends={7: 40})
    placed = messages_of(page, stretch, maker(FakeClock()), left_out, wants)
    assert [offset for offset, _ in placed] == [12]
    assert left_out == LeftOut(not_wanted=1)


def test_a_queue_whose_bindings_are_not_told_gets_everything() -> None:
    (message,) = maker(FakeClock()).messages(items(notification(11, 7)))
    other = {"queue": "other", "bindings": ["apprec.*"]}
    for settings in (subscribed(), subscribed(other), subscribed({"queue": "q"})):
        assert wants_of("q", settings)(message)


def test_a_queue_of_the_other_source_is_refused() -> None:
    mails = {"queue": "mails", "exchange": "altinn.notifications", "bindings": ["#"]}
    with pytest.raises(ConfigurationError, match=r"the queue mails gets nothing of nhn\.notifications"):
        wants_of("mails", subscribed(mails))


def subscribed(*lines: Mapping[str, object]) -> Settings:
    return Settings.model_validate(
        {"broker": {"subscriptions": lines}, "nhn": {"her_ids": "7", "source_system": "tests, v1"}}
    )


def test_what_is_not_wanted_at_all_is_not_published() -> None:
    assert published(maker(FakeClock(), ignore=("apprec",)), LeftOut()) == [(11, 11), (42, 42)]
