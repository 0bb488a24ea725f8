"""Runs the bench and prints its table, in Markdown.

deploy/with-rabbitmq python -m tests.bench [--rounds N] [--seconds S] [--only WORD]
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence

from tests.bench.broker import Broker
from tests.bench.contenders import BRIDGE, CEILING, CONTENDERS, Contender, Setting
from tests.bench.latency import latencies
from tests.bench.peers import NotThere
from tests.bench.table import HEAD, Run, Trial, ceiling_row, row, written

SETTINGS: tuple[tuple[Setting, Sequence[Contender]], ...] = (
    (Setting(queue_type="quorum"), CONTENDERS),
    (Setting(queue_type="classic"), CONTENDERS),
    (Setting(page_size=100), (BRIDGE,)),
    (Setting(her_ids=1500), (BRIDGE,)),
)
FIRST_EVENTS = 5000
"""A first, short run of the ceiling tells how many events make a run of the wanted length."""
LEAST_EVENTS = 1000


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
                self._trials.setdefault(contender.name, []).append(Trial(found, before, after))
                self._ceilings.append(after)
                before = after

    def lines(self) -> Iterator[str]:
        """The table's."""
        setting = self._setting
        yield ""
        yield f"{setting.queue_type} queue, pages of {setting.page_size}, {setting.her_ids} HER-id(s):"
        yield ""
        yield HEAD
        yield "|---|---|---|---|---|---|"
        yield written(ceiling_row(self._ceilings))
        for name, trials in self._trials.items():
            yield written(row(name, trials))
        for name, why in self._left_out.items():
            yield f"| {name} | left out: {why} | | | | |"

    async def _run(self, contender: Contender, events: int) -> Run:
        async with self._broker.queue(self._setting.queue_type):
            return await contender.run(self._broker, self._setting, events)

    def _events(self, contender: Contender) -> int:
        """Whole pages for a run of about the wanted length, as fast as the ceiling is now."""
        rate = self._ceilings[-1].rate
        return max(round(rate * self._seconds * contender.share / 1000) * 1000, LEAST_EVENTS)

    @property
    def bridge_rate(self) -> float:
        """What the bridge reached in the last round, events a second."""
        return self._trials[BRIDGE.name][-1].run.rate


async def main(*, rounds: int, seconds: float) -> None:
    broker = await Broker.at(os.environ["BRIDGE_BROKER__URLS"])
    rates = []
    for setting, contenders in SETTINGS:
        bench = Bench(broker, setting, seconds=seconds)
        await bench.measure(contenders, rounds)
        for line in bench.lines():
            say(line)
        rates.append(bench.bridge_rate)
    say("\nFrom an event's creation at the API to its consumer, quorum queue, a poll each 0.05 s:\n")
    for line in await latencies(broker, half_load=rates[0] / 2):
        say(line)
    say(f"\nload of this machine over the last minutes: {' '.join(f'{each:.1f}' for each in os.getloadavg())}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="about how long a run is to be")
    options = parser.parse_args()
    asyncio.run(main(rounds=options.rounds, seconds=options.seconds))
