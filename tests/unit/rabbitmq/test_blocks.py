"""What aiormq's own channel makes of a block, whatever the broker answers: each way in which few answers can come."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import aiormq
import pytest
from aiormq import spec
from aiormq.abc import FrameType
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from bridge.ports import Outcome
from bridge.rabbitmq.blocks import Blocks

ROUTED, RETURNED, REFUSED = Outcome.ROUTED, Outcome.RETURNED, Outcome.REFUSED
BLOCKS = ([0, 1], [0, 2, 3])
"""Indexes of two pages' messages; one of the second is not written."""
IDS = ["0-0", "0-1", "1-0", "1-2", "1-3"]
"""By their tags, from 1 on."""


@dataclass(frozen=True)
class Answer:
    """One frame of the broker: what it says of one message, or of it and all before it that it has not answered."""

    outcome: Outcome
    tag: int
    is_of_several: bool = False


class Rig:
    """A channel of aiormq without a socket, and what was settled of two pages that were written to it."""

    def __init__(self) -> None:
        connection = aiormq.Connection("amqp://nobody@nowhere/")
        connection.connection_tune = spec.Connection.Tune(frame_max=131_072)
        connection.server_properties = {"capabilities": {"publisher_confirms": True}}
        self.channel = connection.channels[1] = aiormq.Channel(connection, 1)
        self.blocks = Blocks(self.channel)
        self.settled: dict[str, Outcome] = {}

    async def write(self) -> None:
        """Tags 1 and 2, and 3 to 5."""
        for number, indexes in enumerate(BLOCKS):
            ids = {index: f"{number}-{index}" for index in indexes}
            await self.blocks.write(b"frames", indexes, list(ids.values()), partial(self._settle, ids))

    def _settle(self, ids: dict[int, str], indexes: Sequence[int], outcome: Outcome) -> list[str]:
        news = [ids[index] for index in indexes if ids[index] not in self.settled]
        self.settled.update(dict.fromkeys(news, outcome))
        return news

    async def answer(self, *answers: Answer) -> None:
        """Let aiormq's channel read these frames, as its connection hands them over."""
        for frame in (frame for answer in answers for frame in frames_of(answer)):
            await self.channel.frames.put((0, frame))
        for _ in range(10):
            await asyncio.sleep(0)


def frames_of(answer: Answer) -> Iterator[FrameType]:
    match answer.outcome:
        case Outcome.RETURNED:
            yield spec.Basic.Return(312, "NO_ROUTE", "exchange", "key")
            yield ContentHeader(body_size=2, properties=spec.Basic.Properties(message_id=IDS[answer.tag - 1]))
            yield ContentBody(b"{}")
            if not answer.is_of_several:  # else its ack comes with those of others
                yield spec.Basic.Ack(answer.tag)
        case Outcome.REFUSED:
            yield spec.Basic.Nack(answer.tag, multiple=answer.is_of_several)
        case _:
            yield spec.Basic.Ack(answer.tag, multiple=answer.is_of_several)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.write()
    yield rig
    await rig.channel.close()


def every_way(open_tags: Sequence[int]) -> Iterator[list[Answer]]:
    """Every sequence of answers that settles these tags: the broker answers each once."""
    if not open_tags:
        yield []
        return
    for tag in open_tags:
        for outcome, is_of_several in product((ROUTED, RETURNED, REFUSED), (False, True)):
            if outcome is RETURNED and is_of_several:
                continue
            rest = [each for each in open_tags if each != tag and not (is_of_several and each < tag)]
            yield from ([Answer(outcome, tag, is_of_several), *others] for others in every_way(rest))


def expected(answers: Sequence[Answer]) -> dict[str, Outcome]:
    """The first word on each message counts."""
    settled: dict[str, Outcome] = {}
    for answer in answers:
        for tag in range(1 if answer.is_of_several else answer.tag, answer.tag + 1):
            settled.setdefault(IDS[tag - 1], answer.outcome)
    return settled


async def test_each_message_gets_the_first_answer_that_is_for_it_in_whichever_way_they_come() -> None:
    for answers in every_way(range(1, 4)):
        rig = Rig()
        await rig.write()

        await rig.answer(*answers)

        assert rig.settled == expected(answers), answers
        await rig.channel.close()


async def test_answers_to_several_reach_over_blocks_and_end_within_one(rig: Rig) -> None:
    await rig.answer(Answer(ROUTED, 1), Answer(REFUSED, 4, is_of_several=True))

    assert rig.settled == {"0-0": ROUTED, "0-1": REFUSED, "1-0": REFUSED, "1-2": REFUSED}


async def test_a_returned_message_stays_returned_when_its_ack_comes_with_those_of_others(rig: Rig) -> None:
    await rig.answer(Answer(RETURNED, 2, is_of_several=True), Answer(ROUTED, 5, is_of_several=True))

    assert rig.settled == {"0-0": ROUTED, "0-1": RETURNED, "1-0": ROUTED, "1-2": ROUTED, "1-3": ROUTED}


async def test_nothing_is_kept_of_what_is_settled(rig: Rig) -> None:
    await rig.answer(Answer(RETURNED, 2), Answer(REFUSED, 3), Answer(ROUTED, 5, is_of_several=True))

    assert list(rig.channel.confirmations.keys()) == []
    assert rig.channel.message_id_delivery_tag == {}


async def test_ids_can_be_written_again_once_they_are_settled(rig: Rig) -> None:
    await rig.answer(Answer(ROUTED, 5, is_of_several=True))
    rig.settled.clear()

    await rig.write()
    await rig.answer(Answer(ROUTED, 9), Answer(REFUSED, 10))

    assert rig.settled == {"1-2": ROUTED, "1-3": REFUSED}


async def test_a_block_is_one_write(rig: Rig) -> None:
    assert [rig.channel.write_queue.get_nowait().payload for _ in BLOCKS] == [b"frames", b"frames"]
    assert rig.channel.write_queue.empty()
    assert rig.channel.delivery_tag == 5
