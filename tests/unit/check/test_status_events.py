"""Altinn's events that no queue is bound for."""

from collections.abc import Sequence

import pytest

from bridge.check.facts import ExchangeFacts
from bridge.check.report import Verdict
from bridge.check.routes import event_type_findings
from bridge.check.status_events import StatusEvents
from bridge.rabbitmq.management import Binding

OK, WARNING = Verdict.OK, Verdict.WARNING
KNOWN = (
    "email-status.new, email-status.sending, email-status.succeeded, email-status.delivered, email-status.failed, "
    "email-status.failed-recipient-reserved, email-status.failed-recipient-not-identified, "
    "email-status.failed-invalid-email-format, email-status.failed-supressed-recipient, email-status.failed-bounced, "
    "email-status.failed-filtered-spam, email-status.failed-quarantined, email-status.failed-ttl, "
    "email-status.failed-transient-error, email-status.failed-invalid-sas-url, email-status.failed-payload-too-large"
)


def told(patterns: Sequence[str], *, with_closings: bool = False) -> list[tuple[Verdict, str, str]]:
    bindings = [Binding("inbox", "queue", pattern) for pattern in patterns]
    findings = event_type_findings(
        "altinn",
        ExchangeFacts(exists=True),
        bindings,
        planned=(),
        events=StatusEvents(with_closings),
        unroutable="park",
    )
    return [(finding.verdict, finding.name, finding.found) for finding in findings]


@pytest.mark.parametrize(
    ("patterns", "with_closings", "found"),
    [
        (["#"], True, "a queue is bound for each: email-status.*, order-closed.*"),
        (["email-status.*"], False, "a queue is bound for each: email-status.*"),
        (["email-status.#", "order-closed.*"], True, "a queue is bound for each: email-status.*, order-closed.*"),
    ],
)
def test_all_that_have_a_queue_are_well(patterns: list[str], with_closings: bool, found: str) -> None:
    assert told(patterns, with_closings=with_closings) == [(OK, "Altinn", found)]


@pytest.mark.parametrize(
    ("patterns", "with_closings", "missing"),
    [
        ([], False, "email-status.*"),
        (["email-status.*"], True, "order-closed.*"),
        (["new-message.*"], True, "email-status.*, order-closed.*"),
        (
            ["email-status.*", "order-closed.completed", "order-closed.cancelled"],
            True,
            "order-closed.condition-not-met",
        ),
        (KNOWN.split(", "), False, "email-status.a-status-that-altinn-adds-later"),
        (["email-status.a-status-that-altinn-adds-later"], False, KNOWN),
    ],
)
def test_those_without_a_queue_are_named_by_their_routing_keys(
    patterns: list[str], with_closings: bool, missing: str
) -> None:
    ((verdict, name, found),) = told(patterns, with_closings=with_closings)
    assert (verdict, name) == (WARNING, "Altinn")
    assert found.startswith(f"no queue is bound for {missing}")
    assert found.endswith(": they will be parked")


def test_the_fix_is_a_queue_for_the_rest() -> None:
    events = StatusEvents(with_closings=True)
    assert events.fix({"order-closed.completed": 1}) == (
        "Bind a queue for them (e.g. `order-closed.#`), even one that only keeps what nobody else wants."
    )
