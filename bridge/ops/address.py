"""Where a running bridge is asked, from the settings that say where it listens."""

import ipaddress

from bridge.errors import BridgeError


class OpsPortError(BridgeError):
    """The ops port gave no answer, or not one that can be used; the message says what to check."""


def ops_url(host: str, port: int) -> str:
    """`http://host:port`; a bridge that listens on all addresses is asked on loopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if isinstance(address, ipaddress.IPv6Address):
        return f"http://[{'::1' if address.is_unspecified else address}]:{port}"
    return f"http://{'127.0.0.1' if address.is_unspecified else address}:{port}"


def no_answer(url: str) -> OpsPortError:
    """Nobody is there."""
    return OpsPortError(
        f"No bridge answers at {url}: check that `bridge run` is running, and that BRIDGE_OPS__HOST and "
        "BRIDGE_OPS__PORT (or --url) are those of its ops port."
    )


def no_bridge(url: str) -> OpsPortError:
    """Somebody else is there."""
    return OpsPortError(f"What answers at {url} is no bridge of this version: check the address.")


def printable(text: str) -> str:
    """The text without what could steer a terminal: it came over the network."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
