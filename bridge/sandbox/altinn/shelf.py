"""Stories that are at hand: those asked for lately, and those that somebody changed. Pure."""

from collections import OrderedDict

from bridge.sandbox.altinn.stories import Story

_MOST_NOTIFICATIONS = 30_000
"""About 30 MB."""
_WEIGHT = 3
"""What a story weighs without its notifications, in notifications."""


class Shelf:
    """Stories by the number of their order; what was not asked for lately is told again by its teller."""

    def __init__(self) -> None:
        self._lately: OrderedDict[int, Story] = OrderedDict()
        self._weight = 0
        self._changed: dict[int, Story] = {}

    def get(self, number: int) -> Story | None:
        """The story, if it is at hand."""
        if number in self._lately:
            self._lately.move_to_end(number)
        return self._changed.get(number) or self._lately.get(number)

    def put(self, number: int, story: Story) -> None:
        """Keep a story as long as there is room: the one put last always has it."""
        self._lately[number] = story
        self._weight += len(story.notifications) + _WEIGHT
        while self._weight > _MOST_NOTIFICATIONS and len(self._lately) > 1:
            self._drop(next(iter(self._lately)))

    def pin(self, number: int, story: Story) -> None:
        """Keep a story that cannot be told again, because it was changed."""
        if number in self._lately:
            self._drop(number)
        self._changed[number] = story

    def forget(self, number: int) -> None:
        """The order is there no more."""
        if number in self._lately:
            self._drop(number)
        self._changed.pop(number, None)

    def _drop(self, number: int) -> None:
        self._weight -= len(self._lately.pop(number).notifications) + _WEIGHT
