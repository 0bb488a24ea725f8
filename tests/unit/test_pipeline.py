"""The order of the flow, its bounds, and how it ends."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from bridge.checkpoints import Advance, NhnCheckpoint
from bridge.delivery import Delivery
from bridge.errors import InvariantViolation, SourceUnavailable, StoreUnavailable
from bridge.events.message import Message
from bridge.pipeline import Pipeline
from bridge.ports import Batch, Store
from tests.support.clock import FakeClock
from tests.support.observers import Recorder


def batch(number: int) -> Batch[NhnCheckpoint]:
    return Batch(messages=(), checkpoint=Advance(stream="s", previous=number, cursor=number + 1), cursor=number + 1)


class Station:
    """Source, delivery and store in one, which note what is asked of them, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.errors: list[Exception] = []
        self.fetched = 0
        self.limit = 3
        self.confirms = asyncio.Event()
        self.confirms.set()
        self.store_errors: list[Exception] = []
        self.commits = 0
        self.told: list[Batch[NhnCheckpoint]] = []

    async def next(self) -> Batch[NhnCheckpoint]:
        if self.errors:
            raise self.errors.pop(0)
        if self.fetched == self.limit:
            await asyncio.Event().wait()
        self.log.append(f"fetch {self.fetched}")
        self.fetched += 1
        return batch(self.fetched - 1)

    async def deliver(self, messages: Sequence[Message]) -> None:
        assert messages == ()
        self.log.append("publish")
        await self.confirms.wait()
        self.log.append("confirmed")

    async def commit(self, checkpoint: NhnCheckpoint) -> None:
        assert isinstance(checkpoint, Advance)
        if self.store_errors:
            raise self.store_errors.pop(0)
        self.log.append(f"commit {checkpoint.previous}")
        self.commits += 1

    async def committed(self, batch: Batch[NhnCheckpoint]) -> None:
        self.told.append(batch)

    async def close(self) -> None:
        pass


class Running:
    """A pipeline under way."""

    def __init__(self, station: Station, *, batches_in_flight: int = 2) -> None:
        self.stop = asyncio.Event()
        self.clock = FakeClock()
        self.observer = Recorder()
        pipeline = Pipeline(
            station,
            cast("Delivery", station),
            cast("Store", station),
            clock=self.clock,
            observer=self.observer,
            batches_in_flight=batches_in_flight,
        )
        self.task = asyncio.create_task(pipeline.run(self.stop))

    async def settle(self) -> None:
        """Let everything happen that can happen now."""
        for _ in range(100):
            await asyncio.sleep(0)


async def test_each_batch_is_fetched_then_published_then_confirmed_then_committed() -> None:
    station = Station()
    running = Running(station, batches_in_flight=1)
    await running.settle()
    running.stop.set()
    await running.task
    one = ["publish", "confirmed"]
    assert station.log == ["fetch 0", *one, "commit 0", "fetch 1", *one, "commit 1", "fetch 2", *one, "commit 2"]


async def test_the_source_is_told_of_each_batch_once_it_is_committed() -> None:
    station = Station()
    station.store_errors = [StoreUnavailable("locked")]
    running = Running(station)
    await running.settle()
    assert (station.commits, [told.cursor for told in station.told]) == (3, [1, 2, 3])
    running.stop.set()
    await running.task


async def test_no_more_batches_are_in_flight_than_allowed() -> None:
    station = Station()
    station.confirms.clear()
    running = Running(station, batches_in_flight=2)
    await running.settle()
    assert (station.fetched, station.log.count("publish"), station.commits) == (2, 2, 0)
    station.confirms.set()
    running.stop.set()
    await running.task


async def test_a_failed_poll_is_told_and_repeated_and_is_not_an_empty_one() -> None:
    station = Station()
    station.errors = [SourceUnavailable("down"), SourceUnavailable("down", retry_after_s=7.0)]
    running = Running(station)
    await running.settle()
    assert running.observer.names()[:2] == ["poll_failed", "poll_failed"]
    assert running.clock.slept[1] >= 7.0
    assert station.commits == 3
    running.stop.set()
    await running.task


async def test_a_failed_commit_is_repeated_and_nothing_overtakes_it() -> None:
    station = Station()
    station.store_errors = [StoreUnavailable("locked"), StoreUnavailable("locked")]
    running = Running(station)
    await running.settle()
    running.stop.set()
    await running.task
    assert [entry for entry in station.log if entry.startswith("commit")] == ["commit 0", "commit 1", "commit 2"]
    assert running.observer.names().count("commit_failed") == 2


async def test_stopping_fetches_no_more_and_finishes_what_is_in_flight() -> None:
    station = Station()
    station.confirms.clear()
    running = Running(station, batches_in_flight=1)
    await running.settle()
    running.stop.set()
    await running.settle()
    assert not running.task.done()
    station.confirms.set()
    await running.task
    assert station.log == ["fetch 0", "publish", "confirmed", "commit 0"]


async def test_an_invariant_violation_ends_the_pipeline_with_its_cause() -> None:
    station = Station()
    station.store_errors = [InvariantViolation("the cursor went backwards")]
    running = Running(station)
    with pytest.raises(BaseExceptionGroup) as caught:
        await running.task
    assert caught.group_contains(InvariantViolation, match="went backwards")


async def test_a_cancelled_pipeline_sees_a_commit_through_that_is_under_way() -> None:
    """Else the stream could start again from a cursor that moves a moment later."""
    station = Station()
    station.limit = 1
    entered, release = asyncio.Event(), asyncio.Event()
    commit = station.commit

    async def slow_commit(checkpoint: NhnCheckpoint) -> None:
        entered.set()
        await release.wait()
        await commit(checkpoint)

    station.commit = slow_commit  # type: ignore[method-assign]
    running = Running(station)
    await entered.wait()
    running.task.cancel()
    await running.settle()
    assert not running.task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert station.commits == 1


async def test_no_task_outlives_a_cancelled_pipeline() -> None:
    station = Station()
    station.confirms.clear()
    running = Running(station)
    await running.settle()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert asyncio.all_tasks() == {asyncio.current_task()}
