"""Which stories are at hand."""

from bridge.sandbox.altinn.shelf import Shelf
from bridge.sandbox.altinn.statuses import Channel
from bridge.sandbox.altinn.stories import Notification, Story
from bridge.sandbox.altinn.timeline import Step

NOTIFICATION = Notification(Channel.EMAIL, b"0" * 16, 0, [Step("New", 0, 0)])


def story(notifications: int = 0) -> Story:
    return Story("id", None, 0, [Step("Registered", 0, 0)], [NOTIFICATION] * notifications, None)


def test_stories_asked_for_lately_are_kept_as_long_as_there_is_room() -> None:
    shelf = Shelf()
    shelf.put(1, story(14_000))
    shelf.put(2, story(14_000))
    assert shelf.get(1) is not None
    shelf.put(3, story(14_000))
    assert [number for number in (1, 2, 3) if shelf.get(number)] == [1, 3]


def test_one_that_is_larger_than_the_room_is_kept_alone() -> None:
    shelf = Shelf()
    shelf.put(1, story())
    shelf.put(2, story(50_000))
    assert [number for number in (1, 2) if shelf.get(number)] == [2]


def test_one_that_was_changed_is_kept_for_good() -> None:
    shelf, changed = Shelf(), story(10)
    shelf.put(1, changed)
    shelf.pin(1, changed)
    for number in range(2, 10):
        shelf.put(number, story(29_000))
    assert shelf.get(1) is changed
    shelf.forget(1)
    assert shelf.get(1) is None
