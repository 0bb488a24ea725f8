from prometheus_client import CollectorRegistry, generate_latest

from bridge.ops.collectors import PageCounter, PageHistogram


def test_a_counter_shows_its_series_and_no_other() -> None:
    registry = CollectorRegistry()
    counter = PageCounter("bridge_events", "Events", ["source", "event"], registry=registry)
    counter.add(0, "nhn", "apprec")
    counter.add(1000, "nhn", "refused")
    counter.add(5, "nhn", "refused")

    assert generate_latest(registry).decode() == (
        "# HELP bridge_events_total Events\n"
        "# TYPE bridge_events_total counter\n"
        'bridge_events_total{event="apprec",source="nhn"} 0.0\n'
        'bridge_events_total{event="refused",source="nhn"} 1005.0\n'
    )


def test_a_removed_series_is_not_shown() -> None:
    registry = CollectorRegistry()
    counter = PageCounter("bridge_restarts", "Restarts", ["stream"], registry=registry)
    counter.add(3, "nhn/default/1")
    counter.remove("nhn/default/1")
    counter.remove("nhn/never/1")

    assert registry.get_sample_value("bridge_restarts_total", {"stream": "nhn/default/1"}) is None


def test_a_histogram_counts_every_value_of_every_page() -> None:
    registry = CollectorRegistry()
    histogram = PageHistogram("age_seconds", "Age", [0.5, 1, 60], registry=registry)
    histogram.observe([0.1, 0.5, 0.75, 61.0])
    histogram.observe([1.0])
    histogram.observe([])

    assert generate_latest(registry).decode() == (
        "# HELP age_seconds Age\n"
        "# TYPE age_seconds histogram\n"
        'age_seconds_bucket{le="0.5"} 2.0\n'
        'age_seconds_bucket{le="1.0"} 4.0\n'
        'age_seconds_bucket{le="60.0"} 4.0\n'
        'age_seconds_bucket{le="+Inf"} 5.0\n'
        "age_seconds_count 5.0\n"
        "age_seconds_sum 63.35\n"
    )
