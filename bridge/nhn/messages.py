"""From checked items to messages: events, or parked items where one cannot be understood."""

from collections.abc import Collection, Sequence

from bridge.events.message import Message
from bridge.events.nhn import event_name, message_of
from bridge.events.parked import park_item
from bridge.nhn.decode import OVERSIZED, Item
from bridge.ports import Clock


class MessageMaker:
    """Makes the messages of one bridge: its exchanges, and the event names it does not want."""

    def __init__(
        self,
        *,
        exchange: str,
        parked_exchange: str,
        ignore: Collection[str],
        clock: Clock,
        replay: str | None = None,
    ) -> None:
        """`ignore`: event names of product.md §4 that are not published at all (`NHN__IGNORE`). `replay`: the id of the
        replay that all of them are part of.
        """
        self._exchange = exchange
        self._parked_exchange = parked_exchange
        self._ignore = frozenset(ignore)
        self._clock = clock
        self._replay = replay

    def messages(self, items: Sequence[Item]) -> tuple[Message, ...]:
        """One message an item, in their order; none for what is not wanted."""
        return tuple(message for item in items if (message := self._message(item)) is not None)

    def _message(self, item: Item) -> Message | None:
        if item.notification is None:
            return park_item(
                bytes(item.raw),
                source="nhn",
                exchange=self._parked_exchange,
                reason="oversized" if item.problem == OVERSIZED else "invalid",
                detail=item.problem or "",
                at=self._clock.now(),
            )
        if self._ignore and event_name(item.notification.type) in self._ignore:
            return None
        return message_of(
            item.notification,
            event_id=item.key,
            moment=item.created_at,
            exchange=self._exchange,
            replay=self._replay,
        )
