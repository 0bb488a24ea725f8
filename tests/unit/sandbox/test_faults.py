"""Which fault applies, and how often."""

import msgspec
import pytest

from bridge.sandbox.faults import FaultKind, FaultPlan, FaultRule

ANY = frozenset({1, 2})


def rule(kind: FaultKind = FaultKind.SERVER_ERROR, **options: object) -> FaultRule:
    return msgspec.convert({"kind": kind, **options}, FaultRule)


def plan_of(*rules: FaultRule) -> FaultPlan:
    plan = FaultPlan(seed=1)
    for each in rules:
        plan.add(each, now_s=0.0)
    return plan


def kinds(plan: FaultPlan, her_ids: frozenset[int], times: int, now_s: float = 0.0) -> list[str | None]:
    return [found.kind.value if (found := plan.for_request(her_ids, now_s)) else None for _ in range(times)]


def test_without_bounds_a_fault_applies_until_it_is_cleared() -> None:
    plan = plan_of(rule())
    assert kinds(plan, ANY, 3) == ["500", "500", "500"]
    assert plan.clear() == 1
    assert kinds(plan, ANY, 1) == [None]
    assert plan.clear() == 0


def test_a_counted_fault_applies_so_many_times_and_the_next_one_follows() -> None:
    plan = plan_of(rule(count=2), rule(FaultKind.TIMEOUT, count=1))
    assert kinds(plan, ANY, 5) == ["500", "500", "timeout", None, None]
    assert plan.active(0.0) == []


def test_a_timed_fault_ends_with_its_time() -> None:
    plan = FaultPlan(seed=1)
    plan.add(rule(for_s=5.0), now_s=100.0)
    assert kinds(plan, ANY, 1, now_s=104.9) == ["500"]
    assert kinds(plan, ANY, 1, now_s=105.0) == [None]


def test_a_fault_of_one_receiver_leaves_requests_without_it_alone() -> None:
    plan = plan_of(rule(FaultKind.FORBIDDEN, her_id=7, count=1))
    assert kinds(plan, ANY, 2) == [None, None]
    assert kinds(plan, frozenset({1, 7}), 2) == ["403", None]


def test_a_gateways_limit_applies_only_above_its_number_of_receivers() -> None:
    plan = plan_of(rule(FaultKind.URI_TOO_LONG, above_her_ids=1))
    assert kinds(plan, frozenset({1}), 1) == [None]
    assert kinds(plan, frozenset({1, 2}), 1) == ["414"]


def test_a_probable_fault_applies_about_that_often_and_the_same_way_for_the_same_seed() -> None:
    first = kinds(plan_of(rule(probability=0.25)), ANY, 400)
    assert 60 < first.count("500") < 140
    assert kinds(plan_of(rule(probability=0.25)), ANY, 400) == first


def test_only_those_applications_that_happen_are_counted() -> None:
    assert kinds(plan_of(rule(probability=0.25, count=3)), ANY, 400).count("500") == 3


def test_faults_of_notifications_and_of_requests_do_not_mix() -> None:
    plan = plan_of(rule(), rule(FaultKind.MISSING_TYPE, her_id=7, count=1))
    assert plan.for_notification(8, 0.0) is None
    found = plan.for_notification(7, 0.0)
    assert found is not None
    assert found.kind is FaultKind.MISSING_TYPE
    assert plan.for_notification(7, 0.0) is None
    assert kinds(plan, frozenset({7}), 1) == ["500"]


def test_one_fault_can_be_cleared_by_its_number() -> None:
    plan = FaultPlan(seed=1)
    first, second = plan.add(rule(), 0.0), plan.add(rule(FaultKind.TIMEOUT), 0.0)
    assert plan.clear(first.id) == 1
    assert plan.active(0.0) == [second]
    assert plan.clear(first.id) == 0


@pytest.mark.parametrize(
    "wrong",
    [{"count": 0}, {"probability": 0.0}, {"probability": 1.1}, {"for_s": 0.0}, {"retry_after_s": -1}, {"cuont": 1}],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rule(FaultKind.SERVER_ERROR, **wrong)
