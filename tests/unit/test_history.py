"""The checker of histories finds each kind of violation, and nothing where there is none."""

from dataclasses import replace

import pytest

from tests.support.history import Arrival, Commit, History, Offer, violations

OFFERS = [Offer("a", 101, 5), Offer("b", 102, 6), Offer("c", 101, 7)]
ARRIVALS = [Arrival("a", 101, 5, b"A"), Arrival("b", 102, 6, b"B"), Arrival("c", 101, 7, b"C")]
COMMITS = [Commit("s", 5, "1", 1), Commit("s", 6, "1", 1), Commit("s", 7, "2", 2)]


def test_what_went_well_breaks_no_rule() -> None:
    history = History(OFFERS, ARRIVALS, COMMITS)
    assert violations(history) == []
    assert history.repeats == 0


def test_repeats_break_no_rule_and_are_counted() -> None:
    history = History(OFFERS, [*ARRIVALS, ARRIVALS[0], ARRIVALS[2], ARRIVALS[0]], COMMITS)
    assert violations(history) == []
    assert history.repeats == 3


def test_receivers_are_in_no_order_to_one_another() -> None:
    assert violations(History(OFFERS, [ARRIVALS[1], ARRIVALS[0], ARRIVALS[2]], COMMITS)) == []


@pytest.mark.parametrize(
    ("history", "found"),
    [
        (History(OFFERS, ARRIVALS[:2]), ["lost: offset 7 of HER-id 101 never arrived"]),
        (
            History(OFFERS[:2], ARRIVALS),
            ["invented: c was never offered as offset 7 of HER-id 101"],
        ),
        (
            History(OFFERS, [*ARRIVALS[:2], replace(ARRIVALS[2], her_id=103)]),
            ["invented: c was never offered as offset 7 of HER-id 103"],
        ),
        (History(OFFERS, [*ARRIVALS, replace(ARRIVALS[0], body=b"X")]), ["changed: a came again as something else"]),
        (
            History(OFFERS, [ARRIVALS[2], ARRIVALS[1], ARRIVALS[0]]),
            ["out of order: offset 5 of HER-id 101 after 7"],
        ),
        (
            History(OFFERS, ARRIVALS, [COMMITS[1], replace(COMMITS[1], cursor=5)]),
            ["back: s from 6 to 5"],
        ),
        (
            History(
                OFFERS,
                ARRIVALS,
                [COMMITS[0], replace(COMMITS[1], owner="2", epoch=2), replace(COMMITS[2], owner="1", epoch=1)],
            ),
            ["deposed: s by 1, epoch 1, after epoch 2"],
        ),
        (
            History(OFFERS, ARRIVALS, [COMMITS[0], replace(COMMITS[1], owner="2")]),
            ["two owners: s in epoch 1: 1 and 2"],
        ),
    ],
    ids=["lost", "invented", "another's", "changed", "out of order", "cursor back", "deposed", "two owners"],
)
def test_each_broken_rule_is_found_and_named(history: History, found: list[str]) -> None:
    assert violations(history) == found
