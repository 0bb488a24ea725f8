"""The schema's versions, applied by themselves when a store is opened.

Policy, expand then contract: replicas of this version and of the one before run on one database at the same time. So a
migration only adds what the version before does not mind (tables, indexes, columns that are nullable or have a
default); what no longer serves is taken away one release after the last program that used it. A migration is one file
in `versions/`, written by hand, numbered, with no way down; `bridge.store.tables` says the same in the present tense,
and a test compares the two.
"""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bridge.errors import ConfigurationError
from bridge.store.engine import Database
from bridge.store.errors import NoStoreYet

VERSION_TABLE = "bridge_schema"
"""Alembic's usual name would clash with another program's where a PostgreSQL database is shared."""
TIMEOUT_S = 300.0
"""Longest that all missing migrations together may take."""
ADVISORY_LOCK = 0x6E6F746966696272
"""The ASCII of "notifibr" as a number: PostgreSQL's advisory locks have no names."""


def head() -> str:
    """The newest revision that this program knows."""
    (revision,) = _scripts().get_heads()
    return revision


async def current_revision(database: Database) -> str | None:
    """The database's revision; None where there is no schema yet. Raises StoreUnavailable."""
    return await database.read(_current)


async def migrate(database: Database) -> None:
    """Bring the schema to `head`: all missing migrations in one transaction, or nothing.

    Safe when several processes start at once: the transaction takes SQLite's write lock, or on PostgreSQL a lock of its
    own, before it looks, and those that come later find nothing to do. Alembic's state is global, so only one call a
    process at a time. Raises ConfigurationError where the schema is newer than this program, and StoreUnavailable.
    """
    await database.write(_upgrade, timeout_s=TIMEOUT_S)


async def require_head(database: Database) -> None:
    """Raise ConfigurationError unless the schema is the one that this program works with: NoStoreYet where there is
    none.
    """
    revision = await current_revision(database)
    if revision is None:
        raise NoStoreYet("The store has no tables of a bridge yet: `bridge run` makes them")
    _refuse_newer(revision)
    if revision != head():
        raise ConfigurationError(
            f"The store's schema is revision {revision}, this program works with {head()}: `bridge run` brings it there"
        )


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = '{TIMEOUT_S:.0f}s'"))  # the wait for the lock included
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    _refuse_newer(_current(connection))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _refuse_newer(revision: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise ConfigurationError(
            f"The store's schema is revision {revision}, but this program knows none after {head()}: "
            "run the newer version of the bridge that made it"
        )


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "bridge.store:migrations")
    return config
