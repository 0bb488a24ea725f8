"""Where events go: the subscribers' queues with their bindings, and events that no queue is bound for. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from bridge.check.facts import ExchangeFacts, QueueFacts, Unseen
from bridge.check.report import Finding, failed, not_verifiable, ok, plural, warning
from bridge.ops.topic import matches
from bridge.rabbitmq.management import Binding
from bridge.settings import Subscription

SUBSCRIPTION = "subscription"
EVENT_TYPES = "event types"
ANYBODY = "0"
"""Stands for every HER-id where no pattern names one."""

Bindings = Sequence[Binding] | Unseen


def subscription_finding(
    subscription: Subscription,
    exchange: str,
    queue: QueueFacts,
    bindings: Bindings,
    *,
    is_exchange_missing: bool = False,
) -> Finding:
    """One line of the route contract. `exchange`: its own; `bindings`: all of that exchange.

    `is_exchange_missing`: its exchange is not there, and `bridge run` does not declare it.
    """
    name, patterns = subscription.queue, subscription.bindings
    if is_exchange_missing and patterns:
        fix = f"Have {exchange} declared (durable, type topic) by those who publish to it"
        return _broken(subscription, f"its exchange {exchange} is not there", fix)
    if queue.exists is None:
        return not_verifiable(SUBSCRIPTION, "no broker could be asked", name=name)
    if queue.exists:
        return _binding_finding(subscription, exchange, bindings)
    if subscription.declare:
        return ok(SUBSCRIPTION, "not there yet: `bridge run` declares it and binds it", name=name)
    bound = f", bound to {exchange} with {', '.join(patterns)}" if patterns else ""
    return _broken(subscription, "the queue is not there", f"Have the subscriber declare it{bound}")


def _binding_finding(subscription: Subscription, exchange: str, bindings: Bindings) -> Finding:
    name, patterns = subscription.queue, subscription.bindings
    if not patterns:
        return ok(SUBSCRIPTION, "the queue is there", name=name)
    if isinstance(bindings, Unseen):
        found = f"the queue is there; its bindings cannot be seen: {bindings.why}"
        return not_verifiable(SUBSCRIPTION, found, name=name, fix=bindings.fix)
    bound_with = {each.routing_key for each in _to_queues(bindings) if each.destination == name}
    missing = ", ".join(pattern for pattern in patterns if pattern not in bound_with)
    if not missing:
        return ok(SUBSCRIPTION, f"bound to {exchange} with {', '.join(patterns)}", name=name)
    if subscription.declare:
        return ok(SUBSCRIPTION, f"`bridge run` binds it to {exchange} with {missing}", name=name)
    return _broken(
        subscription, f"not bound to {exchange} with {missing}", f"Have the subscriber bind it with {missing}"
    )


def _broken(subscription: Subscription, found: str, fix: str) -> Finding:
    name, held = subscription.queue, "; streams are held until it is" if subscription.holds else ""
    fix = f"{fix}, or take it out of BRIDGE_BROKER__SUBSCRIPTIONS."
    if subscription.required:
        return failed(SUBSCRIPTION, f"{found}{held}", name=name, fix=fix)
    return warning(SUBSCRIPTION, f"{found} (it is not required)", name=name, fix=fix)


def event_type_findings(
    exchange: str,
    facts: ExchangeFacts,
    bindings: Bindings,
    *,
    planned: Collection[str],
    events: Sequence[str],
    her_ids: Collection[int],
    unroutable: str,
) -> Iterator[Finding]:
    """Whether a queue is bound for all that will be published.

    `planned`: patterns that `bridge run` binds itself. `events`: names of the events that are wanted. `her_ids`: of all
    tenants. `unroutable`: BROKER__UNROUTABLE.
    """
    if isinstance(bindings, Unseen):
        yield not_verifiable(EVENT_TYPES, f"bindings cannot be seen: {bindings.why}", fix=bindings.fix)
        return
    queues = {*planned, *(each.routing_key for each in _to_queues(bindings))}
    onward = {each.routing_key for each in bindings if each.destination_type == "exchange"}
    by_queues = unbound(events, her_ids, queues)
    by_none = {} if facts.elsewhere else unbound(events, her_ids, queues | onward)
    if not by_queues:
        yield ok(EVENT_TYPES, f"a queue is bound for each: {', '.join(events)}")
    elsewhere = {event: count for event, count in by_queues.items() if by_none.get(event, 0) < count}
    if elsewhere:
        where = facts.elsewhere or f"an exchange bound to {exchange}"
        found = f"no queue of its own for {_listed(elsewhere, len(her_ids))}; {where} may have one"
        yield not_verifiable(EVENT_TYPES, found)
    if by_none:
        then = "they will be parked" if unroutable == "park" else "the first one holds its stream (BROKER__UNROUTABLE)"
        fix = f"Bind a queue for them (e.g. `{next(iter(by_none))}.*`), or name the unwanted in BRIDGE_NHN__IGNORE."
        yield warning(EVENT_TYPES, f"no queue is bound for {_listed(by_none, len(her_ids))}: {then}", fix=fix)


def unbound(events: Sequence[str], her_ids: Collection[int], patterns: Collection[str]) -> Mapping[str, int]:
    """Event → of how many HER-ids no pattern takes it; an event that is taken of all is left out.

    Patterns are parted by the HER-id that they name, so that tens of thousands of both are no work: a word of a pattern
    that is in no routing key makes it take nothing.
    """
    wanted = {str(her_id) for her_id in her_ids}
    of_all: list[str] = []
    of_one: defaultdict[str, list[str]] = defaultdict(list)
    for pattern in patterns:
        words = set(pattern.split("."))
        if words <= {"*", "#", *events}:
            of_all.append(pattern)
        elif named := words & wanted:
            of_one[min(named)].append(pattern)
    counts: dict[str, int] = {}
    for event in events:
        if not _is_taken(f"{event}.{ANYBODY}", of_all):
            counts[event] = len(wanted) - sum(_is_taken(f"{event}.{her_id}", own) for her_id, own in of_one.items())
    return {event: count for event, count in counts.items() if count}


def _is_taken(key: str, patterns: Collection[str]) -> bool:
    return any(matches(pattern, key) for pattern in patterns)


def _to_queues(bindings: Sequence[Binding]) -> Iterator[Binding]:
    return (each for each in bindings if each.destination_type == "queue")


def _listed(counts: Mapping[str, int], her_ids: int) -> str:
    """`sent-state, other, new-message of 2 of 5 HER-ids`."""
    of_all = [event for event, count in counts.items() if count == her_ids]
    of_some = [
        f"{event} of {count} of {plural(her_ids, 'HER-id')}" for event, count in counts.items() if count < her_ids
    ]
    return ", ".join([*of_all, *of_some])
