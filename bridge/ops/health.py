"""Whether the bridge makes progress, and if not, why (G6). Computation only: records and a moment in, sentences out.

Not ready  something that keeps events from their queues, or may, and that a person should know of.
Degraded   it works, but not all of it, or not at the first try.

Of each reason it is said whether a new start of the stream may cure it. That is so

- when a stage is *stuck*: within its bound it reported neither a success nor a failure, though nothing told it to wait;
- when polls fail as `unavailable` past the bound: a new start also renews connections. A restart that did not help is
  not repeated as soon: each doubles the bound, up to 16 times.

It is not so for what fails aloud otherwise. A refused sign-in or request needs a person, a held stream a queue, a lost
or blocked broker has to come back; and to drop a page that the broker nacks, or whose commit the store refuses, would
only publish it again.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from bridge.ops.conditions import BrokerCondition, Failure, RouteCondition, RoutesCondition
from bridge.ops.durations import in_words
from bridge.ops.state import NEVER, Bounds, BridgeState, Stage, StreamProgress
from bridge.routes import Route, Verdict

MAX_RESTART_DOUBLINGS = 4
DRAIN_WITHOUT_BROKER_S = 2.0
"""How long a drain waits for a broker to come back: as long as it takes to go on with another node of a cluster."""
SIGN_IN = "sign-in"
REJECTED = "rejected"
UNAVAILABLE = "unavailable"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence with a stable code."""

    code: str
    message: str
    stream: str | None = None
    restart: bool = False
    """Whether a new start of the stream may cure it."""


class Readiness(msgspec.Struct, frozen=True):
    """Ready when there is no reason against it."""

    reasons: tuple[Reason, ...]
    degraded: tuple[Reason, ...]

    @property
    def is_ready(self) -> bool:
        return not self.reasons


def readiness(state: BridgeState, now: float) -> Readiness:
    """All that stands in the way at monotonic second `now`, the process first, then stream by stream."""
    reasons = list(_process_reasons(state, now))
    degraded = [
        Reason(code="settings-not-usable", message=f"The last good settings hold: {problem}")
        for problem in state.settings_problems()
    ]
    degraded += _route_remarks(state.routes, now)
    for stream in sorted(state.streams.values(), key=lambda stream: stream.name):
        if stream.is_running:
            stream_reasons = tuple(_reasons(stream, now))
            reasons += stream_reasons
            degraded += _degraded(stream, now, {reason.code for reason in stream_reasons})
        elif not state.is_draining:
            reasons.append(_about(stream, "stream-stopped", "is not running"))
    return Readiness(tuple(reasons), tuple(degraded))


def stall_reason(stream: StreamProgress, now: float, bounds: Bounds) -> str | None:
    """What the stream waits for in vain, if a new start of it may help: the watchdog's decision. None: let it be.

    The time in which the broker is blocked does not count, nor what a `Retry-After` or the bridge's own backoff asked
    for.
    """
    for wait in _waits(stream, bounds):
        silent_s = wait.silent_s(now)
        if silent_s > wait.bound_s:
            return f"no {wait.what} and no error for {in_words(silent_s)}; the bound is {in_words(wait.bound_s)}"
        patience_s = wait.bound_s * 2 ** min(stream.restarts_in_a_row, MAX_RESTART_DOUBLINGS)
        if _is_renewable(wait) and wait.told_s(now) > patience_s:
            return f"no {wait.what} for {in_words(wait.told_s(now))}; the bound is {in_words(patience_s)}"
    return None


def vain_drain(stream: StreamProgress, now: float) -> str | None:
    """Why a drain of the stream is not worth waiting for: its messages wait for a broker that is away. None: it is.

    What the store can still take is waited for, and an alarm of the broker, which may end at any moment.
    """
    broker = stream.broker
    if broker.failure is None or broker.is_blocked or not stream.in_flight or stream.uncommitted:
        return None
    away_s = now - broker.failure.since
    return f"as there has been no broker for {in_words(away_s)}" if away_s > DRAIN_WITHOUT_BROKER_S else None


class _Wait(NamedTuple):
    """Something that a stream waits for now."""

    what: Literal["successful poll", "confirm", "commit"]
    stage: Stage
    bound_s: float
    since: float
    """Waiting before this does not count."""

    def waited_s(self, now: float) -> float:
        """Since the last success."""
        return now - self.since

    def told_s(self, now: float) -> float:
        """The same, but for what we were told to wait."""
        return now - max(self.since, self.stage.quiet_until)

    def silent_s(self, now: float) -> float:
        """Since the last success or failure."""
        return now - max(self.since, self.stage.quiet_until, self.stage.heard_at)


def _waits(stream: StreamProgress, bounds: Bounds) -> Iterator[_Wait]:
    """Polls pause while pages are on their way, so they are waited for only when none is."""
    confirm, commit, poll = stream.confirm, stream.commit, stream.poll
    if confirm.since is not None and not stream.broker.is_blocked:
        yield _Wait("confirm", confirm, bounds.confirm_s, max(confirm.since, stream.broker.available_since or NEVER))
    if commit.since is not None:
        yield _Wait("commit", commit, bounds.commit_s, commit.since)
    if poll.since is not None and not stream.is_publishing:
        longer_s = bounds.retry_refused_s if stream.are_all_refused else 0.0
        yield _Wait("successful poll", poll, bounds.poll_s + longer_s, poll.since)


def _is_renewable(wait: _Wait) -> bool:
    """It fails aloud, in a way that new connections may cure."""
    failure = wait.stage.failure
    return wait.what == "successful poll" and failure is not None and failure.code == UNAVAILABLE


def _process_reasons(state: BridgeState, now: float) -> Iterator[Reason]:
    if state.is_draining:
        yield Reason(code="draining", message="The bridge is shutting down: it finishes what is in flight.")
    yield from _broker_reasons(state.broker, now)
    for route, condition in state.routes.known.items():
        if route.required and condition.judgement.verdict is Verdict.MISSING:
            yield _route_missing(route, condition, now)
    if state.store.failure is not None:
        failure = state.store.failure
        yield Reason(
            code="store-failing",
            message=f"The store has not taken a commit for {in_words(now - failure.since)}: {failure.message}. "
            "What is published meanwhile is published again after a restart; nothing is lost.",
        )
    if not state.streams and not state.ownership.streams_elsewhere:
        yield Reason(code="no-stream", message="No stream has started yet.")


def _broker_reasons(broker: BrokerCondition, now: float) -> Iterator[Reason]:
    where = "The broker" if broker.address is None else f"The broker at {broker.address}"
    why = "" if broker.failure is None else f": {broker.failure.message}"
    if not broker.is_connected:
        since = broker.failure.since if broker.changed_at is None and broker.failure else broker.changed_at
        for_how_long = "yet" if since is None else f"for {in_words(now - since)}"
        yield Reason(
            code="broker-disconnected",
            message=f"{where} has not been connected {for_how_long}{why}. Notifications wait at the API.",
        )
    elif broker.is_blocked and broker.changed_at is not None:
        yield Reason(
            code="broker-blocked",
            message=f"{where} has taken no messages for {in_words(now - broker.changed_at)}: its memory or disk alarm "
            "is on. Free memory or disk there; publishing goes on by itself.",
        )
    elif broker.failure is not None:
        since_s = in_words(now - broker.failure.since)
        yield Reason(code="broker-unavailable", message=f"{where} has opened no session for {since_s}{why}.")


def _route_remarks(routes: RoutesCondition, now: float) -> Iterator[Reason]:
    for route, condition in routes.known.items():
        if not route.required and condition.judgement.verdict is Verdict.MISSING:
            yield _route_missing(route, condition, now)
    if routes.failure is not None:
        for_how_long = in_words(now - routes.failure.since)
        yield Reason(
            code="routes-not-verifiable",
            message=f"The bindings of the route contract have not been seen for {for_how_long}: "
            f"{routes.failure.message}. What was known of them holds.",
        )


def _route_missing(route: Route, condition: RouteCondition, now: float) -> Reason:
    judged = condition.judgement
    meanwhile = (
        f"what goes to {route.exchange} is held until then" if route.holds else "events go on to whoever is bound"
    )
    return Reason(
        code="route-missing",
        message=f"Queue {route.queue} of the route contract has been missing for {in_words(now - condition.since)}: "
        f"{judged.found}. {judged.fix}; {meanwhile}.",
    )


def _reasons(stream: StreamProgress, now: float) -> Iterator[Reason]:
    overdue = tuple(_overdue(stream, now))
    failure = stream.poll.failure
    why = None if failure is None else failure.message
    since = in_words(now - failure.since) if failure is not None else ""
    if failure is not None and failure.code == SIGN_IN:
        yield _about(stream, "sign-in-failing", f"has not been able to sign in for {since}", why)
    elif failure is not None and failure.code == REJECTED:
        yield _about(stream, "request-rejected", f"has had its requests rejected for {since}", why)
    elif stream.poll.succeeded_at is None and not overdue:
        yield _about(stream, "no-poll-yet", "has not polled successfully yet", why)
    if stream.are_all_refused:
        yield _about(stream, "all-receivers-refused", f"has all its {stream.receivers} receivers refused by the API")
    if stream.held_reason is not None and stream.held_since is not None:
        yield _about(stream, "held", f"has been held for {in_words(now - stream.held_since)}", stream.held_reason)
    yield from overdue


def _overdue(stream: StreamProgress, now: float) -> Iterator[Reason]:
    """What has been waited for past its bound; unless it fails aloud, and the cause is a reason of its own."""
    may_restart = stall_reason(stream, now, stream.bounds) is not None
    for wait in _waits(stream, stream.bounds):
        waited_s, failure = wait.waited_s(now), wait.stage.failure
        is_silent = wait.silent_s(now) > wait.bound_s
        if waited_s > wait.bound_s and (is_silent or not _has_own_reason(stream, wait)):
            claim = f"has had no {wait.what} for {in_words(waited_s)}; expected within {in_words(wait.bound_s)}"
            why = None if failure is None else failure.message
            code = f"no-{wait.what.split()[-1]}"
            yield Reason(code=code, message=_sentence(stream, claim, why), stream=stream.name, restart=may_restart)


def _has_own_reason(stream: StreamProgress, wait: _Wait) -> bool:
    match wait.what:
        case "successful poll":
            return stream.poll.failure is not None and stream.poll.failure.code in {SIGN_IN, REJECTED}
        case "confirm":
            return stream.held_reason is not None or stream.broker.available_since is None
        case "commit":
            return stream.commit.failure is not None


def _degraded(stream: StreamProgress, now: float, codes: set[str]) -> Iterator[Reason]:
    """`codes`: the reasons against readiness, which are not said twice."""
    if stream.refused and not stream.are_all_refused:
        many = "1 receiver" if len(stream.refused) == 1 else f"{len(stream.refused)} receivers"
        hint = "they may lack their configuration or delegation"
        yield _about(stream, "receivers-refused", f"has {many} refused by the API; {hint}")
    failure = stream.poll.failure
    if failure is not None and failure.code == UNAVAILABLE and not codes & {"no-poll", "no-poll-yet"}:
        yield _about(stream, "poll-failing", _failing("polls", failure, now), failure.message)
    failure = stream.confirm.failure
    is_said = stream.broker.available_since is None or codes & {"no-confirm", "held"}
    if failure is not None and not is_said:
        yield _about(stream, "publish-failing", _failing("publishing", failure, now), failure.message)


def _failing(what: str, failure: Failure, now: float) -> str:
    times = "once" if failure.times == 1 else f"{failure.times} times"
    return f"repeats {what}, which failed {times} in {in_words(now - failure.since)}"


def _about(stream: StreamProgress, code: str, claim: str, why: str | None = None) -> Reason:
    return Reason(code=code, message=_sentence(stream, claim, why), stream=stream.name)


def _sentence(stream: StreamProgress, claim: str, why: str | None) -> str:
    sentence = f"Stream {stream.name} {claim}" if why is None else f"Stream {stream.name} {claim}: {why}"
    return sentence if sentence.endswith(("?", "!", "…")) else f"{sentence}."
