"""The arithmetic of a bench, and its table. Pure."""

from collections.abc import Sequence
from statistics import median

import msgspec


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one contender."""

    events: int
    seconds: float
    cpu_s: float
    """Of the contender."""
    broker_cpu_s: float
    """Of the broker; 0 where it is not known."""
    memory_mb: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


class Trial(msgspec.Struct, frozen=True):
    """A run, and the runs of the ceiling just before and just after it."""

    run: Run
    before: Run
    after: Run

    @property
    def ratio(self) -> float:
        """To the ceiling of the same time: as many events as the run had, at the mean time that the ceiling takes."""
        ceiling_s_an_event = (self.before.seconds / self.before.events + self.after.seconds / self.after.events) / 2
        return self.run.rate * ceiling_s_an_event


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One contender in one setting, over all rounds."""

    name: str
    rate: float
    """Median, events a second."""
    ratio: float
    """Median; the ceiling itself is 1."""
    lowest: float
    highest: float
    cpu_us: float
    """Median, of the contender an event."""
    broker_cpu_ms: float
    """Median, of the broker for 1000 events."""
    memory_mb: float
    """The most of all rounds."""


HEAD = (
    "| | events/s | ratio to the ceiling: median (min-max) "
    "| its CPU, µs/event | broker's CPU, ms/1000 events | memory, MB |"
)
RULE = "|---|---|---|---|---|---|"


def row(name: str, trials: Sequence[Trial]) -> Row:
    """`trials`: at least one."""
    runs, ratios = [trial.run for trial in trials], [trial.ratio for trial in trials]
    return Row(
        name=name,
        rate=median(run.rate for run in runs),
        ratio=median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        cpu_us=median(run.cpu_s / run.events * 1e6 for run in runs),
        broker_cpu_ms=median(run.broker_cpu_s / run.events * 1e6 for run in runs),
        memory_mb=max(run.memory_mb for run in runs),
    )


def ceiling_row(runs: Sequence[Run]) -> Row:
    """Of the ceiling: its ratios are those of its own rate to its median, which is what the machine does by itself."""
    middle = median(run.rate for run in runs)
    return row(
        "ceiling: raw socket, frames encoded in advance",
        [Trial(run, _at(middle), _at(middle)) for run in runs],
    )


def _at(rate: float) -> Run:
    return Run(events=1, seconds=1 / rate, cpu_s=0, broker_cpu_s=0, memory_mb=0)


def written(row: Row) -> str:
    """A line of the table."""
    broker = f"{row.broker_cpu_ms:.0f}" if row.broker_cpu_ms else "-"
    return (
        f"| {row.name} | {row.rate:,.0f} | {row.ratio:.2f} ({row.lowest:.2f}-{row.highest:.2f}) "
        f"| {row.cpu_us:.1f} | {broker} | {row.memory_mb:.0f} |"
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that at least so many percent (> 0) are not above; `values` has at least one."""
    ordered = sorted(values)
    place = -(-len(ordered) * percent // 100)
    return ordered[int(place) - 1]
