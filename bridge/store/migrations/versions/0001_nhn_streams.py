"""Streams of NHN receivers: their cursors, unnumbered items and recent offsets."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "nhn_stream",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("commit_id", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cursor >= 0", name="cursor_not_negative"),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("tenant", "name"),
    )
    op.create_table(
        "nhn_receiver",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("her_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("stream", sa.Text),
        sa.Column("cursor", sa.BigInteger),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cursor >= 0", name="cursor_not_negative"),
        sa.CheckConstraint("stream IS NOT NULL OR cursor IS NOT NULL", name="retired_keeps_cursor"),
        sa.ForeignKeyConstraint(["tenant", "stream"], ["nhn_stream.tenant", "nhn_stream.name"]),
        sa.PrimaryKeyConstraint("tenant", "her_id"),
    )
    op.create_index(op.f("ix_nhn_receiver_stream_cursor"), "nhn_receiver", ["stream", "cursor"])
    op.create_table(
        "nhn_unnumbered",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("her_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["nhn_stream.name"]),
        sa.PrimaryKeyConstraint("stream", "her_id", "event_id"),
    )
    op.create_table(
        "nhn_recent",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("read_at", sa.Double, nullable=False),
        sa.Column("offsets", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["nhn_stream.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_nhn_recent_stream_read_at"), "nhn_recent", ["stream", "read_at"])
