"""What the bridge's user needs, and whether it may."""

import pytest

from bridge.check.facts import ExchangeFacts, QueueFacts, Survey, Unseen
from bridge.check.permissions import allows, needs_of, permissions_finding
from bridge.check.report import Finding, Verdict
from bridge.rabbitmq.management import Permissions, TopicPermissions
from bridge.settings import AltinnSettings, BrokerSettings, Settings, Subscription

KEYS = {"nhn.notifications": ["new-message.7001", "apprec.7001"]}
ALL = Permissions(configure=".*", write=".*", read=".*")
UNSEEN = Unseen("BRIDGE_BROKER__MANAGEMENT_URL is not set")


def judged(
    permissions: Permissions | Unseen | None,
    *topic_permissions: TopicPermissions,
    broker: BrokerSettings | None = None,
    may_configure: bool | None = None,
) -> Finding:
    survey = Survey(
        exchanges={"nhn.notifications": ExchangeFacts(exists=True, may_configure=may_configure)},
        queues={"bridge.parked": QueueFacts(exists=True, may_configure=True)},
        bindings={},
        permissions=permissions,
        topic_permissions=topic_permissions,
        version="3.10.8",
    )
    return permissions_finding(Settings(broker=broker or BrokerSettings()), survey, KEYS)


class TestNeeds:
    def test_declaring_needs_to_configure_bind_and_publish(self) -> None:
        both = {"nhn.notifications", "bridge.parked"}
        assert needs_of(Settings()) == {"configure": both, "write": both, "read": {"bridge.parked"}}

    def test_a_queue_that_the_bridge_declares_is_configured_and_bound(self) -> None:
        own = Subscription(queue="inbox", exchange="other", bindings=("#",), declare=True)
        needs = needs_of(
            Settings(broker=BrokerSettings(subscriptions=(own, Subscription(queue="theirs", bindings=("#",)))))
        )
        assert needs["configure"] == {"nhn.notifications", "bridge.parked", "inbox"}
        assert needs["write"] == {"nhn.notifications", "bridge.parked", "inbox"}
        assert needs["read"] == {"bridge.parked", "other"}

    def test_where_others_declare_it_is_enough_to_publish(self) -> None:
        needs = needs_of(Settings(broker=BrokerSettings(topology="check")))
        assert needs == {"configure": set(), "write": {"nhn.notifications", "bridge.parked"}, "read": set()}

    def test_altinns_source_publishes_to_its_own_exchange_and_reads_the_queue_of_registrations(self) -> None:
        altinn = AltinnSettings(enabled=True)
        both = {"altinn.notifications", "bridge.parked"}
        assert needs_of(Settings(altinn=altinn)) == {
            "configure": both | {"bridge.altinn.orders"},
            "write": both,
            "read": {"bridge.parked", "bridge.altinn.orders"},
        }
        checking = Settings(altinn=altinn, broker=BrokerSettings(topology="check"))
        assert needs_of(checking) == {"configure": set(), "write": both, "read": {"bridge.altinn.orders"}}


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        (".*", "bridge.parked", True),
        ("^bridge\\.", "bridge.parked", True),
        ("parked", "bridge.parked", True),
        ("^parked", "bridge.parked", False),
        ("^$", "bridge.parked", False),
        ("", "bridge.parked", False),
    ],
)
def test_a_pattern_allows_as_it_does_at_the_broker(pattern: str, name: str, expected: bool) -> None:
    assert allows(pattern, name) is expected


class TestFinding:
    def test_what_covers_all_needs_is_well(self) -> None:
        finding = judged(ALL)
        assert (finding.verdict, finding.found) == (Verdict.OK, "configure, write, read: on all that is needed")

    def test_each_permission_that_is_lacking_is_named_with_what_it_is_lacking_on(self) -> None:
        finding = judged(Permissions(configure="^nhn", write=".*", read=""))
        assert finding.verdict is Verdict.FAILED
        assert finding.found == "the user lacks: configure on bridge.parked; read on bridge.parked"
        assert finding.fix is not None
        assert "rabbitmqctl set_permissions" in finding.fix

    def test_where_others_declare_only_publishing_has_to_be_allowed(self) -> None:
        publish = Permissions(configure="", write="^(nhn.notifications|bridge.parked)$", read="")
        finding = judged(publish, broker=BrokerSettings(topology="check"))
        assert (finding.verdict, finding.found) == (Verdict.OK, "write: on all that is needed")

    def test_routing_keys_that_a_topic_permission_forbids_are_named(self) -> None:
        finding = judged(ALL, TopicPermissions(exchange="nhn.notifications", write="^new-message", read=".*"))
        assert finding.found == ("the user lacks: write to nhn.notifications with the routing keys apprec.7001")
        assert finding.verdict is Verdict.FAILED

    def test_topic_permissions_of_other_exchanges_do_not_matter(self) -> None:
        assert judged(ALL, TopicPermissions(exchange="other", write="", read="")).verdict is Verdict.OK

    def test_topic_permissions_that_are_not_seen_are_not_held_against_it(self) -> None:
        survey = Survey(
            exchanges={}, queues={}, bindings={}, permissions=ALL, topic_permissions=UNSEEN, version="3.10.8"
        )
        assert permissions_finding(Settings(), survey, KEYS).verdict is Verdict.OK

    def test_a_user_that_is_kept_elsewhere_cannot_be_verified(self) -> None:
        assert judged(None).verdict is Verdict.NOT_VERIFIABLE

    def test_a_pattern_that_only_the_broker_can_read_cannot_be_verified(self) -> None:
        finding = judged(Permissions(configure="(?|a)", write=".*", read=".*"))
        assert finding.verdict is Verdict.NOT_VERIFIABLE

    def test_without_the_management_api_it_cannot_be_verified(self) -> None:
        finding = judged(UNSEEN, may_configure=True)
        assert (finding.verdict, finding.found) == (
            Verdict.NOT_VERIFIABLE,
            "BRIDGE_BROKER__MANAGEMENT_URL is not set",
        )

    def test_a_declare_that_amqp_refuses_is_a_failure_all_the_same(self) -> None:
        finding = judged(UNSEEN, may_configure=False)
        assert (finding.verdict, finding.found) == (
            Verdict.FAILED,
            "the user lacks: configure on nhn.notifications",
        )

    def test_a_declare_that_is_refused_does_not_matter_where_others_declare(self) -> None:
        finding = judged(UNSEEN, may_configure=False, broker=BrokerSettings(topology="check"))
        assert finding.verdict is Verdict.NOT_VERIFIABLE
