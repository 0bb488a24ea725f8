"""The tables of the store, in types that SQLite and PostgreSQL share. The migrations make them; a test compares."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate, pairwise

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from bridge.checkpoints import FeedMark

NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
"""Every constraint has a name, the same on each database, so that a later migration can take it away."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC, on SQLite too, which keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class PackedOffsets(TypeDecorator[Sequence[int]]):
    """Ascending offsets as one value: MessagePack of the first and then the gaps, mostly one or two bytes an offset."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sequence[int] | None, _dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        return msgspec.msgpack.encode([*value[:1], *(later - earlier for earlier, later in pairwise(value))])

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> tuple[int, ...] | None:
        return None if value is None else tuple(accumulate(msgspec.msgpack.decode(value, type=list[int])))


class PackedMarks(TypeDecorator[Sequence[FeedMark]]):
    """Marks of the status feed as one value: MessagePack of pairs, moment and cursor."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sequence[FeedMark] | None, _dialect: Dialect) -> bytes | None:
        return None if value is None else msgspec.msgpack.encode([(mark.at, mark.cursor) for mark in value])

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> tuple[FeedMark, ...] | None:
        if value is None:
            return None
        return tuple(FeedMark(at, cursor) for at, cursor in msgspec.msgpack.decode(value, type=list[tuple[float, int]]))


metadata = MetaData(naming_convention=NAMING_CONVENTION)

nhn_stream = Table(
    "nhn_stream",
    metadata,
    Column("name", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("cursor", BigInteger, nullable=False),
    # Drawn anew by each commit: tells whether one whose answer was lost is whole.
    Column("commit_id", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("cursor >= 0", name="cursor_not_negative"),
    UniqueConstraint("tenant", "name"),
)

nhn_receiver = Table(
    "nhn_receiver",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("her_id", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", Text),  # NULL: retired
    Column("cursor", BigInteger),  # NULL: shares the stream's
    Column("updated_at", UtcDateTime, nullable=False),
    Column("floor", BigInteger),  # of one with a cursor of its own; NULL: that cursor
    CheckConstraint("cursor >= 0", name="cursor_not_negative"),
    CheckConstraint("stream IS NOT NULL OR cursor IS NOT NULL", name="retired_keeps_cursor"),
    # Of both columns, so that no receiver can get into another tenant's stream.
    ForeignKeyConstraint(["tenant", "stream"], ["nhn_stream.tenant", "nhn_stream.name"]),
    Index(None, "stream", "cursor"),
)

nhn_unnumbered = Table(
    "nhn_unnumbered",
    metadata,
    Column("stream", Text, ForeignKey("nhn_stream.name"), primary_key=True),
    # What the API wrote, which need not be a receiver's.
    Column("her_id", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Text, primary_key=True),
)

nhn_recent = Table(
    "nhn_recent",
    metadata,
    # SQLite counts by itself only in a column of its own INTEGER type, which has 64 bits there.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("stream", Text, ForeignKey("nhn_stream.name"), nullable=False),
    Column("read_at", Double, nullable=False),
    Column("offsets", PackedOffsets, nullable=False),
    Index(None, "stream", "read_at"),
)

# Without SQLite's number of a row, which would take an index more and a third of the file.
altinn_order = Table(
    "altinn_order",
    metadata,
    Column("order_id", Text, primary_key=True),
    # Kept, though it follows from the id, so that an index finds what is due in a stream.
    Column("stream", Text, nullable=False),
    Column("state", Text, nullable=False),
    # Times are seconds since the epoch, as in the checkpoints.
    Column("registered_at", Double, nullable=False),
    Column("due_at", Double),  # NULL: closed
    Column("pokes", BigInteger, nullable=False),
    Column("senders_reference", Text),
    Column("requested_send_time", Double),
    Column("left_registered_at", Double),
    Column("changed_at", Double),
    Column("missing_since", Double),
    Column("closed_at", Double),  # NULL: open
    # Of the last row of the status feed that named it; NULL: none did.
    Column("feed_sequence", BigInteger),
    CheckConstraint("(due_at IS NULL) <> (closed_at IS NULL)", name="due_or_closed"),
    Index(
        None,
        "stream",
        "due_at",
        "order_id",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index(
        None,
        "closed_at",
        "order_id",
        sqlite_where=text("closed_at IS NOT NULL"),
        postgresql_where=text("closed_at IS NOT NULL"),
    ),
    Index(None, "state", "order_id"),
    sqlite_with_rowid=False,
)

altinn_email = Table(
    "altinn_email",
    metadata,
    Column("order_id", Text, ForeignKey("altinn_order.order_id", ondelete="CASCADE"), primary_key=True),
    Column("notification_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("last_update", Text, nullable=False),
    sqlite_with_rowid=False,
)

altinn_feed = Table(
    "altinn_feed",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("marks", PackedMarks, nullable=False),
    CheckConstraint("cursor >= 0", name="cursor_not_negative"),
)

replica = Table(
    "replica",
    metadata,
    Column("id", Text, primary_key=True),
    Column("process", LargeBinary, nullable=False),
    Column("serves", LargeBinary, nullable=False),
    Column("wanted", LargeBinary),
    # Of the database's clock, seconds since the epoch.
    Column("expires_at", Double, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    # NULL, or a replica that has expired: nobody's. So one row is written a heartbeat, and none that a commit locks.
    Column("owner", Text),
    # Never goes back, so a row is never deleted.
    Column("epoch", BigInteger, nullable=False),
    Column("called_by", Text),
    Column("is_stream", Boolean, nullable=False),
)
