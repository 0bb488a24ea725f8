"""Which fault meets which request."""

import pytest

from bridge.sandbox.altinn.faults import ALTINN_FAULTS, AltinnFaultRule, AltinnFaults, Endpoint
from bridge.sandbox.faults import FaultKind


def plan_of(*rules: AltinnFaultRule) -> AltinnFaults:
    plan = AltinnFaults(seed=1)
    for rule in rules:
        plan.add(rule, 0.0)
    return plan


def met(plan: AltinnFaults, endpoint: Endpoint, order_id: str | None = None) -> str | None:
    rule = plan.for_request(endpoint, order_id, 0.0)
    return None if rule is None else rule.kind.value


def test_a_fault_of_one_order_leaves_the_others_and_the_feed_alone() -> None:
    plan = plan_of(AltinnFaultRule(kind=FaultKind.NOT_FOUND, order_id="a", count=2))
    assert met(plan, Endpoint.EMAILS, "b") is None
    assert met(plan, Endpoint.FEED) is None
    assert [met(plan, Endpoint.EMAILS, "a"), met(plan, Endpoint.SHIPMENT, "a")] == ["404", "404"]
    assert met(plan, Endpoint.EMAILS, "a") is None


def test_a_fault_of_one_endpoint_leaves_the_others_alone() -> None:
    plan = plan_of(AltinnFaultRule(kind=FaultKind.UNAVAILABLE, endpoint=Endpoint.FEED))
    assert met(plan, Endpoint.EMAILS, "a") is None
    assert met(plan, Endpoint.FEED) == "503"


def test_without_bounds_a_fault_meets_everything() -> None:
    plan = plan_of(AltinnFaultRule(kind=FaultKind.TIMEOUT))
    assert [met(plan, endpoint, "a") for endpoint in Endpoint] == ["timeout"] * 3


@pytest.mark.parametrize("kind", [FaultKind.LOCKED, FaultKind.LATE_ROW, FaultKind.HUGE_OFFSET])
def test_a_fault_of_nhns_api_is_refused(kind: FaultKind) -> None:
    with pytest.raises(ValueError, match=f"{kind.value} is no fault of Altinn's API; there are: 400, 401, "):
        plan_of(AltinnFaultRule(kind=kind))


def test_there_are_no_two_alike() -> None:
    assert len(set(ALTINN_FAULTS)) == len(ALTINN_FAULTS) == 25
