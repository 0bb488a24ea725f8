"""One AMQP URL, checked, and what of it may be shown."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from bridge.errors import ConfigurationError

PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A broker's node. Only `address` is for people: the URL holds the user and the password."""

    url: str = field(repr=False)
    host: str
    port: int
    uses_tls: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ConfigurationError, without a word of the URL's user and password, where no broker can be meant.

        Query parameters are refused, all of them: libraries read settings of TLS there (`no_verify_ssl`, `cafile`, …)
        that would pass by our own, which always verify.
        """
        try:
            parts = urlsplit(url)
            host, port, scheme = parts.hostname, parts.port, parts.scheme
        except ValueError:
            raise ConfigurationError(
                "A broker's URL cannot be read: write amqp://user:password@host:5672/vhost"
            ) from None
        if scheme not in PORTS or not host:
            raise ConfigurationError("A broker's URL must be amqp://… or amqps://user:password@host:5671/vhost")
        endpoint = cls(url=url, host=host, port=port or PORTS[scheme], uses_tls=scheme == "amqps")
        if parts.query or parts.fragment:
            raise ConfigurationError(
                f"The broker's URL for {endpoint.address} has parameters after its vhost: take them out; "
                "TLS is set by BRIDGE_BROKER__TLS__CA_FILE, __CERT_FILE and __KEY_FILE, and is always verified"
            )
        return endpoint

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def vhost(self) -> str:
        """The vhost that the URL names, `/` where it names none."""
        return unquote(urlsplit(self.url).path[1:]) or "/"
