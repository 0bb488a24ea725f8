"""What has changed of an order's e-mails since it was last published: the diff. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from bridge.altinn.decode import Email, EmailSummary, InvalidEmail
from bridge.checkpoints import EmailSeen
from bridge.events.altinn import is_final

_EVER = datetime.min.replace(tzinfo=UTC)
INVALID = "invalid"
"""Status under which an item that could not be understood is remembered: it is parked once, not at every poll."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """An e-mail whose status or `lastUpdate` is not what was published last."""

    email: Email
    previous_status: str | None
    """None: nothing of it has been published before."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """All that is new of an order, in the order in which it is to be published."""

    changed: tuple[Change, ...]
    """Oldest change first; one an e-mail."""
    parked: tuple[InvalidEmail, ...]
    repeated: int
    """Items that show an e-mail once more; of several the one with the latest change counts."""

    def seen(self) -> Iterator[EmailSeen]:
        """What to remember once all of it is published."""
        for change in self.changed:
            notification = change.email.notification
            yield EmailSeen(notification.id, notification.send_status.status, notification.send_status.last_update)
        for item in self.parked:
            yield EmailSeen(item.key, INVALID, "")


def changes(summary: EmailSummary, seen: Mapping[str, EmailSeen]) -> Changes:
    """The changes that a summary shows. `seen`: notification id → what was published of it last."""
    shown = latest(summary.emails)
    changed = [
        Change(email, previous.status if (previous := seen.get(email.notification.id)) else None)
        for email in shown.values()
        if _differs(email, seen.get(email.notification.id))
    ]
    parked = {item.key: item for item in summary.invalid if item.key not in seen}
    return Changes(
        changed=tuple(sorted(changed, key=lambda change: change.email.moment or _EVER)),
        parked=tuple(parked.values()),
        repeated=len(summary.emails) - len(shown),
    )


def latest(emails: Sequence[Email]) -> dict[str, Email]:
    """Notification id → the item with its latest change, where an answer shows it more than once."""
    found: dict[str, Email] = {}
    for email in emails:
        known = found.get(email.notification.id)
        if known is None or _rank(email) > _rank(known):
            found[email.notification.id] = email
    return found


def _rank(email: Email) -> tuple[datetime, bool, str, str]:
    """Of two items of one moment the same one counts at every poll, in whatever order they come."""
    status = email.notification.send_status
    return email.moment or _EVER, is_final(status.status), status.status, status.last_update


def _differs(email: Email, seen: EmailSeen | None) -> bool:
    now = email.notification.send_status
    return seen is None or (seen.status, seen.last_update) != (now.status, now.last_update)
