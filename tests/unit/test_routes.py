"""What the facts of a route mean; what `bridge check` makes of it is in tests/unit/check/test_routes.py."""

import pytest

from bridge.routes import NO_BROKER, Route, RouteFacts, Verdict, judge

ROUTE = Route(queue="journal", exchange="nhn", bindings=("new-message.*", "apprec.*"))
BARE = Route(queue="journal", exchange="nhn")
THERE, MISSING, NOT_SEEN = Verdict.THERE, Verdict.MISSING, Verdict.NOT_SEEN


def bound(*patterns: str) -> RouteFacts:
    return RouteFacts(exists=True, bound=frozenset(patterns))


@pytest.mark.parametrize(
    ("route", "facts", "verdict", "found", "fix"),
    [
        (ROUTE, bound("new-message.*", "apprec.*", "#"), THERE, "bound to nhn with new-message.*, apprec.*", ""),
        (
            ROUTE,
            bound("#"),
            MISSING,
            "not bound to nhn with new-message.*, apprec.*",
            "bind it with new-message.*, apprec.*",
        ),
        (ROUTE, bound("apprec.*"), MISSING, "not bound to nhn with new-message.*", "bind it with new-message.*"),
        (ROUTE, RouteFacts(exists=True), NOT_SEEN, "the queue is there; its bindings cannot be seen", ""),
        (
            ROUTE,
            RouteFacts(exists=False),
            MISSING,
            "the queue is not there",
            "declare it, bound to nhn with new-mes",
        ),
        (
            ROUTE,
            RouteFacts(exists=False, trouble="the queue's node is down"),
            MISSING,
            "the queue's node is down",
            "declare it, ",
        ),
        (BARE, RouteFacts(exists=True), THERE, "the queue is there", ""),
        (BARE, RouteFacts(exists=False), MISSING, "the queue is not there", "declare it"),
        (BARE, RouteFacts(), NOT_SEEN, "no broker could be asked", ""),
    ],
)
def test_a_route_is_there_missing_or_not_seen(
    route: Route, facts: RouteFacts, verdict: Verdict, found: str, fix: str
) -> None:
    judgement = judge(route, facts)
    assert (judgement.verdict, judgement.found) == (verdict, found)
    assert judgement.fix.removeprefix("Have the subscriber ").startswith(fix)
    assert bool(judgement.fix) is (verdict is MISSING)


def test_of_an_exchange_that_nobody_declares_nothing_can_come() -> None:
    assert judge(ROUTE, bound(), is_exchange_missing=True).found == "its exchange nhn is not there"
    assert judge(BARE, RouteFacts(), is_exchange_missing=True) == NO_BROKER
