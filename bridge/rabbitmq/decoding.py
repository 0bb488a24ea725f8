"""Read whatever somebody wrote into the properties of a message.

RabbitMQ hands them on as they are. pamqp gives up on text that is not UTF-8 and on times beyond the year 9999, and
aiormq then ends the connection: one such message, delivered again at each new connection, would stop the whole bridge.
"""

from datetime import UTC, datetime

from pamqp import decode
from pamqp.common import FieldTable, Struct

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TABLE_LENGTH_BYTES = 4
TIMESTAMP_BYTES = 8


def read_any_properties() -> None:
    """Replace pamqp's decoders of text, tables and times, for the whole process, by ones that do not fail."""
    decode.METHODS.update(shortstr=short_string, table=table, timestamp=timestamp)


def short_string(value: bytes) -> tuple[int, str]:
    """The bytes consumed and the text, U+FFFD where it is not UTF-8."""
    end = 1 + value[0]
    return end, value[1:end].decode(errors="replace")


def table(value: bytes) -> tuple[int, FieldTable]:
    """The bytes consumed and the table; an empty one where anything in it cannot be read."""
    try:
        return decode.field_table(value)
    except (ValueError, OverflowError, OSError, RecursionError):
        (length,) = Struct.integer.unpack_from(value)
        return TABLE_LENGTH_BYTES + length, {}


def timestamp(value: bytes) -> tuple[int, datetime]:
    """The bytes consumed and the time; the epoch for one that no calendar has."""
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        return TIMESTAMP_BYTES, EPOCH
