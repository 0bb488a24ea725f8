"""What is sent, in which order, and why: every hazard that the bridge's guarantees leave to its consumers. Pure."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import msgspec

from bridge.conformance.events import NHN_TYPES, Email, Maker, altered
from bridge.conformance.hazards import Hazard
from bridge.events.altinn import EMAIL_STATUS, ORDER_CLOSED
from bridge.events.message import Message
from bridge.events.nhn import EVENT_NAMES, OTHER

KNOWN_EVENTS = (*EVENT_NAMES.values(), OTHER, EMAIL_STATUS, ORDER_CLOSED)
"""Names of all events that this version of the bridge knows."""
RECEIVERS = (8142520, 8142530, 8142540)
"""Their events come in the order of their offsets."""
REORDERED = 8142550
"""Of this receiver's they do not."""
DEFAULT_ORDINARY = 1000
"""So far is the longest distance between two appearances of an event, and more."""
TAIL = 40
"""Events that are sent again after a connection is lost with them unconfirmed."""
REPEATED = 20
"""Events from the beginning that a replay repeats, and as many that come once more at the end."""
AT_ONCE_EVERY = 12
"""Of the ordinary events, this one comes twice in a row."""
STATUS_EVERY = 5
"""Of the ordinary events, this one is an e-mail's."""
LONG_TEXT = "Epikrise: blåbærsyltetøy på ærlig vis, Ålesund. " * 1500
"""Some 75 KB."""
USUAL_COURSE = ("New", "Sending", "Succeeded", "Delivered")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the series."""

    message: Message
    hazard: Hazard
    line: str | None = None
    """In whose order it is, the HER-id's or the e-mail's; None: the order of its events says nothing."""


class Series(msgspec.Struct, frozen=True, dict=True):
    """All that is sent, in this order."""

    steps: tuple[Step, ...]

    @cached_property
    def firsts(self) -> dict[str, int]:
        """Event id → where in the steps it is for the first time; what is no event has none."""
        found: dict[str, int] = {}
        for index, step in enumerate(self.steps):
            if step.hazard is not Hazard.NO_EVENT:
                found.setdefault(step.message.id, index)
        return found

    def expected(self, events: Sequence[str]) -> dict[str, int]:
        """Those that a consumer handles which knows these events."""
        known = set(events)
        return {event_id: index for event_id, index in self.firsts.items() if self._name(index) in known}

    def _name(self, index: int) -> str | None:
        step = self.steps[index]
        return None if step.hazard is Hazard.UNKNOWN_TYPE else step.message.event


def make_series(seed: int, *, ordinary: int = DEFAULT_ORDINARY, is_hostile: bool = False) -> Series:
    """The series of this seed, around `ordinary` events (80 at least) that have nothing special."""
    make = Maker(seed)
    steps: list[Step] = [_first(make), *_every_event(make), *_forms(make)]
    steps += _ordinary(make, ordinary // 2)
    steps += _unknown(make)
    # The page was published, but its last confirms were lost with the connection: from there on all comes again.
    steps += [_again(step, Hazard.TAIL_AGAIN) for step in _distinct(steps)[-TAIL:]]
    steps += _reordered(make)
    steps += _back_from_final(make)
    if is_hostile:
        steps += _no_events(make)
    # Not the very first: a consumer that passes over what is redelivered must not get it a second time.
    beginning = _distinct(steps)[1 : 1 + 2 * REPEATED]
    steps += _ordinary(make, ordinary - ordinary // 2)
    steps += _replay(make, beginning[REPEATED:])
    steps += [_again(step, Hazard.LONG_AFTER) for step in beginning[:REPEATED]]
    steps += _ordinary(make, 1)
    return Series(tuple(steps))


def _first(make: Maker) -> Step:
    """`run` takes it from the queue and puts it back, where no consumer is faster."""
    return Step(message=make.notification(REORDERED, "NewMessage"), hazard=Hazard.REDELIVERED)


def _every_event(make: Maker) -> Iterator[Step]:
    """Each event once, as simple as it comes."""
    for notification_type in NHN_TYPES:
        yield _of_receiver(make.notification(RECEIVERS[0], notification_type), RECEIVERS[0])
    emails = make.email(), make.email(detail="none"), make.email(detail="full")
    for email in emails:
        yield from (_of_email(message, email) for message in make.statuses(email, *USUAL_COURSE))
    for email, reason in zip(emails, ("completed", "cancelled", "given-up"), strict=True):
        yield Step(message=make.closed(email, reason), hazard=Hazard.ORDINARY)


def _forms(make: Maker) -> Iterator[Step]:
    """What the APIs may leave out, what a newer bridge may add, and text of any length."""
    receiver = RECEIVERS[1]
    sparse = {"related_message_id": None, "triggered_by": None, "description": None, "created_at": None}
    yield _of_receiver(make.notification(receiver, **sparse), receiver, Hazard.ABSENT)
    yield _of_receiver(make.notification(receiver, notification_id=None), receiver, Hazard.ABSENT)
    yield _of_receiver(make.notification(receiver, offset=None), receiver, Hazard.ABSENT)
    reserved = make.email(address="")
    yield _of_email(make.status(reserved, "Failed_RecipientReserved", description=None), reserved, Hazard.ABSENT)
    nameless = make.email(address=None)
    yield _of_email(make.status(nameless, "Failed_Soon_to_be-known"), nameless, Hazard.NEW_STATUS)
    attributes = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "hops": 3, "urgent": True}
    newer = altered(
        make.notification(receiver), attributes=attributes, data={"priority": "høy", "attachments": [{"bytes": 12}]}
    )
    yield _of_receiver(newer, receiver, Hazard.NEW_FIELDS)
    yield _of_receiver(make.notification(receiver, description=LONG_TEXT), receiver, Hazard.LONG_TEXT)
    quoted = 'Ærlig «svar» på "prøve" 🩺 \\ \u2028 ' + "\t\r\n"
    yield _of_receiver(make.notification(receiver, description=quoted), receiver, Hazard.LONG_TEXT)


def _ordinary(make: Maker, count: int) -> Iterator[Step]:
    """Events of all receivers and of e-mails on their way; now and then one comes twice at once."""
    email, ahead = make.email(), list(USUAL_COURSE)
    for number in range(1, count + 1):
        if number % STATUS_EVERY == 0:
            if not ahead:
                email, ahead = make.email(), list(USUAL_COURSE)
            step = _of_email(make.status(email, ahead.pop(0)), email)
        else:
            receiver = make.random.choice(RECEIVERS)
            step = _of_receiver(make.notification(receiver), receiver)
        yield step
        if number % AT_ONCE_EVERY == 0:
            yield _again(step, Hazard.AT_ONCE)


def _unknown(make: Maker) -> Iterator[Step]:
    """A new type, a new version of one, and a new source; each between events that are known."""
    receiver = RECEIVERS[2]
    for attributes in (
        {"type": "no.nhn.notification.read-receipt.v1", "dataschema": "urn:notification-bridge:read-receipt:v1"},
        {"type": "no.nhn.notification.new-message.v2", "dataschema": "urn:notification-bridge:new-message:v2"},
        {"type": "no.altinn.notification.sms-status.v1", "dataschema": "urn:notification-bridge:sms-status:v1"},
    ):
        unknown = altered(make.notification(receiver), attributes=attributes)
        yield Step(message=unknown, hazard=Hazard.UNKNOWN_TYPE)
        yield _of_receiver(make.notification(receiver), receiver)


def _reordered(make: Maker) -> Iterator[Step]:
    """Each way in which an event may come for the first time after ones with a higher sequence."""
    refused, late, parked, *others = (make.notification(REORDERED) for _ in range(9))
    for message in others[:2]:
        yield Step(message=message, hazard=Hazard.ORDINARY)
    yield Step(message=refused, hazard=Hazard.REFUSED)
    for message in others[2:4]:
        yield Step(message=message, hazard=Hazard.ORDINARY)
    yield Step(message=late, hazard=Hazard.LATE)
    for message in others[4:]:
        yield Step(message=message, hazard=Hazard.ORDINARY)
    yield Step(message=parked, hazard=Hazard.RELEASED)


def _back_from_final(make: Maker) -> Iterator[Step]:
    """A final status that becomes another, and a failure that does, while their order is open."""
    for course in (("Delivered", "Failed_Bounced"), ("Failed_TTL", "Delivered"), ("Failed_Bounced", "Sending")):
        email = make.email()
        before, after = make.statuses(email, *course)
        yield _of_email(before, email)
        yield _of_email(after, email, Hazard.BACK_FROM_FINAL)


def _replay(make: Maker, past: Sequence[Step]) -> Iterator[Step]:
    """A replay: what was had, and what was missed, all marked with the replay's id. Only NHN's events are replayed."""
    marked = {"replay": make.uuid()}
    missed = [make.notification(REORDERED) for _ in range(3)]
    for step in past:
        if step.message.source == "nhn":
            yield Step(message=altered(step.message, attributes=marked), hazard=Hazard.REPLAYED)
    for message in missed:
        yield Step(message=altered(message, attributes=marked), hazard=Hazard.MISSED)


def _no_events(make: Maker) -> Iterator[Step]:
    """What the bridge never sends, but others may."""
    whole = make.notification(REORDERED)
    for body in (b"", b"not JSON", b"[]", b"null", whole.body[:-1], b'{"specversion":"1.0"}', b"\xff\xfe{}"):
        message = msgspec.structs.replace(whole, id=make.uuid(), body=body)
        yield Step(message=message, hazard=Hazard.NO_EVENT)


def _distinct(steps: Sequence[Step]) -> list[Step]:
    """The first appearances, in their order."""
    return list({step.message.id: step for step in reversed(steps)}.values())[::-1]


def _again(step: Step, hazard: Hazard) -> Step:
    """The very same message."""
    return msgspec.structs.replace(step, hazard=hazard)


def _of_receiver(message: Message, receiver: int, hazard: Hazard = Hazard.ORDINARY) -> Step:
    return Step(message=message, hazard=hazard, line=f"HER-id {receiver}")


def _of_email(message: Message, email: Email, hazard: Hazard = Hazard.ORDINARY) -> Step:
    return Step(message=message, hazard=hazard, line=f"e-mail {email.id}")
