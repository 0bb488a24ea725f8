"""How far the clock is off is read from an answer's `Date`, and only as far as it can be known."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.auth.skew import clock_ahead_s

NOON = datetime(2026, 4, 14, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "on_the_way_s", "ahead_s"),
    [
        # the header has whole seconds: 12:00:00 may be anything up to 12:00:01
        ("Tue, 14 Apr 2026 12:00:00 GMT", 0, 0.0),
        ("Tue, 14 Apr 2026 11:59:59 GMT", 0, 0.0),
        ("Tue, 14 Apr 2026 11:59:48 GMT", 0, 11.5),
        ("Tue, 14 Apr 2026 12:01:00 GMT", 0, -60.5),
        ("Tue, 14 Apr 2026 14:00:00 +0200", 0, 0.0),
        # a slow answer explains a difference of half its time
        ("Tue, 14 Apr 2026 12:00:20 GMT", 20, 0.0),
        ("Tue, 14 Apr 2026 12:00:30 GMT", 20, -20.5),
        ("Tue, 14 Apr 2026 11:59:48 -0000", 0, 11.5),
        ("yesterday", 0, None),
        ("", 0, None),
        (None, 0, None),
    ],
)
def test_the_difference_is_known_but_for_the_way_and_the_whole_seconds(
    date: str | None, on_the_way_s: float, ahead_s: float | None
) -> None:
    assert clock_ahead_s(date, sent_at=NOON, received_at=NOON + timedelta(seconds=on_the_way_s)) == ahead_s
