"""The connections to a PostgreSQL server: how they are made and guarded, what the server is told about each."""

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from bridge.store.url import SSL_MODE, parse_url, uses_tls
from bridge.tls import client_context

POOL_SIZE = 5
"""Connections of a process. A commit takes about a millisecond, so that five serve hundreds of streams, and ten
replicas stay under a server's usual 100."""
LEASES_POOL_SIZE = 2
"""Connections of a process for its heartbeats alone: behind commits that queue they would come too late."""
CONNECT_TIMEOUT_S = 5.0
"""For a connection, signing in included; less than a transaction may take, so that its answer comes first."""
STATEMENT_TIMEOUT_S = 10.0
"""After which the server ends a statement, a wait for a lock included; less than a transaction may take."""
IDLE_TIMEOUT_S = 5.0
"""After which the server ends a transaction whose client has fallen silent, and with it the transaction's locks."""

READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""All statements of a reading transaction see one state."""
WRITING = {"isolation_level": "READ COMMITTED"}
"""Each statement sees what others committed before it: after the wait for a row's lock, the row as it is then."""

SERVER_SETTINGS = {
    "application_name": "notification-bridge",
    "statement_timeout": f"{STATEMENT_TIMEOUT_S:.0f}s",
    "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT_S:.0f}s",
    # So that the server, too, finds out that a client is gone without a word.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}

_ON_DISK = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off')",
    "SELECT set_config('timezone', 'UTC', false)",
)
"""A commit is on disk when it returns, also where the server's own settings ask for less. What they ask for more, such
as the standby's disk, stays."""


def postgresql_engine(
    url: URL,
    *,
    tls: ssl.SSLContext | None = None,
    read_url: Callable[[], str] | None = None,
    pool_size: int = POOL_SIZE,
) -> AsyncEngine:
    """An engine for the database; nothing is connected yet.

    `tls`: for a way that is encrypted (`url.uses_tls`); default: the system's authorities are trusted. `read_url`:
    where the URL is now, asked at each new connection for its user and password, which may have been exchanged.
    `pool_size`: most connections at a time, ≥ 1.
    """
    secure: ssl.SSLContext | bool = (tls or client_context("BRIDGE_STORE__TLS")) if uses_tls(url) else False
    engine = create_async_engine(
        url.difference_update_query([SSL_MODE]),
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"ssl": secure, "timeout": CONNECT_TIMEOUT_S, "server_settings": SERVER_SETTINGS},
    )
    if read_url is not None:
        event.listen(engine.sync_engine, "do_connect", partial(_sign_in_as_told_now, read_url))
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "checkout", _replace_closed)
    return engine


def _sign_in_as_told_now(
    read_url: Callable[[], str], _dialect: object, _record: object, _args: object, parameters: dict[str, Any]
) -> None:
    now = parse_url(read_url())
    for name, value in (("user", now.username), ("password", now.password)):
        if value is None:
            parameters.pop(name, None)
        else:
            parameters[name] = value


def _configure(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for statement in _ON_DISK:
        cursor.execute(statement)
    cursor.close()
    connection.commit()


def _replace_closed(connection: DBAPIConnection, _record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """A connection that the server has closed, as when it was restarted, is replaced before it is used.

    Asking the server instead (`pool_pre_ping`) would cost three round trips a transaction.
    """
    driver = connection.driver_connection
    if driver is not None and driver.is_closed():
        raise DisconnectionError("the server has closed this connection")
