"""The route contract, and the events that no queue is bound for."""

import time
from collections.abc import Sequence

import pytest

from bridge.check.facts import ExchangeFacts, QueueFacts, Unseen
from bridge.check.receiver_events import ReceiverEvents, unbound
from bridge.check.report import Finding, Verdict
from bridge.check.routes import event_type_findings, subscription_finding, vain_binding_findings
from bridge.rabbitmq.management import Binding
from bridge.settings import Subscription

OK, FAILED, WARNING, NOT_VERIFIABLE = Verdict.OK, Verdict.FAILED, Verdict.WARNING, Verdict.NOT_VERIFIABLE
UNSEEN = Unseen("the management API gives no answer")
THERE, MISSING = QueueFacts(exists=True), QueueFacts(exists=False)
PATTERNS = ("new-message.*", "apprec.*")


def to_inbox(*keys: str) -> list[Binding]:
    return [Binding("inbox", "queue", key) for key in keys]


def subscription(*, required: bool = True, declare: bool = False, bindings: tuple[str, ...] = PATTERNS) -> Subscription:
    return Subscription(queue="inbox", bindings=bindings, required=required, declare=declare)


@pytest.mark.parametrize(
    ("wanted", "queue", "bindings", "verdict", "found"),
    [
        (subscription(), THERE, to_inbox(*PATTERNS, "#"), OK, "bound to nhn with new-message.*, apprec.*"),
        (subscription(), THERE, to_inbox("apprec.*"), FAILED, "not bound to nhn with new-message.*; streams are held"),
        (subscription(required=False), THERE, [], WARNING, "not bound to nhn with new-message.*, apprec.* (it is not"),
        (subscription(declare=True), THERE, [], OK, "`bridge run` binds it to nhn with new-message.*, apprec.*"),
        (subscription(bindings=()), THERE, UNSEEN, OK, "the queue is there"),
        (subscription(), THERE, UNSEEN, NOT_VERIFIABLE, "the queue is there; its bindings cannot be seen: the manage"),
        (subscription(), MISSING, UNSEEN, FAILED, "the queue is not there; streams are held until it is"),
        (subscription(required=False), MISSING, [], WARNING, "the queue is not there (it is not required)"),
        (subscription(declare=True), MISSING, [], OK, "not there yet: `bridge run` declares it and binds it"),
        (subscription(), QueueFacts(), UNSEEN, NOT_VERIFIABLE, "no broker could be asked"),
    ],
)
def test_a_required_queue_has_to_be_there_with_its_bindings(
    wanted: Subscription, queue: QueueFacts, bindings: Sequence[Binding] | Unseen, verdict: Verdict, found: str
) -> None:
    finding = subscription_finding(wanted, "nhn", queue, bindings)
    assert (finding.verdict, finding.name) == (verdict, "inbox")
    assert finding.found.startswith(found)


def test_a_binding_of_another_queue_or_of_an_exchange_with_that_name_is_none() -> None:
    others = [Binding("other", "queue", "new-message.*"), Binding("inbox", "exchange", "apprec.*")]
    finding = subscription_finding(subscription(), "nhn", THERE, others)
    assert finding.found.startswith("not bound to nhn with new-message.*, apprec.*")


def test_a_queue_of_an_exchange_that_nobody_has_declared_gets_nothing() -> None:
    wanted = subscription(declare=True)
    finding = subscription_finding(wanted, "theirs", MISSING, [], is_exchange_missing=True)
    assert (finding.verdict, finding.found) == (
        FAILED,
        "its exchange theirs is not there; streams are held until it is",
    )
    assert subscription_finding(subscription(bindings=()), "theirs", THERE, [], is_exchange_missing=True).verdict is OK


def test_a_required_queue_that_does_not_hold_the_streams_is_not_said_to() -> None:
    wanted = Subscription(queue="inbox", on_missing="continue")
    finding = subscription_finding(wanted, "nhn", MISSING, [])
    assert (finding.verdict, finding.found) == (FAILED, "the queue is not there")


def test_the_fix_says_what_the_subscriber_has_to_declare() -> None:
    finding = subscription_finding(subscription(), "nhn", MISSING, [])
    assert finding.fix == (
        "Have the subscriber declare it, bound to nhn with new-message.*, apprec.*, "
        "or take it out of BRIDGE_BROKER__SUBSCRIPTIONS."
    )


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([], {"new-message": 3, "apprec": 3}),
        (["#"], {}),
        (["*.*"], {}),
        (["*.#"], {}),
        (["*"], {"new-message": 3, "apprec": 3}),
        (["new-message.*"], {"apprec": 3}),
        (["new-message.#", "apprec.*"], {}),
        (["new-message"], {"new-message": 3, "apprec": 3}),
        (["new-message.7001"], {"new-message": 2, "apprec": 3}),
        (["*.7001", "#.7002"], {"new-message": 1, "apprec": 1}),
        (["new-message.7001", "new-message.7002", "new-message.7003", "apprec.*"], {}),
        (["new-message.7001", "new-message.7001.#"], {"new-message": 2, "apprec": 3}),
        (["new-message.9999"], {"new-message": 3, "apprec": 3}),
        (["new-message.*.7001"], {"new-message": 3, "apprec": 3}),
        (["sent-state.*", "*.sent-state"], {"new-message": 3, "apprec": 3}),
        (["new-message.0"], {"new-message": 3, "apprec": 3}),
        (["new-message."], {"new-message": 3, "apprec": 3}),
        (["7001.new-message", "7001.7002"], {"new-message": 3, "apprec": 3}),
    ],
)
def test_events_are_unbound_for_the_her_ids_that_no_pattern_takes(
    patterns: list[str], expected: dict[str, int]
) -> None:
    assert unbound(["new-message", "apprec"], [7001, 7002, 7003], patterns) == expected


def test_tens_of_thousands_of_bindings_are_no_work() -> None:
    her_ids = range(1_000_000, 1_045_000)
    started = time.process_time()
    assert unbound(["new-message", "apprec"], her_ids, [f"new-message.{each}" for each in her_ids]) == {
        "apprec": 45_000
    }
    assert time.process_time() - started < 5


def told(
    bindings: Sequence[Binding] | Unseen,
    *,
    planned: Sequence[str] = (),
    unroutable: str = "park",
    elsewhere: str | None = None,
) -> list[Finding]:
    return list(
        event_type_findings(
            "nhn",
            ExchangeFacts(exists=True, elsewhere=elsewhere),
            bindings,
            planned=planned,
            events=ReceiverEvents(["new-message", "apprec"], [7001, 7002]),
            unroutable=unroutable,
        )
    )


def test_a_binding_that_takes_nothing_is_named_for_it_is_misspelt_as_a_rule() -> None:
    events = ReceiverEvents(["new-message", "apprec"], [7001, 7002])
    bindings = ("new-mesage.*", "apprec.7002", "new-message.9", "#")
    (finding,) = vain_binding_findings(subscription(bindings=bindings), events)
    assert (finding.verdict, finding.name) == (WARNING, "inbox")
    assert finding.found == "nothing that will be published fits new-mesage.*, new-message.9"
    assert finding.fix is not None
    assert "routing keys are such as new-message.7001" in finding.fix
    assert list(vain_binding_findings(subscription(), events)) == []


class TestEventTypes:
    def test_all_that_have_a_queue_are_well(self) -> None:
        (finding,) = told(to_inbox("#"))
        assert (finding.verdict, finding.found) == (OK, "a queue is bound for each: new-message, apprec")

    def test_those_without_a_queue_are_a_warning_that_says_what_becomes_of_them(self) -> None:
        (finding,) = told(to_inbox("new-message.7001"))
        assert finding.verdict is WARNING
        assert finding.found == "no queue is bound for apprec, new-message of 1 of 2 HER-ids: they will be parked"
        assert (
            finding.fix == "Bind a queue for them (e.g. `new-message.*`), or name the unwanted in BRIDGE_NHN__IGNORE."
        )

    def test_where_nothing_is_parked_the_first_one_holds_its_stream(self) -> None:
        (finding,) = told(to_inbox("new-message.*"), unroutable="hold")
        assert finding.found == "no queue is bound for apprec: the first one holds its stream (BROKER__UNROUTABLE)"

    def test_what_the_bridge_will_bind_itself_counts(self) -> None:
        (finding,) = told(to_inbox("new-message.*"), planned=["apprec.*"])
        assert finding.verdict is OK

    def test_what_goes_on_to_another_exchange_cannot_be_verified(self) -> None:
        onward = Binding("audit", "exchange", "apprec.*")
        (finding,) = told([*to_inbox("new-message.*"), onward])
        assert finding.verdict is NOT_VERIFIABLE
        assert finding.found == "no queue of its own for apprec; an exchange bound to nhn may have one"

    def test_what_no_other_exchange_takes_either_is_still_a_warning(self) -> None:
        onward = Binding("audit", "exchange", "apprec.*")
        verdicts = [finding.verdict for finding in told([onward])]
        assert verdicts == [NOT_VERIFIABLE, WARNING]

    def test_with_an_alternate_exchange_nothing_is_known_to_be_lost(self) -> None:
        (finding,) = told([], elsewhere="its alternate exchange")
        assert finding.verdict is NOT_VERIFIABLE
        assert finding.found == "no queue of its own for new-message, apprec; its alternate exchange may have one"

    def test_without_the_management_api_it_cannot_be_verified(self) -> None:
        (finding,) = told(UNSEEN)
        assert finding.verdict is NOT_VERIFIABLE
        assert finding.found == "bindings cannot be seen: the management API gives no answer"
