"""A block of messages written at once on aiormq's channel, and what the broker answers for each of them.

The one place that uses what aiormq does not document: of the channel `delivery_tag`, `confirmations`,
`message_id_delivery_tag` and `write_queue`, of the connection `channels`. aiormq keeps a future for each message in
`confirmations`, which acks, nacks and returns settle; here the block stands at each of its tags as one object. The
contract tests of `ports.Session` fail where aiormq no longer does what is said here.
"""

from collections.abc import Callable, Sequence
from typing import cast

import aiormq
from aiormq.abc import ChannelFrame, ConfirmationFrameType
from aiormq.channel import ConfirmationType

from bridge.ports import Outcome

Settle = Callable[[Sequence[int], Outcome], Sequence[str]]
"""Is told what came for which of the indexes; returns the ids of those that nothing had come for yet."""


async def write_block(
    channel: aiormq.Channel, frames: bytes, indexes: Sequence[int], ids: Sequence[str], settle: Settle
) -> None:
    """Write the frames of the messages at `indexes`, whose `ids` all differ, also from those in flight on the channel.

    Waits only while aiormq's queue is full; cancelled then, nothing is written, and the channel has to be closed, as it
    counted the messages. On a channel that the broker has closed nothing is written and nothing will be heard: one more
    frame there would make the broker close the whole connection.
    """
    if channel.connection.channels.get(channel.number) is not channel:
        return
    tags = range(channel.delivery_tag + 1, channel.delivery_tag + 1 + len(indexes))
    block = _Block(tags.start, indexes, channel.message_id_delivery_tag, settle)
    channel.delivery_tag = tags.stop - 1
    channel.message_id_delivery_tag.update(zip(ids, tags, strict=True))
    channel.confirmations.update(dict.fromkeys(tags, cast("ConfirmationType", block)))
    await channel.write_queue.put(ChannelFrame(payload=frames, should_close=False))


class _Block:
    """What aiormq takes for the future of each of its messages."""

    def __init__(self, first_tag: int, indexes: Sequence[int], tags: dict[str, int], settle: Settle) -> None:
        """`tags`: aiormq's, of every message in flight on the channel by its id."""
        self._first_tag = first_tag
        self._indexes = indexes
        self._tags = tags
        self._settle = settle
        self._covered = 0
        """How many of the first messages an answer to several has covered. aiormq tells of it for each of them."""

    def done(self) -> bool:
        """Asked before each answer; it may still come."""
        return False

    def set_result(self, frame: ConfirmationFrameType) -> None:
        """An ack came."""
        self._answer(frame, Outcome.ROUTED)

    def set_exception(self, error: aiormq.DeliveryError) -> None:
        """A message was returned, or a nack came."""
        if isinstance(error, aiormq.PublishError) and error.message is not None:
            tag = self._tags[str(error.message.header.properties.message_id)]
            self._take(slice(tag - self._first_tag, tag - self._first_tag + 1), Outcome.RETURNED)
        else:
            self._answer(cast("ConfirmationFrameType", error.frame), Outcome.REFUSED)

    def _answer(self, frame: ConfirmationFrameType, outcome: Outcome) -> None:
        end = (frame.delivery_tag or 0) - self._first_tag + 1
        is_of_several = getattr(frame, "multiple", False)
        start = self._covered if is_of_several else end - 1
        if is_of_several:
            self._covered = max(self._covered, end)
        if start < end:
            self._take(slice(start, end), outcome)

    def _take(self, places: slice, outcome: Outcome) -> None:
        for message_id in self._settle(self._indexes[places], outcome):
            del self._tags[message_id]
