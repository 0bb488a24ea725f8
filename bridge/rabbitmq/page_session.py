"""A session that writes a page as one block of frames and waits for one thing: what the broker answers to it."""

from functools import cached_property, partial

from bridge.ports import Outcome
from bridge.rabbitmq.blocks import Blocks
from bridge.rabbitmq.frames import encode_message
from bridge.rabbitmq.properties import seconds_of
from bridge.rabbitmq.session import ENCODING_ERRORS, ChannelSession, Page


class PageSession(ChannelSession):
    """Costs little more than the bytes of its frames, and needs of aiormq what `blocks` says."""

    @cached_property
    def _blocks(self) -> Blocks:
        return Blocks(self._channel)

    async def _start(self, page: Page, indexes: range) -> None:
        frames, poison = self._encode(page, indexes)
        if poison:
            self._settle(page, poison, Outcome.POISON)
        sound = [index for index in indexes if index not in poison] if poison else indexes
        if sound:
            ids = [page.ids[index] for index in sound]
            # Nobody waits until the socket has taken the block: while the broker blocks, aiormq's heartbeats would wait
            # behind it. What may pile up in the socket's buffer is bounded by the budget.
            await self._blocks.write(frames, sound, ids, partial(self._settle, page))

    def _encode(self, page: Page, indexes: range) -> tuple[bytes, set[int]]:
        """The frames of these messages, and which of them AMQP cannot carry."""
        channel, limit = self._channel.number, self._channel.max_content_size
        frames: list[bytes] = []
        poison: set[int] = set()
        for index in indexes:
            message = page.messages[index]
            timestamp = seconds_of(message)
            try:
                frames += encode_message(message, timestamp, channel=channel, max_payload_bytes=limit)
            except ENCODING_ERRORS:
                poison.add(index)
        return b"".join(frames), poison
