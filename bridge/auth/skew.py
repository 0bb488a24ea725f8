"""How far this machine's clock is off, seen in the `Date` header of an answer. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

WORTH_SAYING_S = 5.0
"""From here on a person should know, though sign-in still works."""


def clock_ahead_s(date: str | None, *, sent_at: datetime, received_at: datetime) -> float | None:
    """Seconds that our clock is ahead of the server's (negative: behind); 0 where the answer's own time on the way and
    the header's whole seconds (RFC 9110 §6.6.1) explain the difference; None without a readable header.
    """
    if date is None:
        return None
    try:
        said = parsedate_to_datetime(date)
    except ValueError:
        return None
    aware = said if said.tzinfo else said.replace(tzinfo=UTC)
    on_the_way = received_at - sent_at
    ahead = (sent_at + on_the_way / 2) - (aware + timedelta(seconds=0.5))
    uncertain = on_the_way / 2 + timedelta(seconds=0.5)
    return 0.0 if abs(ahead) <= uncertain else ahead.total_seconds()
