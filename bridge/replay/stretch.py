"""What is replayed: whose notifications, from where to where, and which of what the feed shows belong to it. Pure."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from bridge.errors import ConfigurationError
from bridge.events.message import Message
from bridge.events.parked import is_poison
from bridge.nhn.decode import Item
from bridge.nhn.messages import MessageMaker
from bridge.store import ReceiverOffset

Placed = tuple[int, Message]
"""A message and the offset of its notification."""
Wants = Callable[[Message], bool]
"""Whether whoever it is for is to get an event."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A range of one tenant's feed."""

    tenant: str
    after: int
    ends: Mapping[int, int]
    """HER-id → the last offset that is replayed: never beyond its live cursor, what comes then is its stream's work."""

    @property
    def up_to(self) -> int:
        return max(self.ends.values())


class LeftOut(msgspec.Struct):
    """What of a stretch is not published."""

    not_understood: int = 0
    """Items that were parked when they came, because they are malformed or no broker can take them."""
    without_offset: int = 0
    """Items that lie nowhere in the feed."""
    not_wanted: int = 0
    """Events that the queue they are for is not bound for."""


def stretch_of(tenant: str, selected: Iterable[ReceiverOffset], *, after: int, up_to: int | None) -> Stretch | None:
    """The range (after, up_to] of those of the receivers that are of this tenant; None where nothing is in it.

    `up_to` None: as far as each has come.
    """
    ends = {
        each.her_id: each.offset if up_to is None else min(up_to, each.offset)
        for each in selected
        if each.tenant == tenant
    }
    ends = {her_id: end for her_id, end in ends.items() if end > after}
    return Stretch(tenant=tenant, after=after, ends=ends) if ends else None


def require_range(after: object, up_to: object) -> None:
    """Raise ConfigurationError where an end that is known lies before the start."""
    if isinstance(after, int) and isinstance(up_to, int) and up_to <= after:
        raise ConfigurationError(
            f"Nothing lies after offset {after} and up to {up_to}: --to has to be more than --from."
        )


def wants_all(_: Message) -> bool:
    """Of who gets everything."""
    return True


def messages_of(
    items: Iterable[Item], stretch: Stretch, maker: MessageMaker, left_out: LeftOut, wants: Wants = wants_all
) -> list[Placed]:
    """(offset, message) of what of a page is to be published, in its order."""
    found = []
    for item in items:
        end = stretch.ends.get(item.receiver or 0)
        if end is None or (item.offset or 0) > end:
            continue
        if item.offset is None:
            left_out.without_offset += 1
            continue
        messages = maker.messages([item])
        if item.notification is None or any(map(is_poison, messages)):
            left_out.not_understood += 1
            continue
        wanted = [message for message in messages if wants(message)]
        left_out.not_wanted += len(messages) - len(wanted)
        found += [(item.offset, message) for message in wanted]
    return found
