"""Every way in which acks, nacks, returns, closings and failing commits can interleave, for small sizes.

What must hold on each: nothing is committed that is not in a queue (G1), the order of a queue has no gap (G2), and
everything gets through in the end.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.checkpoints import Advance, NhnCheckpoint
from bridge.delivery import Delivery, Gate, always_open
from bridge.errors import StoreUnavailable
from bridge.events.message import Message
from bridge.pipeline import Pipeline
from bridge.ports import Batch, Broker, Store
from bridge.retry import Backoff
from tests.support.choices import Choices, RandomChoices, every_way
from tests.support.clock import FakeClock
from tests.support.model_broker import Fate, ModelBroker
from tests.support.observers import Recorder

CUTS = (Fate.ROUTED, Fate.ROUTED_LATE, Fate.CUT_BEFORE, Fate.CUT_AFTER)


def message(name: str) -> Message:
    return Message(
        id=name,
        source="nhn",
        event="new-message",
        type="no.nhn.notification.new-message.v1",
        exchange="nhn.notifications",
        routing_key="new-message.1",
        body=b"{}",
    )


def pages(count: int, size: int, first: int = 0) -> list[Batch[NhnCheckpoint]]:
    """Batches of messages m0, m1, …; the checkpoint of each says how many messages are done with."""
    return [
        Batch(
            messages=tuple(message(f"m{page * size + place}") for place in range(size)),
            checkpoint=Advance(stream="s", previous=page * size, cursor=(page + 1) * size),
            cursor=(page + 1) * size,
        )
        for page in range(first, count)
    ]


class ListSource:
    """Batches of a list; then waits for ever."""

    def __init__(self, batches: Sequence[Batch[NhnCheckpoint]]) -> None:
        self._batches = list(batches)

    async def next(self) -> Batch[NhnCheckpoint]:
        if not self._batches:
            await asyncio.Event().wait()
        return self._batches.pop(0)

    async def committed(self, batch: Batch[NhnCheckpoint]) -> None:
        pass

    async def close(self) -> None:
        pass


class WitnessStore:
    """Checks at the moment of each commit that what it covers is in the queue or parked."""

    def __init__(self, broker: ModelBroker, last: int) -> None:
        self._broker = broker
        self._last = last
        self.cursor = 0
        self.done = asyncio.Event()

    async def commit(self, checkpoint: NhnCheckpoint) -> None:
        assert isinstance(checkpoint, Advance)
        assert checkpoint.previous == self.cursor, "batches are committed in their order"
        arrived = {*self._broker.queue, *self._broker.parked}
        assert arrived >= {f"m{number}" for number in range(checkpoint.cursor)}, "committed before it was routed"
        if not self._broker.choices.pick([True, False]):
            raise StoreUnavailable("the store is away")
        self.cursor = checkpoint.cursor
        if self.cursor == self._last:
            self.done.set()


async def carry(
    broker: ModelBroker, batches: Sequence[Batch[NhnCheckpoint]], store: WitnessStore, gate: Gate = always_open
) -> None:
    """Run a pipeline until everything is committed, then drain it."""
    clock, stop = FakeClock(), asyncio.Event()
    backoff = Backoff(dice=random.Random(1))  # the same way twice has to go the same way
    delivery = Delivery(
        cast("Broker", broker),
        clock=clock,
        observer=Recorder(),
        unroutable="park",
        parked_exchange="bridge.parked",
        parked_limit=1000,
        backoff=backoff,
        gate=gate,
    )
    pipeline = Pipeline(
        ListSource(batches), delivery, cast("Store", store), clock=clock, observer=Recorder(), backoff=backoff
    )
    running = asyncio.create_task(pipeline.run(stop))
    try:
        done = asyncio.create_task(store.done.wait())
        await asyncio.wait({running, done}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        done.cancel()
        assert store.done.is_set() or running.done(), "the pipeline stands still"
        stop.set()
        await running
    finally:
        running.cancel()


def _check(broker: ModelBroker, total: int) -> None:
    expected = [f"m{number}" for number in range(total)]
    assert {*broker.queue, *broker.parked} == set(expected), "everything got through, nothing was invented"


def _check_order(queue: Sequence[str], total: int) -> None:
    """No gap: whatever stands in the queue, all before it stand before it; and the last word on each is in order."""
    numbers = [int(name[1:]) for name in queue]
    seen = -1
    for number in numbers:
        assert number <= seen + 1, f"gap before {number} in {queue}"
        seen = max(seen, number)
    last = {number: place for place, number in enumerate(numbers)}
    assert [last[number] for number in range(total)] == sorted(last.values())


async def test_nothing_is_committed_before_it_is_routed_or_parked_however_outcomes_interleave() -> None:
    ways = 0
    for choices in every_way(budget=3):
        broker = ModelBroker(choices)
        store = WitnessStore(broker, last=4)
        await carry(broker, pages(2, 2), store)
        _check(broker, 4)
        ways += 1
    assert ways > 1000


async def test_a_queue_has_no_gap_however_often_the_connection_is_lost() -> None:
    ways = 0
    for choices in every_way(budget=3):
        broker = ModelBroker(choices, CUTS)
        store = WitnessStore(broker, last=6)
        await carry(broker, pages(3, 2), store)
        _check(broker, 6)
        _check_order(broker.queue, 6)
        ways += 1
    assert ways > 1000


async def test_nothing_is_written_while_the_gate_is_closed_whenever_it_opens_and_closes() -> None:
    """And what waited at it keeps its order, and gets through."""
    ways = 0
    for choices in every_way(budget=2):
        broker, gate = ModelBroker(choices, CUTS), SwingingGate(choices)
        broker.on_publish = gate.assert_open
        store = WitnessStore(broker, last=3)
        swinging = asyncio.create_task(gate.swing())
        await carry(broker, pages(3, 1), store, gate)
        await swinging
        _check(broker, 3)
        _check_order(broker.queue, 3)
        ways += 1
    assert ways > 1000


class SwingingGate:
    """Opens and closes at turns of the event loop that are choices."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._is_open = True

    def __call__(self, exchanges: Iterable[str]) -> str | None:
        assert set(exchanges) == {"nhn.notifications"}
        return None if self._is_open else "a queue is missing"

    async def swing(self) -> None:
        for _ in range(40):
            await asyncio.sleep(0)
            self._is_open = self._choices.pick([self._is_open, not self._is_open])
        self._is_open = True

    def assert_open(self) -> None:
        assert self._is_open, "written while the gate was closed"


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 5), size=st.integers(1, 4))
def test_long_runs_of_troubles_lose_nothing(seed: int, count: int, size: int) -> None:
    choices = RandomChoices(random.Random(seed), budget=30)

    async def run() -> None:
        broker = ModelBroker(choices)
        await carry(broker, pages(count, size), WitnessStore(broker, last=count * size))
        _check(broker, count * size)

    asyncio.run(run())


@pytest.mark.parametrize("crash_at", range(12))
async def test_a_crash_at_any_choice_repeats_but_never_skips(crash_at: int) -> None:
    """The process dies; the next one starts from the store, on the same broker."""
    for choices in every_way(budget=2):
        broker = ModelBroker(choices, CUTS)
        store = WitnessStore(broker, last=6)
        died = await _crash_after(broker, store, crash_at)
        await carry(broker, pages(3, 2, first=store.cursor // 2), store) if died else None
        _check(broker, 6)
        _check_order(broker.queue, 6)


async def _crash_after(broker: ModelBroker, store: WitnessStore, choices: int) -> bool:
    """Carry, but drop everything after so many choices. True if it did not get to its end before."""
    running = asyncio.create_task(carry(broker, pages(3, 2), store))
    for _ in range(10_000):
        if running.done() or len(broker.choices.taken) >= choices:
            break
        await asyncio.sleep(0)
    if running.done():
        await running
    running.cancel()
    await asyncio.wait({running})
    return store.cursor < 6
