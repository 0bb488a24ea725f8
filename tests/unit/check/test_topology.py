"""Exchanges and the parked queue: what is there, against what has to be."""

from collections.abc import Mapping

import pytest

from bridge.check.facts import ExchangeFacts, QueueFacts
from bridge.check.report import Verdict
from bridge.check.topology import exchange_finding, parked_queue_findings, registrations_findings
from bridge.settings import BrokerSettings

OK, FAILED, WARNING, NOT_VERIFIABLE = Verdict.OK, Verdict.FAILED, Verdict.WARNING, Verdict.NOT_VERIFIABLE
MISSING = "not there yet: `bridge run` declares it"
ARGUMENTS: Mapping[str, object] = {"queue-type": "quorum", "delivery-limit": 1_000_000}


@pytest.mark.parametrize(
    ("facts", "mode", "verdict", "found"),
    [
        (ExchangeFacts(exists=True, is_compared=True), "declare", OK, "durable, type topic"),
        (ExchangeFacts(exists=True, is_compared=True), "check", OK, "durable, type topic"),
        (ExchangeFacts(exists=False), "declare", OK, MISSING),
        (ExchangeFacts(exists=False), "check", FAILED, "not there"),
        (
            ExchangeFacts(exists=True, is_compared=True, differs="its type is fanout"),
            "check",
            FAILED,
            "its type is fanout",
        ),
        (
            ExchangeFacts(exists=True),
            "declare",
            NOT_VERIFIABLE,
            "there; whether it is durable and of type topic cannot be seen",
        ),
        (ExchangeFacts(), "declare", NOT_VERIFIABLE, "no broker could be asked"),
    ],
)
def test_an_exchange_has_to_be_there_or_to_be_declared(
    facts: ExchangeFacts, mode: str, verdict: Verdict, found: str
) -> None:
    finding = exchange_finding("exchange", "nhn.notifications", "topic", facts, setting="EXCHANGE_NHN", mode=mode)
    assert (finding.verdict, finding.found, finding.name) == (verdict, found, "nhn.notifications")


@pytest.mark.parametrize(
    ("kind", "setting"), [("topic", "EXCHANGE_NHN"), ("topic", "EXCHANGE_ALTINN"), ("fanout", "EXCHANGE_PARKED")]
)
def test_an_exchange_of_another_kind_is_mended_by_its_own_setting(kind: str, setting: str) -> None:
    facts = ExchangeFacts(exists=True, is_compared=True, differs="it is not durable")
    fix = exchange_finding("exchange", "x", kind, facts, setting=setting, mode="declare").fix
    assert fix == (
        f"Delete it, so that it can be declared anew (durable, type {kind}), "
        f"or name another one in BRIDGE_BROKER__{setting}."
    )


def parked(
    facts: QueueFacts, *, is_bound: bool | None = True, version: str | None = "3.10.8", **settings: object
) -> list[tuple[Verdict, str]]:
    broker = BrokerSettings.model_validate(settings)
    findings = parked_queue_findings(broker, facts, is_bound=is_bound, version=version)
    return [(finding.verdict, finding.found) for finding in findings]


def queue(messages: int | None = 0, arguments: Mapping[str, object] | None = None) -> QueueFacts:
    return QueueFacts(exists=True, messages=messages, type="quorum", limits={**ARGUMENTS, **(arguments or {})})


class TestParkedQueue:
    def test_one_that_is_missing_is_declared_or_a_failure(self) -> None:
        assert parked(QueueFacts(exists=False)) == [(OK, MISSING)]
        assert parked(QueueFacts(exists=False), topology="check") == [(FAILED, "not there")]

    def test_one_that_is_no_durable_queue_for_everybody_is_a_failure(self) -> None:
        facts = QueueFacts(exists=True, differs="it is not durable", messages=0)
        assert parked(facts) == [(FAILED, "it is not durable")]

    def test_without_a_broker_nothing_is_said(self) -> None:
        assert parked(QueueFacts()) == [(NOT_VERIFIABLE, "no broker could be asked")]

    @pytest.mark.parametrize(
        ("messages", "verdict", "found"),
        [
            (0, OK, "0 of at most 100 messages"),
            (79, OK, "79 of at most 100 messages"),
            (80, WARNING, "80 of at most 100 messages"),
            (99, WARNING, "99 of at most 100 messages"),
            (100, FAILED, "100 of at most 100 messages: nothing more is parked, streams are held"),
        ],
    )
    def test_it_fails_when_full_and_warns_when_nearly_so(self, messages: int, verdict: Verdict, found: str) -> None:
        assert parked(queue(messages), parked_limit=100) == [(verdict, found)]

    def test_one_that_is_not_bound_is_bound_by_run_or_a_failure(self) -> None:
        assert parked(queue(), is_bound=False) == [(OK, "0 of at most 100000 messages; `bridge run` binds it")]
        assert parked(queue(), is_bound=False, topology="check") == [
            (FAILED, "not bound to the exchange bridge.parked: nothing can be parked")
        ]

    def test_what_amqp_does_not_show_is_not_taken_for_well(self) -> None:
        assert parked(QueueFacts(exists=True, messages=3), is_bound=None) == [
            (NOT_VERIFIABLE, "3 of at most 100000 messages; its binding and its arguments cannot be seen")
        ]
        assert parked(queue(None)) == [(NOT_VERIFIABLE, "there; how much is in it cannot be seen")]

    @pytest.mark.parametrize(
        ("arguments", "danger"),
        [
            ({"message-ttl": 86_400_000}, "message-ttl 86400000 drops messages"),
            ({"expires": 3_600_000}, "expires 3600000 drops messages"),
            ({"max-length": 1000}, "max-length 1000 drops messages"),
            ({"max-length-bytes": 5000, "overflow": "drop-head"}, "max-length-bytes 5000 drops messages"),
            ({"delivery-limit": 5}, "a message is dropped after it was looked at 5 times (delivery-limit)"),
        ],
    )
    def test_whatever_drops_what_is_parked_is_a_warning(self, arguments: dict[str, object], danger: str) -> None:
        assert parked(queue(arguments=arguments)) == [(OK, "0 of at most 100000 messages"), (WARNING, danger)]

    def test_a_length_beyond_which_messages_are_refused_drops_nothing(self) -> None:
        assert len(parked(queue(arguments={"max-length": 1000, "overflow": "reject-publish"}))) == 1

    def test_a_delivery_limit_of_minus_one_is_none(self) -> None:
        assert len(parked(queue(arguments={"delivery-limit": -1}))) == 1

    @pytest.mark.parametrize(("version", "warned"), [("3.13.7", False), ("4.0.5", True), (None, False), ("v4", False)])
    def test_from_rabbitmq_4_on_a_quorum_queue_has_a_delivery_limit_by_itself(
        self, version: str | None, warned: bool
    ) -> None:
        facts = QueueFacts(exists=True, messages=0, type="quorum", limits={})
        told = [found for _, found in parked(facts, version=version)]
        assert ("a message is dropped after it was looked at 20 times (delivery-limit)" in told) is warned

    def test_a_classic_queue_is_a_warning(self) -> None:
        facts = QueueFacts(exists=True, messages=0, type="classic", limits={})
        assert parked(facts, version="4.0.5")[1:] == [
            (WARNING, "it is a classic queue, which a lost disk takes with it")
        ]


@pytest.mark.parametrize(
    ("facts", "mode", "told"),
    [
        (QueueFacts(), "declare", [(NOT_VERIFIABLE, "no broker could be asked")]),
        (QueueFacts(exists=False), "declare", [(OK, MISSING)]),
        (QueueFacts(exists=False), "check", [(FAILED, "not there")]),
        (QueueFacts(exists=True, differs="it is not durable"), "declare", [(FAILED, "it is not durable")]),
        (
            QueueFacts(exists=True, messages=3),
            "declare",
            [(NOT_VERIFIABLE, "there; 3 registrations waiting; its arguments cannot be seen")],
        ),
        (
            QueueFacts(exists=True, messages=0, type="quorum", limits={}),
            "check",
            [(OK, "durable, type quorum; 0 registrations waiting")],
        ),
        (
            QueueFacts(exists=True, messages=1, type="classic", limits={}),
            "declare",
            [(OK, "durable, type classic; 1 registration waiting")],
        ),
        (
            QueueFacts(exists=True, messages=0, type="quorum", limits={"max-length": 10, "message-ttl": 5}),
            "declare",
            [
                (OK, "durable, type quorum; 0 registrations waiting"),
                (WARNING, "message-ttl 5 drops messages; max-length 10 drops messages"),
            ],
        ),
    ],
)
def test_registrations_may_wait_in_any_durable_queue_that_drops_none(
    facts: QueueFacts, mode: str, told: list[tuple[Verdict, str]]
) -> None:
    findings = registrations_findings("bridge.altinn.orders", facts, mode=mode)
    assert [(finding.verdict, finding.found) for finding in findings] == told
    assert {finding.name for finding in findings} == {"bridge.altinn.orders"}
