"""What Alembic runs to migrate: on the connection that `migrate` hands over, within its transaction."""

from alembic import context

from bridge.store.migrations import VERSION_TABLE
from bridge.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
