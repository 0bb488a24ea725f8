"""The route contract as people see it: reasons, log lines, the metric, the document."""

import msgspec
import pytest

from bridge.ops.health import readiness
from bridge.ops.status import status_of
from bridge.routes import Judgement, Route, RouteFacts, judge
from tests.support.ops import Ops

NHN, ALTINN = "nhn.notifications", "altinn.notifications"
JOURNAL = Route(queue="journal", exchange=NHN, bindings=("new-message.*",), required=True, holds=True)
ARCHIVE = Route(queue="archive", exchange=NHN, required=True)
EXTRA = Route(queue="extra", exchange=NHN)
MISSING = RouteFacts(exists=False)
BOUND = RouteFacts(exists=True, bound=frozenset({"new-message.*"}))
UNBOUND = RouteFacts(exists=True, bound=frozenset())


def told(ops: Ops, route: Route, facts: RouteFacts) -> Judgement:
    judgement = judge(route, facts)
    ops.telemetry.routes.judged(route, judgement)
    return judgement


def reasons(ops: Ops) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    health = readiness(ops.state, ops.clock.monotonic())
    against, remarks = ([(each.code, each.message) for each in group] for group in (health.reasons, health.degraded))
    return against, remarks


@pytest.fixture
def ops() -> Ops:
    ops = Ops()
    ops.healthy_stream()
    return ops


def test_a_required_queue_that_is_missing_stands_in_the_way_and_the_sentence_says_what_to_do(ops: Ops) -> None:
    told(ops, JOURNAL, MISSING)
    ops.clock.advance(12)
    ((code, message),), remarks = reasons(ops)
    assert (code, remarks) == ("route-missing", [])
    assert message == (
        "Queue journal of the route contract has been missing for 12 s: the queue is not there. Have the "
        "subscriber declare it, bound to nhn.notifications with new-message.*; what goes to nhn.notifications "
        "is held until then."
    )


def test_so_does_a_missing_binding(ops: Ops) -> None:
    told(ops, JOURNAL, UNBOUND)
    ((code, message),), _ = reasons(ops)
    assert code == "route-missing"
    assert "not bound to nhn.notifications with new-message.*. Have the subscriber bind it with new-" in message


def test_where_streams_go_on_the_sentence_says_so(ops: Ops) -> None:
    told(ops, ARCHIVE, MISSING)
    ((_, message),), _ = reasons(ops)
    assert message.endswith("Have the subscriber declare it; events go on to whoever is bound.")


def test_a_queue_that_is_not_required_is_a_remark(ops: Ops) -> None:
    told(ops, EXTRA, MISSING)
    assert [[code for code, _ in group] for group in reasons(ops)] == [[], ["route-missing"]]


def test_the_metric_is_1_while_all_is_there_and_0_while_something_is_missing(ops: Ops) -> None:
    for facts, value in ((RouteFacts(), None), (MISSING, 0), (UNBOUND, 0), (BOUND, 1), (RouteFacts(exists=True), 1)):
        told(ops, JOURNAL, facts)
        assert ops.sample("bridge_route_contract_ok", queue="journal") == value


def test_a_queue_of_two_routes_is_well_when_both_are(ops: Ops) -> None:
    told(ops, JOURNAL, MISSING)
    told(ops, Route(queue="journal", exchange=ALTINN), RouteFacts(exists=True))
    assert ops.sample("bridge_route_contract_ok", queue="journal") == 0


def test_breaking_and_mending_have_a_log_line_each_and_looking_has_none(
    ops: Ops, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    for facts in (BOUND, BOUND, MISSING, MISSING, UNBOUND, BOUND, BOUND):
        told(ops, JOURNAL, facts)
        ops.clock.advance(5)
    lines = capsys.readouterr().out.splitlines()
    assert [next(word for word in line.split() if word.startswith("route.")) for line in lines] == [
        "route.missing",
        "route.missing",
        "route.mended",
    ]
    assert "found='the queue is not there'" in lines[0]
    assert "after_s=15.0" in lines[2]
    assert [error.code for error in ops.state.recent_errors] == ["route-missing"] * 2


def test_a_management_api_that_is_away_is_a_remark_until_it_answers(
    ops: Ops, capsys: pytest.CaptureFixture[str]
) -> None:
    told(ops, JOURNAL, BOUND)
    capsys.readouterr()
    for _ in range(3):
        ops.telemetry.routes.bindings_unseen("The management API at m:15672: no connection", is_trouble=True)
        ops.clock.advance(5)
    against, ((code, message),) = reasons(ops)
    assert (against, code) == ([], "routes-not-verifiable")
    assert message == (
        "The bindings of the route contract have not been seen for 15 s: The management API at m:15672: "
        "no connection. What was known of them holds."
    )
    ops.telemetry.routes.bindings_seen()
    assert reasons(ops) == ([], [])
    lines = capsys.readouterr().out.splitlines()
    assert ["routes.not-verifiable" in line for line in lines] == [True, False]
    assert "routes.verifiable" in lines[1]


def test_without_a_management_api_that_is_said_and_is_no_trouble(ops: Ops) -> None:
    ops.telemetry.routes.bindings_unseen("BRIDGE_BROKER__MANAGEMENT_URL is not set", is_trouble=False)
    assert reasons(ops) == ([], [])
    assert status_of(ops.state).bindings_unseen == "BRIDGE_BROKER__MANAGEMENT_URL is not set"


def test_a_queue_that_was_declared_again_is_among_the_recent_errors(ops: Ops) -> None:
    ops.telemetry.routes.declared_anew(JOURNAL)
    (error,) = ops.state.recent_errors
    assert (error.code, error.message) == ("route-declared-anew", "queue journal was gone, and was declared again")


def test_a_queue_that_was_bound_again_is_among_the_recent_errors(ops: Ops) -> None:
    ops.telemetry.routes.bound_anew(JOURNAL, "new-message.*")
    (error,) = ops.state.recent_errors
    assert (error.code, error.message) == (
        "route-bound-anew",
        "queue journal was unbound (new-message.*), and was bound again",
    )


def test_the_document_has_every_line_of_the_contract(ops: Ops) -> None:
    told(ops, JOURNAL, MISSING)
    told(ops, EXTRA, RouteFacts())
    ops.clock.advance(2)
    assert msgspec.to_builtins(status_of(ops.state).routes) == (
        {
            "queue": "journal",
            "exchange": "nhn.notifications",
            "bindings": ("new-message.*",),
            "state": "missing",
            "detail": "the queue is not there",
            "required": True,
            "on_missing": "hold",
            "missing_for_s": 2.0,
        },
        {
            "queue": "extra",
            "exchange": "nhn.notifications",
            "bindings": (),
            "state": "not-verifiable",
            "detail": "no broker could be asked",
            "required": False,
            "on_missing": "continue",
            "missing_for_s": None,
        },
    )
