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
)

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
    Column("owner", Text),  # NULL: nobody's
    # Never goes back, so a row is never deleted.
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("called_by", Text),
    Column("is_stream", Boolean, nullable=False),
)
