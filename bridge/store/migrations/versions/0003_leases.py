"""Leases: which replica runs what, and which replicas there are."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "replica",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("process", sa.LargeBinary, nullable=False),
        sa.Column("serves", sa.LargeBinary, nullable=False),
        sa.Column("wanted", sa.LargeBinary),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("called_by", sa.Text),
        sa.Column("is_stream", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
