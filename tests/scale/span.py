"""What happened between two moments: the processor time of the bridges, their polls, the database's work."""

import asyncio
import time
from collections.abc import Sequence

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from bridge.demo.process import BridgeProcess
from tests.bench.processes import cpu_s
from tests.scale.world import Apis, Database

STATISTICS_S = 1.2
"""PostgreSQL's connections tell of their work once a second."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The counters at one moment, over all replicas; the difference of two is what happened between them."""

    seconds: float
    cpu_s: float
    """Of the bridges."""
    api_cpu_s: float
    """Of the simulated APIs."""
    nhn_polls: float
    order_polls: float
    transactions: float
    rows_written: float

    def since(self, before: "Moment") -> "Moment":
        """What happened between the two."""
        fields = self.__struct_fields__
        return Moment(**{name: getattr(self, name) - getattr(before, name) for name in fields})

    @property
    def transactions_per_s(self) -> float:
        return self.transactions / self.seconds

    @property
    def api_share(self) -> float:
        """Of one core that the simulated APIs had, percent: near 100 the API is what is measured."""
        return self.api_cpu_s / self.seconds * 100

    @property
    def rows_per_s(self) -> float:
        return self.rows_written / self.seconds


async def now(replicas: Sequence[BridgeProcess], database: Database, api: Apis) -> Moment:
    """The counters; takes a second, so that the database's are complete."""
    at, cpu = time.monotonic(), sum(cpu_s(replica.pid) for replica in replicas)
    api_cpu = cpu_s(api.pid)
    polls = [await _polls(replica) for replica in replicas]
    await asyncio.sleep(STATISTICS_S)
    figures = await database.figures()
    return Moment(
        seconds=at,
        cpu_s=cpu,
        api_cpu_s=api_cpu,
        nhn_polls=sum(each["nhn"] for each in polls),
        order_polls=sum(each["altinn"] for each in polls),
        transactions=figures.transactions,
        rows_written=figures.rows_written,
    )


async def _polls(replica: BridgeProcess) -> dict[str, float]:
    """Source → requests to its API that worked."""
    found = {"nhn": 0.0, "altinn": 0.0}
    for family in text_string_to_metric_families(await _metrics(replica)):
        for sample in family.samples:
            if sample.name == "bridge_polls_total" and sample.labels["outcome"] in {"full", "partial", "empty"}:
                found[sample.labels["source"]] += sample.value
    return found


async def _metrics(replica: BridgeProcess) -> str:
    """One that is busy may take a while to tell them."""
    while True:
        try:
            return await replica.metrics()
        except httpx.HTTPError:
            await asyncio.sleep(STATISTICS_S)
