"""Blocks of messages, each written at once on aiormq's channel, and what the broker answers for each of them.

The one place that uses what aiormq does not document: of the channel `delivery_tag`, `confirmations`,
`message_id_delivery_tag` and `write_queue`, of the connection `channels`. aiormq keeps a future for each message in
`confirmations` and looks at all of them for each ack of several; here it finds one object for each block. The tests of
blocks, which run aiormq's own channel, and the contract tests of sessions fail where it no longer does what is said
here.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import cast

import aiormq
from aiormq.abc import ChannelFrame, ConfirmationFrameType
from aiormq.channel import ConfirmationType, Returning

from bridge.ports import Outcome

Settle = Callable[[Sequence[int], Outcome], Sequence[str]]
"""Is told what came for which of the indexes; returns the ids of those that nothing had come for yet."""


class Blocks:
    """The blocks in flight on a channel that nobody else publishes on."""

    def __init__(self, channel: aiormq.Channel) -> None:
        self._channel = channel
        self._confirmations = _Confirmations()
        channel.confirmations = cast("dict[int, ConfirmationType]", self._confirmations)

    async def write(self, frames: bytes, indexes: Sequence[int], ids: Sequence[str], settle: Settle) -> None:
        """Write the frames of the messages at `indexes`, whose `ids` all differ, also from those in flight.

        Waits only while aiormq's queue is full; cancelled then, nothing is written, and the channel has to be closed,
        as it counted the messages. On a channel that the broker has closed nothing is written and nothing will be
        heard: one more frame there would make the broker close the whole connection.
        """
        channel = self._channel
        if channel.connection.channels.get(channel.number) is not channel:
            return
        tags = range(channel.delivery_tag + 1, channel.delivery_tag + 1 + len(indexes))
        channel.delivery_tag = tags.stop - 1
        channel.message_id_delivery_tag.update(zip(ids, tags, strict=True))
        self._confirmations.add(_Block(tags, indexes, channel.message_id_delivery_tag, settle))
        await channel.write_queue.put(ChannelFrame(payload=frames, should_close=False))


class _Block:
    """What aiormq takes for the future of each of its messages."""

    def __init__(self, tags: range, indexes: Sequence[int], tag_of: dict[str, int], settle: Settle) -> None:
        """`tag_of`: aiormq's, of every message in flight on the channel by its id."""
        self.tags = tags
        self.open_count = len(tags)
        self._indexes = indexes
        self._tag_of = tag_of
        self._settle = settle
        self._covered = 0
        """How many of the first messages answers to several have covered."""

    def done(self) -> bool:
        """Asked before each answer; it may still come."""
        return False

    def set_result(self, frame: ConfirmationFrameType) -> None:
        """An ack came."""
        self._answer(frame, Outcome.ROUTED)

    def set_exception(self, error: aiormq.DeliveryError) -> None:
        """A message was returned, or a nack came."""
        if isinstance(error, aiormq.PublishError) and error.message is not None:
            place = self._tag_of[str(error.message.header.properties.message_id)] - self.tags.start
            self._take(slice(place, place + 1), Outcome.RETURNED)
        else:
            self._answer(cast("ConfirmationFrameType", error.frame), Outcome.REFUSED)

    def _answer(self, frame: ConfirmationFrameType, outcome: Outcome) -> None:
        end = (frame.delivery_tag or 0) - self.tags.start + 1
        start = end - 1
        if getattr(frame, "multiple", False):
            start, self._covered = self._covered, max(self._covered, end)
        self._take(slice(start, end), outcome)

    def _take(self, places: slice, outcome: Outcome) -> None:
        ids = self._settle(self._indexes[places], outcome)
        self.open_count -= len(ids)
        for message_id in ids:
            del self._tag_of[message_id]


class _Confirmations:
    """What aiormq takes for its dictionary of futures by tag."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        """Those with messages that nothing came for yet, and maybe more, in the order of their tags."""
        self._answered = Returning()

    def add(self, block: _Block) -> None:
        """One whose tags are behind all others."""
        self._blocks = [each for each in self._blocks if each.open_count]
        self._blocks.append(block)

    def __contains__(self, tag: int) -> bool:
        """The broker answers for nothing but what was written; it may name a message that was returned already."""
        return True

    def keys(self) -> list[int]:
        """Asked when an answer to several came: each block of which one is meant is told of it once."""
        return [block.tags.start for block in self._blocks if block.open_count]

    def pop(self, tag: int, _default: object = None) -> _Block | Returning:
        """The block of the message, which stays; once nothing of it is open, what aiormq lets pass."""
        block = self._blocks[bisect_right(self._blocks, tag, key=lambda each: each.tags.start) - 1]
        return block if tag in block.tags and block.open_count else self._answered

    def __setitem__(self, tag: int, returning: Returning) -> None:
        """A message was returned; its block is about to be told."""
