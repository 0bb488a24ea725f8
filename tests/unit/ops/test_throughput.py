from bridge.ops.throughput import Throughput


def test_events_of_the_last_minute_are_counted() -> None:
    throughput = Throughput()
    throughput.add(1000, 0.0)
    throughput.add(500, 0.9)
    throughput.add(7, 30.0)

    assert throughput.last_minute(59.0) == 1507
    assert throughput.last_minute(61.0) == 7
    assert throughput.last_minute(91.0) == 0


def test_nothing_is_counted_before_the_first_event() -> None:
    assert Throughput().last_minute(5.0) == 0


def test_memory_stays_bounded_however_long_it_runs() -> None:
    throughput = Throughput()
    for second in range(10_000):
        throughput.add(1, float(second))

    assert throughput.last_minute(9_999.0) == 60
    assert len(throughput._seconds) == 61
