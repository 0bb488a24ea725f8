"""What is said of a broker's node, reached or not, and of the management API."""

import socket
import ssl

import aiormq
import pytest

from bridge.check.facts import Server, Unseen
from bridge.check.management_api import nodes_finding, of_another, unanswered
from bridge.check.nodes import server_finding, unreached, vhost_refused
from bridge.check.report import Verdict
from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.management import ManagementRefused, ManagementUnavailable, Node, Overview


def unavailable(cause: BaseException | None) -> BrokerUnavailable:
    error = BrokerUnavailable("RabbitMQ at rabbit:5672: this happened")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        (socket.gaierror(), "Correct the host in BRIDGE_BROKER__URLS, or this machine's DNS."),
        (ConnectionRefusedError(), "Start RabbitMQ there, or correct host and port"),
        (ssl.SSLCertVerificationError(), "Name the authority that signed it in BRIDGE_BROKER__TLS__CA_FILE"),
        (ssl.SSLError(), "Correct scheme and port in BRIDGE_BROKER__URLS: amqp:// has port 5672 as a rule"),
        (ConnectionResetError(), "Correct scheme and port in BRIDGE_BROKER__URLS"),
        (OSError(113, "No route to host"), "Let firewalls, network policies and routes pass AMQP to it."),
        (aiormq.ProbableAuthenticationError("refused"), "Correct user and password in BRIDGE_BROKER__URLS"),
        (aiormq.AuthenticationError("refused"), "Let the broker offer the mechanism PLAIN."),
        (aiormq.InvalidFrameError("Connection.Close"), "Correct the vhost, the path in BRIDGE_BROKER__URLS"),
        (aiormq.ConnectionNotAllowed("NOT_ALLOWED"), "Correct the vhost, the path in BRIDGE_BROKER__URLS"),
        (aiormq.InvalidFrameError("HTTP/1.1"), "Correct scheme and port in BRIDGE_BROKER__URLS"),
        (aiormq.IncompatibleProtocolError("no"), "Correct scheme and port in BRIDGE_BROKER__URLS"),
        (None, "Let firewalls and network policies pass AMQP to it, or correct host and port"),
    ],
)
def test_each_way_of_not_being_reached_has_a_fix_of_its_own(cause: BaseException | None, fix: str) -> None:
    finding = unreached(unavailable(cause), "rabbit:5672")
    assert (finding.verdict, finding.name, finding.found) == (Verdict.FAILED, "rabbit:5672", "this happened")
    assert finding.fix is not None
    assert finding.fix.startswith(fix)


@pytest.mark.parametrize(
    ("exists", "found", "command"),
    [
        (False, "there is no vhost orders", "rabbitmqctl add_vhost"),
        (True, "the user may not use the vhost orders", "rabbitmqctl set_permissions"),
    ],
)
def test_a_vhost_that_is_missing_is_told_from_one_that_is_not_allowed(exists: bool, found: str, command: str) -> None:
    finding = vhost_refused("rabbit:5672", "orders", exists=exists)
    assert (finding.verdict, finding.found) == (Verdict.FAILED, found)
    assert finding.fix is not None
    assert command in finding.fix


@pytest.mark.parametrize(
    ("product", "version", "verdict", "found"),
    [
        ("RabbitMQ", "3.10.8", Verdict.OK, "signed in; RabbitMQ 3.10.8"),
        ("RabbitMQ", "3.13.7", Verdict.OK, "signed in; RabbitMQ 3.13.7"),
        ("RabbitMQ", "4.2.0-beta.1", Verdict.OK, "signed in; RabbitMQ 4.2.0-beta.1"),
        ("RabbitMQ", "3.9.29", Verdict.WARNING, "signed in; RabbitMQ 3.9.29 is older than what is supported"),
        ("RabbitMQ", "5.0.0", Verdict.WARNING, "signed in; RabbitMQ 5.0.0 is newer than what is supported"),
        ("LavinMQ", "2.1.0", Verdict.WARNING, "signed in, but it is no RabbitMQ: LavinMQ 2.1.0"),
        ("", "", Verdict.WARNING, "signed in, but it is no RabbitMQ: a broker that does not say what it is"),
    ],
)
def test_versions_beyond_what_is_tested_are_a_warning(product: str, version: str, verdict: Verdict, found: str) -> None:
    finding = server_finding(Server(product, version, "rabbit@one"), "rabbit:5672")
    assert (finding.verdict, finding.found) == (verdict, found)


class TestManagementApi:
    def test_a_cluster_that_is_whole_is_well(self) -> None:
        finding = nodes_finding([Node("rabbit@one"), Node("rabbit@two")])
        assert (finding.verdict, finding.found) == (Verdict.OK, "2 nodes running, no alarm")

    def test_whatever_is_wrong_with_a_node_is_told(self) -> None:
        finding = nodes_finding(
            [
                Node("rabbit@one", running=False),
                Node("rabbit@two", mem_alarm=True, disk_free_alarm=True),
                Node("rabbit@three", partitions=["rabbit@two"]),
            ]
        )
        assert finding.verdict is Verdict.FAILED
        assert finding.found == (
            "rabbit@one is down; rabbit@two is out of memory: publishers are blocked; "
            "rabbit@two is out of disk space: publishers are blocked; rabbit@three has lost sight of rabbit@two"
        )

    def test_nodes_that_its_user_may_not_see_cannot_be_verified(self) -> None:
        assert nodes_finding(Unseen("not shown")).verdict is Verdict.NOT_VERIFIABLE

    def test_one_that_answers_for_another_broker_is_a_failure(self) -> None:
        finding = of_another(Overview("3.10.8", "rabbit@test"), Server("RabbitMQ", "3.10.8", "rabbit@live"))
        assert finding.verdict is Verdict.FAILED
        assert finding.found == "of another broker: the cluster rabbit@test, while events go to rabbit@live"

    @pytest.mark.parametrize(
        ("error", "cause", "found", "fix"),
        [
            (ManagementRefused("401"), None, "it refuses the login", "Correct user and password in BRIDGE_BROKER__"),
            (
                ManagementUnavailable("x"),
                socket.gaierror(),
                "the host name is not known",
                "Correct the host in BRIDGE_",
            ),
            (ManagementUnavailable("x"), ConnectionRefusedError(), "nothing listens there", "Correct host and port in"),
            (ManagementUnavailable("no answer within 5 s"), None, "no answer within 5 s", "Correct BRIDGE_BROKER__MAN"),
        ],
    )
    def test_each_way_of_not_answering_has_a_fix_of_its_own(
        self, error: ManagementUnavailable, cause: BaseException | None, found: str, fix: str
    ) -> None:
        error.__cause__ = cause
        finding = unanswered(error)
        assert (finding.verdict, finding.found) == (Verdict.FAILED, found)
        assert finding.fix is not None
        assert finding.fix.startswith(fix)
