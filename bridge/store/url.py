"""What `BRIDGE_STORE__URL` says: which database, by which driver, and how the way to it is guarded."""

import ipaddress

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from bridge.errors import ConfigurationError

SSL_MODE = "sslmode"
PLAIN_TEXT = "disable"
VERIFIED = frozenset({"require", "verify-ca", "verify-full"})
"""Values of `sslmode` that ask for TLS. Each gets all of it: authority and host name are checked."""


def parse_url(url: str) -> URL:
    """The URL with its driver. Raises ConfigurationError, without the URL, which may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Without its cause, which may quote the URL.
        raise ConfigurationError(
            "BRIDGE_STORE__URL is not a database URL: use sqlite:///path/to/bridge.db or postgresql://host/database"
        ) from None
    match parsed.drivername:
        case "sqlite":
            if parsed.host or parsed.username or parsed.query or parsed.database in {None, "", ":memory:"}:
                raise ConfigurationError(
                    "BRIDGE_STORE__URL has to name a file and nothing else: use sqlite:///relative/path.db or "
                    "sqlite:////absolute/path.db"
                )
            return parsed.set(drivername="sqlite")
        case "postgresql" | "postgres" | "postgresql+asyncpg":
            _require_server(parsed)
            return parsed.set(drivername="postgresql+asyncpg")
        case _:
            raise ConfigurationError("BRIDGE_STORE__URL has to begin with sqlite:/// or postgresql://")


def uses_tls(url: URL) -> bool:
    """Whether the way to this PostgreSQL is encrypted: always, unless it stays on this machine or `sslmode` says so."""
    mode = url.query.get(SSL_MODE)
    return mode != PLAIN_TEXT if mode else not _is_loopback(url.host or "")


def _require_server(url: URL) -> None:
    if not url.host or not url.database:
        raise ConfigurationError("BRIDGE_STORE__URL has to name host and database: use postgresql://user@host/database")
    if not url.query.keys() <= {SSL_MODE}:
        raise ConfigurationError(
            "BRIDGE_STORE__URL can have one parameter, sslmode; files of TLS are named in BRIDGE_STORE__TLS__…"
        )
    if url.query.get(SSL_MODE, PLAIN_TEXT) not in {PLAIN_TEXT, *VERIFIED}:
        raise ConfigurationError(
            "BRIDGE_STORE__URL: sslmode is verify-full (the default) or, for plain text, disable; what may fall back "
            "to plain text unasked is not supported"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
