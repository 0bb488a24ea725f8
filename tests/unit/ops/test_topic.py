"""AMQP topic patterns: the examples of RabbitMQ's tutorial, its edge cases, and a naive model."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ops.topic import matches


@pytest.mark.parametrize(
    ("pattern", "routing_key", "expected"),
    [
        ("new-message.8142520", "new-message.8142520", True),
        ("new-message.8142520", "new-message.8142521", False),
        ("new-message.*", "new-message.8142520", True),
        ("new-message.*", "new-message", False),
        ("new-message.*", "new-message.8142520.more", False),
        ("*.8142520", "apprec.8142520", True),
        ("*.orange.*", "quick.orange.rabbit", True),
        ("lazy.#", "lazy", True),
        ("lazy.#", "lazy.orange.new.rabbit", True),
        ("#.rabbit", "rabbit", True),
        ("#.rabbit", "quick.orange.rabbit", True),
        ("#.rabbit", "quick.rabbit.orange", False),
        ("a.#.z", "a.z", True),
        ("a.#.z", "a.b.c.z", True),
        ("#", "", True),
        ("#", "a.b.c", True),
        ("*", "", False),
        ("", "", True),
        ("", "a", False),
        ("a..b", "a..b", True),
        ("a.*.b", "a..b", True),
        ("a*", "ab", False),
        ("a.#b", "a.b", False),
    ],
)
def test_a_pattern_matches_as_a_binding_would(pattern: str, routing_key: str, expected: bool) -> None:
    assert matches(pattern, routing_key) is expected


WORDS = st.lists(st.sampled_from(["a", "b", "ab", ""]), min_size=1, max_size=6)
PATTERN_WORDS = st.lists(st.sampled_from(["a", "b", "ab", "", "*", "#"]), min_size=1, max_size=6)


@given(PATTERN_WORDS, WORDS)
def test_it_agrees_with_a_naive_model(pattern: list[str], key: list[str]) -> None:
    assert matches(".".join(pattern), ".".join(key)) is _naive(".".join(pattern), ".".join(key))


def _naive(pattern: str, key: str) -> bool:
    """Each word becomes `word,`, so that `#` is any number of them and nothing special stands between."""
    expressions = {"*": r"[^,]*,", "#": r"(?:[^,]*,)*"}
    words = pattern.split(".") if pattern else []
    expression = "".join(expressions.get(word, re.escape(word) + ",") for word in words)
    return re.fullmatch(expression, "".join(f"{word}," for word in (key.split(".") if key else []))) is not None


@pytest.mark.timeout(5)
def test_no_pattern_makes_it_search_for_long() -> None:
    assert matches(".".join(["#", "a"] * 60 + ["b"]), ".".join(["a"] * 120)) is False
