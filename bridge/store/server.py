"""What a PostgreSQL server says of itself and of the rights that we have there."""

from typing import NamedTuple

from sqlalchemy import Connection, text

from bridge.store.engine import Database
from bridge.store.migrations import VERSION_TABLE
from bridge.store.tables import metadata


class ServerSeen(NamedTuple):
    """What the server said of itself and of the user's rights."""

    version: int
    """Major and minor, e.g. 150018."""
    user: str
    is_read_only: bool
    has_fsync: bool
    can_create: bool
    """Whether the user may make tables where it would make them."""
    lacking: tuple[str, ...]
    """Tables of the store that the user may not read and write."""


_SERVER = text("""
    SELECT current_setting('server_version_num')::int,
           current_user::text,
           pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
           current_setting('fsync') = 'on',
           coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
""")
_LACKING = text("""
    SELECT relname::text FROM pg_class AS t
    WHERE relkind = 'r' AND pg_table_is_visible(t.oid) AND relname = ANY (CAST(:names AS text[]))
      AND NOT (has_table_privilege(t.oid, 'SELECT') AND has_table_privilege(t.oid, 'INSERT')
               AND has_table_privilege(t.oid, 'UPDATE') AND has_table_privilege(t.oid, 'DELETE'))
    ORDER BY relname
""")


async def look_at_server(database: Database) -> ServerSeen:
    """The server behind a PostgreSQL database. Raises StoreUnavailable."""
    return await database.read(_seen)


def _seen(connection: Connection) -> ServerSeen:
    version, user, is_read_only, has_fsync, can_create = (connection.execute(_SERVER)).one()
    lacking = connection.execute(_LACKING, {"names": [VERSION_TABLE, *metadata.tables]})
    return ServerSeen(version, user, is_read_only, has_fsync, can_create, tuple(lacking.scalars()))
