"""Altinn's orders: which are watched, what was published of their e-mails, how far the status feed is read."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "altinn_order",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("registered_at", sa.Double, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("pokes", sa.BigInteger, nullable=False),
        sa.Column("senders_reference", sa.Text),
        sa.Column("requested_send_time", sa.Double),
        sa.Column("left_registered_at", sa.Double),
        sa.Column("changed_at", sa.Double),
        sa.Column("missing_since", sa.Double),
        sa.Column("closed_at", sa.Double),
        sa.Column("feed_sequence", sa.BigInteger),
        sa.CheckConstraint("(due_at IS NULL) <> (closed_at IS NULL)", name="due_or_closed"),
        sa.PrimaryKeyConstraint("order_id"),
        sqlite_with_rowid=False,
    )
    is_open, is_closed = sa.text("due_at IS NOT NULL"), sa.text("closed_at IS NOT NULL")
    op.create_index(
        op.f("ix_altinn_order_stream_due_at_order_id"),
        "altinn_order",
        ["stream", "due_at", "order_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index(
        op.f("ix_altinn_order_closed_at_order_id"),
        "altinn_order",
        ["closed_at", "order_id"],
        sqlite_where=is_closed,
        postgresql_where=is_closed,
    )
    op.create_index(op.f("ix_altinn_order_state_order_id"), "altinn_order", ["state", "order_id"])
    op.create_table(
        "altinn_email",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("notification_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("last_update", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["altinn_order.order_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_id", "notification_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "altinn_feed",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("marks", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("cursor >= 0", name="cursor_not_negative"),
        sa.PrimaryKeyConstraint("stream"),
    )
