"""Runs the bench and prints its table, in Markdown.

deploy/with-rabbitmq python -m tests.bench [--rounds N] [--seconds S]
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench.broker import Broker
from tests.bench.contenders import BRIDGE, CEILING, CONTENDERS, CONTENDERS_APART, Contender, Setting
from tests.bench.latency import latencies
from tests.bench.orders import order_lines
from tests.bench.peers import NotThere
from tests.bench.processes import pace_ms
from tests.bench.table import HEAD, RULE, Run, Trial, ceiling_row, row, written

SETTINGS = (Setting(queue_type="quorum"), Setting(queue_type="classic"))
GROWTH = (
    *(Setting(her_ids=her_ids) for her_ids in (1, 100, 1500, 10_000)),
    *(Setting(page_size=page_size) for page_size in (100, 10)),
    *(Setting(queues=queues) for queues in (10, 50)),
)
"""What the bridge alone is measured with, to see how its cost grows."""
FIRST_EVENTS = 5000
"""A first, short run of the ceiling tells how many events make a run of the wanted length."""
LEAST_EVENTS = 1000
SHARE_OF_PAGES = {100: 0.5, 10: 0.1}
"""By page size: which part of the rate of full pages smaller ones reach, about."""
PACES_MS: list[float] = []
"""Between the runs. Where they differ much, others use the machine's cores, and CPU times are that much longer."""


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Bench:
    """The rounds of one setting."""

    def __init__(self, broker: Broker, setting: Setting, *, seconds: float) -> None:
        self._broker = broker
        self._setting = setting
        self._seconds = seconds
        self._ceilings: list[Run] = []
        self._trials: dict[str, list[Trial]] = {}
        self._left_out: dict[str, str] = {}

    async def measure(self, contenders: Sequence[Contender], rounds: int) -> None:
        """Each contender between two runs of the ceiling, all of them in each round."""
        self._ceilings.append(await self._run(CEILING, FIRST_EVENTS))
        before = self._ceilings[0] = await self._run(CEILING, self._events(CEILING))
        for _ in range(rounds):
            for contender in (each for each in contenders if each.name not in self._left_out):
                try:
                    found = await self._run(contender, self._events(contender))
                except NotThere as error:
                    self._left_out[contender.name] = str(error)
                    continue
                except (RuntimeError, TimeoutError) as error:
                    self._left_out[contender.name] = f"it failed: {str(error) or 'no end in time'}"
                    continue
                after = await self._run(CEILING, self._events(CEILING))
                PACES_MS.append(pace_ms())
                self._trials.setdefault(contender.name, []).append(Trial(found, before, after))
                self._ceilings.append(after)
                before = after

    def lines(self) -> Iterator[str]:
        """The table's."""
        yield HEAD
        yield RULE
        yield written(ceiling_row(self._ceilings))
        for name, trials in self._trials.items():
            yield written(row(name, trials))
        for name, why in self._left_out.items():
            yield f"| {name} | left out: {why} | | | | |"

    def growth_line(self) -> str:
        """What the bridge did, named by the setting."""
        setting = self._setting
        name = f"{setting.her_ids:,} HER-ids, pages of {setting.page_size}, {setting.queues} queues"
        if BRIDGE.name in self._left_out:
            return f"| {name} | {self._left_out[BRIDGE.name]} | | | | |"
        return written(row(name, self._trials[BRIDGE.name]))

    async def _run(self, contender: Contender, events: int) -> Run:
        async with self._broker.queue(self._setting.queue_type, count=self._setting.queues):
            return await contender.run(self._broker, self._setting, events)

    def _events(self, contender: Contender) -> int:
        """Whole pages for a run of about the wanted length, as fast as the ceiling is now."""
        share = contender.share * SHARE_OF_PAGES.get(self._setting.page_size, 1.0)
        return max(round(self._ceilings[-1].rate * self._seconds * share / 1000) * 1000, LEAST_EVENTS)

    @property
    def bridge_rate(self) -> float:
        """What the bridge reached in the last round, events a second."""
        return self._trials[BRIDGE.name][-1].run.rate


async def lines_apart(broker: Broker, *, rounds: int, seconds: float) -> list[str]:
    """What a contender uses is not missing from the broker then, which otherwise is most of what is measured."""
    bench = Bench(broker, Setting(), seconds=seconds)
    try:
        with broker.apart():
            await bench.measure(CONTENDERS_APART, rounds)
    except NotThere as error:
        return [f"left out: {error}"]
    return [*bench.lines()]


async def main(*, rounds: int, seconds: float) -> None:
    broker = await Broker.at(os.environ["BRIDGE_BROKER__URLS"])
    rates = []
    for setting in SETTINGS:
        bench = Bench(broker, setting, seconds=seconds)
        await bench.measure(CONTENDERS, rounds)
        say(f"\n{setting.queue_type} queue, pages of {setting.page_size}:\n")
        for line in bench.lines():
            say(line)
        rates.append(bench.bridge_rate)
    say("\nThe same with the broker on cores of its own, quorum queue:\n")
    for line in await lines_apart(broker, rounds=rounds, seconds=seconds):
        say(line)
    say("\nHow the bridge's cost grows, quorum queues, each to a ceiling with as many receivers and queues:\n")
    say(HEAD)
    say(RULE)
    for setting in GROWTH:
        bench = Bench(broker, setting, seconds=seconds)
        await bench.measure((BRIDGE,), 1)
        say(bench.growth_line())
    say("\nFrom an event's creation at the API to its consumer, quorum queue, a poll each 0.05 s:\n")
    for line in await latencies(broker, half_load=rates[0] / 2):
        say(line)
    say("\nAltinn's orders, against an API that answers at once:\n")
    for line in await order_lines(broker, rounds):
        say(line)
    say(f"\nload of this machine over the last minutes: {' '.join(f'{each:.1f}' for each in os.getloadavg())}")
    slowest, fastest, middle = max(PACES_MS), min(PACES_MS), median(PACES_MS)
    say(f"its pace: a fixed loop took {fastest:.0f} to {slowest:.0f} ms, {middle:.0f} in the median")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="about how long a run is to be")
    options = parser.parse_args()
    asyncio.run(main(rounds=options.rounds, seconds=options.seconds))
