"""Each URL of the broker by itself: reached, signed in, its version."""

import re
import ssl
from contextlib import AsyncExitStack
from typing import NamedTuple

import aiormq

from bridge.check.amqp import server_of
from bridge.check.causes import Cause, cause_of
from bridge.check.facts import Server
from bridge.check.report import Finding, failed, ok, warning
from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.amqp import AmqpConnection
from bridge.rabbitmq.endpoint import Endpoint

SUBJECT = "broker"
CONNECT_S = 10.0
"""To be connected and signed in; as `bridge run` waits."""
OLDEST, NEWEST_MAJOR = (3, 10), 4
"""Supported: RabbitMQ 3.10 (Debian 12) to 4.x."""

_PORTS = "amqp:// has port 5672 as a rule, amqps:// 5671"
_URLS = "BRIDGE_BROKER__URLS"
_FIXES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (
        aiormq.ProbableAuthenticationError,
        (
            f"Correct user and password in {_URLS}; what is no letter or digit is written %XX there. RabbitMQ lets its "
            "user guest in from its own machine only."
        ),
    ),
    (aiormq.AuthenticationError, "Let the broker offer the mechanism PLAIN."),
    ((aiormq.IncompatibleProtocolError, aiormq.InvalidFrameError), f"Correct scheme and port in {_URLS}: {_PORTS}."),
)
_VHOST = (
    f"Correct the vhost, the path in {_URLS} (without one, it is the vhost /), or create it (rabbitmqctl add_vhost) "
    "and give the user permissions there (rabbitmqctl set_permissions)."
)
_ON_THE_WAY: dict[Cause | None, str] = {
    Cause.UNKNOWN_HOST: f"Correct the host in {_URLS}, or this machine's DNS.",
    Cause.REFUSED: f"Start RabbitMQ there, or correct host and port in {_URLS}: {_PORTS}.",
    Cause.CERTIFICATE: (
        "Name the authority that signed it in BRIDGE_BROKER__TLS__CA_FILE, and use a host name that is in the "
        "certificate."
    ),
    Cause.TLS: f"Correct scheme and port in {_URLS}: {_PORTS}. If the broker wants a client's certificate, set "
    "BRIDGE_BROKER__TLS__CERT_FILE and __KEY_FILE.",
    Cause.UNREACHABLE: "Let firewalls, network policies and routes pass AMQP to it.",
    Cause.BROKEN_OFF: f"Correct scheme and port in {_URLS}: {_PORTS}; see the broker's log.",
    None: f"Let firewalls and network policies pass AMQP to it, or correct host and port in {_URLS}: {_PORTS}.",
}


class Reached(NamedTuple):
    """What became of one URL."""

    finding: Finding
    connection: AmqpConnection | None = None
    """Open; None where it was not reached."""
    server: Server | None = None
    is_vhost_refused: bool = False


async def reach(endpoint: Endpoint, *, tls: ssl.SSLContext, resources: AsyncExitStack) -> Reached:
    """Connect and sign in; `resources` closes the connection."""
    try:
        connection = await AmqpConnection.open(
            endpoint, tls=tls, timeout_s=CONNECT_S, on_blocked=lambda _: None, on_lost=lambda _: None
        )
        resources.push_async_callback(connection.close)
        server = await server_of(connection)
    except BrokerUnavailable as error:
        return Reached(unreached(error, endpoint.address), is_vhost_refused=_is_vhost_refusal(error.__cause__))
    return Reached(server_finding(server, endpoint.address), connection, server)


def unreached(error: BrokerUnavailable, address: str) -> Finding:
    """Why there is no connection, and what to do."""
    found = str(error).removeprefix(f"RabbitMQ at {address}: ")
    return failed(SUBJECT, found, name=address, fix=_fix(error.__cause__ or error))


def _fix(reason: BaseException) -> str:
    if _is_vhost_refusal(reason):
        return _VHOST
    return next((fix for kind, fix in _FIXES if isinstance(reason, kind)), None) or _ON_THE_WAY[cause_of(reason)]


def _is_vhost_refusal(reason: BaseException | None) -> bool:
    """As bridge.rabbitmq.errors has it: aiormq takes the refusal for a frame that it did not expect."""
    is_unexpected = isinstance(reason, aiormq.InvalidFrameError) and "Connection.Close" in str(reason)
    return is_unexpected or isinstance(reason, aiormq.ConnectionNotAllowed)


def vhost_refused(address: str, vhost: str, *, exists: bool) -> Finding:
    """The refusal of a vhost, where the management API says whether it is there."""
    if exists:
        fix = (
            "Give the user permissions there: rabbitmqctl set_permissions. Or correct the path in BRIDGE_BROKER__URLS."
        )
        return failed(SUBJECT, f"the user may not use the vhost {vhost}", name=address, fix=fix)
    fix = (
        "Create it (rabbitmqctl add_vhost), or correct the path in BRIDGE_BROKER__URLS; without one, it is the vhost /."
    )
    return failed(SUBJECT, f"there is no vhost {vhost}", name=address, fix=fix)


def server_finding(server: Server, address: str) -> Finding:
    """Whether it is a broker that this version of the bridge is made for."""
    found = f"{server.product} {server.version}".strip() or "a broker that does not say what it is"
    supported = "Run RabbitMQ 3.10 to 4.x: the bridge's guarantees are tested on these."
    numbers = re.match(r"(\d+)\.(\d+)", server.version)
    if server.product != "RabbitMQ" or numbers is None:
        return warning(SUBJECT, f"signed in, but it is no RabbitMQ: {found}", name=address, fix=supported)
    major, minor = int(numbers[1]), int(numbers[2])
    if (major, minor) < OLDEST:
        return warning(SUBJECT, f"signed in; {found} is older than what is supported", name=address, fix=supported)
    if major > NEWEST_MAJOR:
        return warning(SUBJECT, f"signed in; {found} is newer than what is supported", name=address, fix=supported)
    return ok(SUBJECT, f"signed in; {found}", name=address)
