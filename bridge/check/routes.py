"""Where events go: the subscribers' queues with their bindings, and events that no queue is bound for. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from bridge.check.facts import ExchangeFacts, QueueFacts, Unseen
from bridge.check.report import Finding, failed, not_verifiable, ok, warning
from bridge.rabbitmq.management import Binding
from bridge.routes import Judgement, RouteFacts, Verdict, judge, unbound_of
from bridge.settings import Subscription

SUBSCRIPTION = "subscription"
EVENT_TYPES = "event types"

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
    route, name = subscription.route(exchange), subscription.queue
    bound = None if isinstance(bindings, Unseen) else _bound_with(name, bindings)
    facts = RouteFacts(exists=queue.exists, bound=bound)
    judged = judge(route, facts, is_exchange_missing=is_exchange_missing)
    match judged.verdict:
        case Verdict.THERE:
            return ok(SUBSCRIPTION, judged.found, name=name)
        case Verdict.NOT_SEEN if queue.exists and isinstance(bindings, Unseen):
            return not_verifiable(SUBSCRIPTION, f"{judged.found}: {bindings.why}", name=name, fix=bindings.fix)
        case Verdict.NOT_SEEN:
            return not_verifiable(SUBSCRIPTION, judged.found, name=name)
        case Verdict.MISSING if subscription.declare and not is_exchange_missing:
            found = f"`bridge run` binds it to {exchange} with {unbound_of(route, bound or ())}"
            found = found if queue.exists else "not there yet: `bridge run` declares it and binds it"
            return ok(SUBSCRIPTION, found, name=name)
        case Verdict.MISSING:
            return _broken(subscription, judged)


def _bound_with(queue: str, bindings: Sequence[Binding]) -> frozenset[str]:
    return frozenset(each.routing_key for each in _to_queues(bindings) if each.destination == queue)


def _broken(subscription: Subscription, judged: Judgement) -> Finding:
    name, held = subscription.queue, "; streams are held until it is" if subscription.holds else ""
    fix = f"{judged.fix}, or take it out of BRIDGE_BROKER__SUBSCRIPTIONS."
    if subscription.required:
        return failed(SUBSCRIPTION, f"{judged.found}{held}", name=name, fix=fix)
    return warning(SUBSCRIPTION, f"{judged.found} (it is not required)", name=name, fix=fix)


class Events(Protocol):
    """What will be published to one exchange."""

    @property
    def name(self) -> str:
        """Whose events, where they have to be told apart."""
        ...

    @property
    def sample_keys(self) -> list[str]:
        """A routing key of each kind."""
        ...

    def all(self) -> str:
        """All kinds, in words."""
        ...

    def unbound(self, patterns: Collection[str]) -> Mapping[str, int]:
        """Kind → how many of it no pattern takes; a kind that is taken as a whole is left out."""
        ...

    def listed(self, counts: Mapping[str, int]) -> str:
        """What `unbound` returned, in words."""
        ...

    def fix(self, counts: Mapping[str, int]) -> str:
        """What a person does about these."""
        ...


def vain_binding_findings(subscription: Subscription, events: Events) -> Iterator[Finding]:
    """Bindings that take nothing of what will be published: misspelt as a rule."""
    nothing = events.unbound(())
    vain = ", ".join(pattern for pattern in subscription.bindings if events.unbound((pattern,)) == nothing)
    if vain:
        found, key = f"nothing that will be published fits {vain}", events.sample_keys[0]
        fix = f"Correct it in BRIDGE_BROKER__SUBSCRIPTIONS: routing keys are such as {key}."
        yield warning(SUBSCRIPTION, found, name=subscription.queue, fix=fix)


def event_type_findings(
    exchange: str,
    facts: ExchangeFacts,
    bindings: Bindings,
    *,
    planned: Collection[str],
    events: Events,
    unroutable: str,
) -> Iterator[Finding]:
    """Whether a queue is bound for all that will be published.

    `planned`: patterns that `bridge run` binds itself. `unroutable`: BROKER__UNROUTABLE.
    """
    name = events.name
    if isinstance(bindings, Unseen):
        yield not_verifiable(EVENT_TYPES, f"bindings cannot be seen: {bindings.why}", fix=bindings.fix, name=name)
        return
    queues = {*planned, *(each.routing_key for each in _to_queues(bindings))}
    onward = {each.routing_key for each in bindings if each.destination_type == "exchange"}
    by_queues = events.unbound(queues)
    by_none = {} if facts.elsewhere else events.unbound(queues | onward)
    if not by_queues:
        yield ok(EVENT_TYPES, f"a queue is bound for each: {events.all()}", name=name)
    elsewhere = {event: count for event, count in by_queues.items() if by_none.get(event, 0) < count}
    if elsewhere:
        where = facts.elsewhere or f"an exchange bound to {exchange}"
        found = f"no queue of its own for {events.listed(elsewhere)}; {where} may have one"
        yield not_verifiable(EVENT_TYPES, found, name=name)
    if by_none:
        then = "they will be parked" if unroutable == "park" else "the first one holds its stream (BROKER__UNROUTABLE)"
        found = f"no queue is bound for {events.listed(by_none)}: {then}"
        yield warning(EVENT_TYPES, found, fix=events.fix(by_none), name=name)


def _to_queues(bindings: Sequence[Binding]) -> Iterator[Binding]:
    return (each for each in bindings if each.destination_type == "queue")
