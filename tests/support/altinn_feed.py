"""The status feed in memory, at the level of `AltinnApi`, and a stream of it under test on the virtual clock."""

import asyncio
import random
from dataclasses import dataclass, field

from bridge.altinn.api import AltinnApi
from bridge.altinn.decode import FeedItem
from bridge.altinn.feed import FeedSource, FeedStart
from bridge.checkpoints import AltinnCheckpoint, FeedRead
from bridge.errors import TransientError
from bridge.ports import Batch
from tests.support.altinn_world import NoSpread, order_id
from tests.support.clock import PatientClock
from tests.support.fake_altinn_store import FakeAltinnStore
from tests.support.observers import Recorder

STREAM = "altinn/feed"


@dataclass
class Row:
    """A row of the feed; `order` None: one that names no order; `number` is what it is sorted by."""

    number: int
    order: int | None
    visible_at: float = 0.0
    has_number: bool = True


class SimulatedFeed(AltinnApi):
    """Rows read as the API documents it."""

    def __init__(self, clock: PatientClock) -> None:
        self.clock = clock
        self.rows: list[Row] = []
        self.asked: list[tuple[float, int]] = []
        """(second, after) of each request."""
        self.max_page = 500
        self.knows_order_by = True
        self.trouble: TransientError | None = None

    def appear(self, *numbers: int, late_s: float = 0.0) -> None:
        """Rows with these numbers, each of the order with the same number."""
        at = self.clock.monotonic() + late_s
        self.rows += [Row(number, number, at) for number in numbers]

    async def feed(self, *, after: int, limit: int = 500, newest_first: bool = False) -> tuple[list[FeedItem], int]:
        self.asked.append((self.clock.monotonic(), after))
        await self.clock.sleep(0.01)
        if self.trouble is not None:
            raise self.trouble
        is_newest_first = newest_first and self.knows_order_by
        shown = sorted(
            (row for row in self.rows if row.number > after and row.visible_at <= self.clock.monotonic()),
            key=lambda row: row.number,
            reverse=is_newest_first,
        )[: min(limit, self.max_page)]
        items = [
            FeedItem(row.number, None if row.order is None else order_id(row.order)) for row in shown if row.has_number
        ]
        return items, len(shown) - len(items)


@dataclass
class FeedStream:
    """The source under test, with its store."""

    start: FeedStart = "earliest"
    clock: PatientClock = field(default_factory=PatientClock)
    store: FakeAltinnStore = field(default_factory=FakeAltinnStore)
    observer: Recorder = field(default_factory=Recorder)
    dice: random.Random = field(default_factory=NoSpread)

    def __post_init__(self) -> None:
        self.api = SimulatedFeed(self.clock)
        self.failures: list[TransientError] = []

    def source(self) -> FeedSource:
        return FeedSource(
            STREAM,
            api=self.api,
            store=self.store,
            start=self.start,
            interval_s=60.0,
            clock=self.clock,
            observer=self.observer,
            dice=self.dice,
        )

    async def run(self, source: FeedSource, seconds: float) -> list[Batch[AltinnCheckpoint]]:
        """What it gives until then, each committed at once. The source is of no use afterwards."""
        batches: list[Batch[AltinnCheckpoint]] = []
        running = asyncio.create_task(self._run(source, batches))
        await self.clock.sleep(seconds)
        assert running.cancel(), running.exception()
        await asyncio.wait({running})
        await source.close()
        return batches

    async def _run(self, source: FeedSource, batches: list[Batch[AltinnCheckpoint]]) -> None:
        while True:
            try:
                batch = await source.next()
            except TransientError as error:
                self.failures.append(error)
                await self.clock.sleep(1.0)
                continue
            await self.store.commit(batch.checkpoint)
            await source.committed(batch)
            batches.append(batch)

    def anomalies(self) -> list[tuple[str, int]]:
        return [arguments for name, arguments, _ in self.observer.told if name == "anomaly"]


def named(batches: list[Batch[AltinnCheckpoint]]) -> list[int]:
    """The numbers of all rows that were handed out, in order."""
    reads = [batch.checkpoint for batch in batches]
    return [row.sequence for read in reads if isinstance(read, FeedRead) for row in read.rows]
