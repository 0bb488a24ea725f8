"""Finding the refused among many: exactly they are found, and in few requests (G5)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.nhn.answers import Problem
from bridge.nhn.refusals import EverythingRefused, find_refused

FORBIDDEN = Problem(status=403, error_code=1202)
LOCKED = Problem(status=423, error_code=1210)


def search(
    her_ids: range, refused: dict[int, Problem], probes: list[tuple[int, ...]] | None = None, *, turn: int = 0
) -> dict[int, Problem]:
    """Who is found, and what was probed. A request is refused for the first refused HER-id in it."""
    finding = find_refused(her_ids, turn)
    try:
        part = next(finding)
        while True:
            assert part
            assert set(part) < set(her_ids)
            if probes is not None:
                probes.append(part)
            part = finding.send(next((refused[her_id] for her_id in part if her_id in refused), None))
    except StopIteration as found:
        return dict(found.value)


def test_the_refused_are_found_each_with_its_own_problem() -> None:
    found = search(range(1, 101), {17: FORBIDDEN, 18: LOCKED, 99: FORBIDDEN})
    assert found == {17: FORBIDDEN, 18: LOCKED, 99: FORBIDDEN}


@given(st.integers(2, 80), st.data())
def test_exactly_the_refused_are_found_whoever_they_are(size: int, data: st.DataObject) -> None:
    her_ids = range(1, size + 1)
    refused = data.draw(st.sets(st.sampled_from(her_ids), max_size=min(size - 1, 7)))
    found = search(her_ids, dict.fromkeys(refused, FORBIDDEN))
    assert found == dict.fromkeys(refused, FORBIDDEN)


@pytest.mark.parametrize(("count", "at_most"), [(1, 22), (2, 42), (10, 178)])
def test_of_1500_a_few_refused_are_found_in_few_probes(count: int, at_most: int) -> None:
    """On each of 11 levels at most two parts a refused one, and once a sample of 8."""
    dice = random.Random(count)
    for _ in range(100):
        refused = dice.sample(range(1, 1501), count)
        probes: list[tuple[int, ...]] = []
        assert set(search(range(1, 1501), dict.fromkeys(refused, FORBIDDEN), probes)) == set(refused)
        assert len(probes) <= at_most


def test_of_two_the_one_is_found_with_two_probes() -> None:
    probes: list[tuple[int, ...]] = []
    assert search(range(1, 3), {2: FORBIDDEN}, probes) == {2: FORBIDDEN}
    assert probes == [(1,), (2,)]


def test_nobody_is_found_where_the_refusal_was_not_theirs() -> None:
    assert search(range(1, 1501), {}) == {}


@pytest.mark.parametrize(("size", "at_most"), [(2, 2), (3, 4), (10, 18), (15, 28), (16, 30), (100, 78), (1500, 78)])
def test_that_everything_is_refused_is_found_quickly(size: int, at_most: int) -> None:
    everybody = range(1, size + 1)
    probes: list[tuple[int, ...]] = []
    with pytest.raises(EverythingRefused) as refused:
        search(everybody, dict.fromkeys(everybody, FORBIDDEN), probes)
    assert refused.value.problem == FORBIDDEN
    assert str(refused.value) == "403, error 1202"
    assert len(probes) <= at_most


def test_many_refused_are_found_as_long_as_a_sample_of_them_shows_one_that_is_not() -> None:
    refused = dict.fromkeys(range(2, 101), FORBIDDEN)
    found = search(range(1, 101), refused)
    assert found == refused


def test_of_1500_the_one_that_is_accepted_is_found_by_one_of_24_searches_each_of_few_probes() -> None:
    for accepted in (1, 750, 1234, 1500):
        refused = dict.fromkeys(set(range(1, 1501)) - {accepted}, FORBIDDEN)
        for turn in range(24):
            probes: list[tuple[int, ...]] = []
            try:
                found = search(range(1, 1501), refused, probes, turn=turn)
            except EverythingRefused:
                assert len(probes) <= 78
            else:
                assert found == refused
                assert len(probes) <= 2 * 1500 + 78
                break
        else:
            pytest.fail(f"{accepted} was not found")


def test_the_sample_is_taken_once() -> None:
    """Every part is refused down to the single ones, but the first of the sample is accepted."""
    probes: list[tuple[int, ...]] = []
    refused = dict.fromkeys(range(2, 65), FORBIDDEN)
    assert search(range(1, 65), refused, probes) == refused
    assert sum(len(part) == 1 for part in probes) == 1 + 64
