"""Whether a consumer is fit, by what it says it handled: a finding for each thing that it has to do. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from bridge.check.report import Finding, failed, not_verifiable, ok, plural
from bridge.conformance.hazards import Hazard
from bridge.conformance.series import Series, Step

MAX_NAMED = 3
"""Of more hazards, ids, or lines of order, only so many are named."""
_MANAGEMENT = (
    "Set BRIDGE_BROKER__MANAGEMENT_URL to see whether the consumer holds messages that it does not acknowledge."
)
_NOT_DONE = (
    "See in the consumer's log where it stopped, or give it more time with --timeout. Acknowledge whatever is handled, "
    "seen before or not known."
)
_IN_ORDER = (
    "Handle the events of one `partitionkey` one after another, in the order in which they come. In parallel only "
    "those of different ones."
)


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What the queue held when the waiting ended."""

    ready: int
    unacknowledged: int | None
    """Delivered and not acknowledged; None: AMQP does not tell, and there was nobody else to ask."""


def judge(series: Series, handled: Sequence[str], left: Left, events: Sequence[str]) -> list[Finding]:
    """All findings. `handled`: event ids in the order in which they were handled, those of others among them.
    `events`: the names of those that the consumer knows.
    """
    own = [event_id for event_id in handled if event_id in series.firsts]
    expected = series.expected(events)
    unknown = [index for event_id, index in series.firsts.items() if event_id not in expected]
    end = _end(series, own, expected)
    findings = [
        _every_event(series, expected, set(own)),
        _none_twice(series, own),
        _passed("unknown types", unknown, Hazard.UNKNOWN_TYPE, series, end),
    ]
    if no_events := [index for index, step in enumerate(series.steps) if step.hazard is Hazard.NO_EVENT]:
        findings.append(_passed("no events", no_events, Hazard.NO_EVENT, series, end))
    return [*findings, *_left(left), _order(series, own, expected)]


def is_done(series: Series, handled: Collection[str], events: Sequence[str]) -> bool:
    """Whether nothing more is to be expected of the consumer's report."""
    return series.expected(events).keys() <= set(handled)


def _every_event(series: Series, expected: Mapping[str, int], handled: Collection[str]) -> Finding:
    missing = [index for event_id, index in expected.items() if event_id not in handled]
    subject = "every event handled"
    if not missing:
        return ok(subject, f"{len(expected)} of {len(expected)}")
    found = f"{len(missing)} of {len(expected)} missing: {_told(series, missing)}"
    return failed(subject, found, fix=_fixes(series, missing, Hazard.ORDINARY))


def _none_twice(series: Series, handled: Sequence[str]) -> Finding:
    twice = {event_id for event_id, count in Counter(handled).items() if count > 1}
    subject = "none handled twice"
    if not twice:
        return ok(subject, f"{plural(_repeats(series), 'repeat')} sent, none handled again")
    repeats = [
        index
        for index, step in enumerate(series.steps)
        if step.message.id in twice and index != series.firsts[step.message.id]
    ]
    found = f"{plural(len(twice), 'event')} handled more than once: {_told(series, repeats)}"
    return failed(subject, found, fix=_fixes(series, repeats, Hazard.AT_ONCE))


def _repeats(series: Series) -> int:
    return sum(step.message.id in series.firsts for step in series.steps) - len(series.firsts)


def _end(series: Series, handled: Collection[str], expected: Mapping[str, int]) -> range:
    """Where the consumer ended: after the last event that it handled, and before the next that it should have."""
    last = max((expected[event_id] for event_id in handled if event_id in expected), default=-1)
    following = min((index for index in expected.values() if index > last), default=len(series.steps))
    return range(last + 1, following)


def _passed(subject: str, strange: Sequence[int], hazard: Hazard, series: Series, end: range) -> Finding:
    """Whether the consumer went on after each of the `strange` ones. Where it ended, the first of them stopped it."""
    count = len(series.steps)
    stopped_at = [index for index in strange if index in end]
    if end.stop < count and stopped_at:
        found = (
            f"nothing was handled after message {stopped_at[0] + 1} of {count}, {_named(series.steps[stopped_at[0]])}"
        )
        return failed(subject, found, fix=hazard.fix)
    passed = sum(index < end.stop for index in strange)
    if passed < len(strange):
        return not_verifiable(subject, f"{passed} of {len(strange)} passed over; the others were not reached")
    return ok(subject, f"{len(strange)} passed over")


def _named(step: Step) -> str:
    return "which is no event" if step.hazard is Hazard.NO_EVENT else f"of the type {step.message.type}"


def _left(left: Left) -> Iterator[Finding]:
    subject = "nothing left"
    if left.ready:
        yield failed(subject, f"{plural(left.ready, 'message')} in the queue", fix=_NOT_DONE)
    elif left.unacknowledged:
        found = f"{plural(left.unacknowledged, 'message')} delivered and not acknowledged"
        yield failed(subject, found, fix=_NOT_DONE)
    else:
        yield ok(subject, "the queue is empty" + ("" if left.unacknowledged is None else ", all is acknowledged"))
    if left.unacknowledged is None:
        yield not_verifiable("all acknowledged", "AMQP does not tell", fix=_MANAGEMENT)


def _order(series: Series, handled: Sequence[str], expected: Mapping[str, int]) -> Finding:
    """Of each line, each event counted when it was handled first."""
    reached: dict[str, int] = {}
    disordered: dict[str, None] = {}
    for event_id in dict.fromkeys(handled):
        index = series.firsts[event_id]
        line = series.steps[index].line
        if line is None or event_id not in expected:
            continue
        if index < reached.get(line, 0):
            disordered[line] = None
        reached[line] = max(index, reached.get(line, 0))
    if not reached:
        return not_verifiable("order", "nothing was handled")
    if disordered:
        found = f"not kept for {_some(list(disordered))}"
        return failed("order", found, fix=_IN_ORDER)
    her_ids = sum(line.startswith("HER-id") for line in reached)
    return ok("order", f"kept for each of {plural(her_ids, 'HER-id')} and {plural(len(reached) - her_ids, 'e-mail')}")


def _told(series: Series, indexes: Sequence[int]) -> str:
    """`repeated at once 3, replayed 1 (ids …)`."""
    counts = Counter(series.steps[index].hazard.label for index in indexes).most_common()
    told = _some([f"{label} {count}" for label, count in counts])
    ids = list(dict.fromkeys(series.steps[index].message.id for index in indexes))
    return f"{told} (ids {_some(ids)})" if ids else "not by repeats of this series"


def _some(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _fixes(series: Series, indexes: Sequence[int], plainest: Hazard) -> str:
    """What to do about each of the hazards, once. Who does not survive the plainest one has to begin there."""
    hazards = dict.fromkeys(series.steps[index].hazard for index in indexes)
    if plainest in hazards or not hazards:
        return plainest.fix
    return " ".join(dict.fromkeys(each.fix for each in hazards))
