import pytest

from bridge.ops.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3.0, "0.0 s"),
        (0.0, "0.0 s"),
        (0.42, "0.4 s"),
        (1.0, "1 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (200.0, "3 min 20 s"),
        (7500.0, "2 h 5 min"),
        (7200.0, "2 h"),
        (273_600.0, "3 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
