"""RabbitMQ's management API itself: does it answer, for the same broker, and what does it say of the nodes?"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bridge.check.causes import Cause, cause_of
from bridge.check.facts import Server, Unseen
from bridge.check.report import Finding, failed, not_verifiable, ok, plural
from bridge.check.survey import Asker
from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.management import Management, ManagementRefused, ManagementUnavailable, Node, Overview

SUBJECT = "management API"
NODES = "broker nodes"
_URL = "BRIDGE_BROKER__MANAGEMENT_URL"
NOT_SET = Unseen(f"{_URL} is not set")
_FIXES: Mapping[Cause | None, str] = MappingProxyType(
    {
        Cause.UNKNOWN_HOST: f"Correct the host in {_URL}, or this machine's DNS.",
        Cause.REFUSED: f"Correct host and port in {_URL} (15672 as a rule, with TLS 15671), or enable the plugin "
        "there: rabbitmq-plugins enable rabbitmq_management.",
        Cause.CERTIFICATE: "Name the authority that signed it in BRIDGE_BROKER__TLS__CA_FILE, and use a host name that "
        "is in the certificate.",
        Cause.TLS: f"Correct http:// or https://, and the port, in {_URL} (15672 as a rule, with TLS 15671).",
    }
)
_ANY_FIX = f"Correct {_URL}: http:// with port 15672 as a rule, https:// with 15671; see that a firewall lets it pass."


async def look_at_management(management: Management | None, server: Server | None) -> tuple[list[Finding], Asker]:
    """What it says of itself and its nodes, and whom to ask further. `server`: who answered by AMQP."""
    if management is None:
        found = f"{_URL} is not set: permissions, bindings and arguments cannot be seen"
        fix = "Set it, with a user that has the tag monitoring (for permissions, administrator), to have these checked."
        return [not_verifiable(SUBJECT, found, fix=fix)], Asker(None, NOT_SET)
    try:
        overview = await management.overview()
    except ManagementUnavailable as error:
        return [unanswered(error)], Asker(None)
    asker = Asker(management)
    if server is not None and server.cluster != overview.cluster_name:
        return [of_another(overview, server)], Asker(None, Unseen("the management API is of another broker"))
    nodes = await asker.ask(lambda management: management.nodes(), tag="monitoring")
    return [ok(SUBJECT, f"answers for the cluster {overview.cluster_name}"), nodes_finding(nodes)], asker


def unanswered(error: BrokerUnavailable) -> Finding:
    """Why it cannot be asked, and what to do."""
    if isinstance(error, ManagementRefused):
        fix = f"Correct user and password in {_URL}, and give that user the tag monitoring (rabbitmqctl set_user_tags)."
        return failed(SUBJECT, "it refuses the login", fix=fix)
    cause = cause_of(error)
    found = str(error) if cause is None else cause.value
    return failed(SUBJECT, found, fix=_FIXES.get(cause, _ANY_FIX))


def of_another(overview: Overview, server: Server) -> Finding:
    """It answers for a cluster that is not the one that events go to."""
    found = f"of another broker: the cluster {overview.cluster_name}, while events go to {server.cluster}"
    return failed(SUBJECT, found, fix=f"Correct {_URL}, or BRIDGE_BROKER__URLS.")


def nodes_finding(nodes: Sequence[Node] | Unseen) -> Finding:
    """Whether the cluster is whole, and takes messages."""
    if isinstance(nodes, Unseen):
        return not_verifiable(NODES, nodes.why, fix=nodes.fix)
    troubles = [
        *(f"{node.name} is down" for node in nodes if not node.running),
        *(f"{node.name} is out of memory: publishers are blocked" for node in nodes if node.mem_alarm),
        *(f"{node.name} is out of disk space: publishers are blocked" for node in nodes if node.disk_free_alarm),
        *(f"{node.name} has lost sight of {', '.join(node.partitions)}" for node in nodes if node.partitions),
    ]
    if troubles:
        fix = "Mend the cluster first: nothing is lost meanwhile, but events may have to wait."
        return failed(NODES, "; ".join(troubles), fix=fix)
    return ok(NODES, f"{plural(len(nodes), 'node')} running, no alarm")
