"""What consumers meet, by the bridge's guarantees, and what to do where one does not survive it."""

from enum import Enum

_DEDUPLICATE = (
    "Remember the `id` of each event in the same transaction as its work, and acknowledge without work what is "
    "remembered. Go by `id` alone."
)
_REMEMBER_LONGER = (
    "Remember ids for as long as the bridge can be made to go back (months, not a number of events): replays, released "
    "events and moved cursors bring back what is old."
)
_ACKNOWLEDGE_LATER = "Acknowledge an event only after its work is stored: what was in hand is delivered again then."
_SEQUENCE = (
    "`sequence` is for sorting and says nothing of what was seen: an event may come after ones with a higher one, and "
    "for the first time."
)
_TOLERANT = "Read only the fields that you need, ignore the others, and take an absent or null one as not told."
_REPLAY = "An event with `replay` may be one that never came before: deduplicate it by `id`, as any other."
_REDELIVERED = (
    "AMQP's `redelivered` says that an event may have been handled, not that it was: go by the remembered `id`."
)
_GO_ON = "Acknowledge what you do not know, and log its id and type: a newer bridge may send more types."
_NO_EVENT = "Reject without requeue what is no event, to a dead-letter queue of your own, or log and acknowledge it."


class Hazard(Enum):
    """What is special about a message: its name for people, and what to do where a consumer does not survive it."""

    def __init__(self, label: str, fix: str) -> None:
        self.label = label
        self.fix = fix

    ORDINARY = "ordinary", _ACKNOWLEDGE_LATER
    REDELIVERED = "redelivered", _REDELIVERED
    ABSENT = "absent or null fields", _TOLERANT
    NEW_FIELDS = "new fields and attributes", _TOLERANT
    LONG_TEXT = "long text", _TOLERANT + " A `description` may be of any length."
    NEW_STATUS = "a status that is new", "Go by `final` and `succeeded` where you do not know a `status`."
    BACK_FROM_FINAL = "a status after a final one", "A final status may change once more: take each as the latest."
    UNKNOWN_TYPE = "unknown type", _GO_ON
    NO_EVENT = "no event", _NO_EVENT
    # First appearances after events with a higher sequence.
    REFUSED = "sent again after a nack", _SEQUENCE
    LATE = "late row", _SEQUENCE
    RELEASED = "parked and released", _SEQUENCE
    MISSED = "missed, and replayed", _REPLAY
    # Repeats.
    AT_ONCE = "repeated at once", _DEDUPLICATE
    TAIL_AGAIN = "repeated after a lost connection", _DEDUPLICATE
    REPLAYED = "replayed", _REMEMBER_LONGER
    LONG_AFTER = "repeated long after", _REMEMBER_LONGER
