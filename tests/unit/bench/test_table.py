"""The bench's arithmetic."""

import pytest

from tests.bench.table import Run, Trial, ceiling_row, percentile, row, written


def run(events: int = 1000, seconds: float = 1.0, cpu_s: float = 0.01, memory_mb: float = 50.0) -> Run:
    return Run(events=events, seconds=seconds, cpu_s=cpu_s, broker_cpu_s=0.02, memory_mb=memory_mb)


def test_a_ratio_is_to_the_mean_time_of_the_ceiling_before_and_after() -> None:
    trial = Trial(run(1000, 0.5), before=run(1000, 0.25), after=run(2000, 1.5))

    assert trial.ratio == pytest.approx(1.0)


def test_a_row_has_medians_and_the_most_memory() -> None:
    ceiling = run(1000, 0.5)
    trials = [
        Trial(run(1000, 1.0, cpu_s=0.010, memory_mb=60), ceiling, ceiling),
        Trial(run(1000, 2.0, cpu_s=0.030, memory_mb=90), ceiling, ceiling),
        Trial(run(1000, 0.8, cpu_s=0.020, memory_mb=70), ceiling, ceiling),
    ]

    found = row("x", trials)

    assert (found.rate, found.cpu_us, found.broker_cpu_ms, found.memory_mb) == (1000, 20, 20, 90)
    assert (found.ratio, found.lowest, found.highest) == (0.5, 0.25, 0.625)


def test_the_ceiling_shows_how_much_it_moves_by_itself() -> None:
    found = ceiling_row([run(1000, 1.0), run(1000, 2.0), run(1000, 0.5)])

    assert (found.ratio, found.lowest, found.highest) == (1.0, 0.5, 2.0)


def test_a_line_says_so_where_the_broker_s_process_is_not_known() -> None:
    trial = Trial(Run(events=1000, seconds=0.04, cpu_s=0.0123, broker_cpu_s=0, memory_mb=61.4), run(), run())

    assert written(row("the bridge", [trial])) == "| the bridge | 25,000 | 25.00 (25.00-25.00) | 12.3 | - | 61 |"


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (99, 4.0), (25, 1.0), (26, 2.0), (100, 4.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([3.0, 1.0, 4.0, 2.0], percent) == expected
