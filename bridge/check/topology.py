"""Exchanges and the parked queue: there, and what they have to be? Pure.

Where they are missing, `bridge run` declares them if it may (BROKER__TOPOLOGY=declare).
"""

import re
from collections.abc import Mapping
from typing import Any

from bridge.check.facts import ExchangeFacts, QueueFacts
from bridge.check.report import Finding, failed, not_verifiable, ok, plural, warning
from bridge.settings import BrokerSettings

PARKED_QUEUE = "parked queue"
REGISTRATIONS = "registrations"
NEARLY_FULL = 0.8
FIRST_LIMITED_MAJOR = 4
"""RabbitMQ from which on a quorum queue drops a message after 20 deliveries where nothing is said."""
DEFAULT_DELIVERY_LIMIT = 20
FEW_DELIVERIES = 1000
"""A delivery limit under this can be used up by looking."""
_DECLARED = "not there yet: `bridge run` declares it"
_UNASKED = "no broker could be asked"


def exchange_finding(subject: str, name: str, kind: str, facts: ExchangeFacts, *, setting: str, mode: str) -> Finding:
    """A durable exchange of the kind. `setting`: the one that names it. `mode`: BROKER__TOPOLOGY."""
    if facts.exists is None:
        return not_verifiable(subject, _UNASKED, name=name)
    if not facts.exists:
        if mode == "declare":
            return ok(subject, _DECLARED, name=name)
        return failed(subject, "not there", name=name, fix=_declare(f"durable, type {kind}"))
    if facts.differs is not None:
        anew = f"Delete it, so that it can be declared anew (durable, type {kind})"
        fix = f"{anew}, or name another one in BRIDGE_BROKER__{setting}."
        return failed(subject, facts.differs, name=name, fix=fix)
    if not facts.is_compared:
        return not_verifiable(subject, f"there; whether it is durable and of type {kind} cannot be seen", name=name)
    return ok(subject, f"durable, type {kind}", name=name)


def parked_queue_findings(
    broker: BrokerSettings, facts: QueueFacts, *, is_bound: bool | None, version: str | None
) -> list[Finding]:
    """The queue of what cannot be delivered. `is_bound`: to its exchange; None: not seen. `version`: RabbitMQ's."""
    name, mode = broker.exchange_parked, broker.topology
    if facts.exists is None:
        return [not_verifiable(PARKED_QUEUE, _UNASKED, name=name)]
    if not facts.exists:
        if mode == "declare":
            return [ok(PARKED_QUEUE, _DECLARED, name=name)]
        fix = _declare(f"durable, type quorum, x-delivery-limit 1000000, bound to the exchange {name}")
        return [failed(PARKED_QUEUE, "not there", name=name, fix=fix)]
    if facts.differs is not None:
        fix = "Move what is in it to another queue and delete it, so that it can be declared anew (durable, quorum)."
        return [failed(PARKED_QUEUE, facts.differs, name=name, fix=fix)]
    if is_bound is False and mode == "check":
        fix = f"Bind it to the exchange {name} (any routing key), or set BRIDGE_BROKER__TOPOLOGY=declare."
        return [failed(PARKED_QUEUE, f"not bound to the exchange {name}: nothing can be parked", name=name, fix=fix)]
    return [_filling(broker, facts, is_bound), *_losses(name, facts, version)]


def registrations_findings(name: str, facts: QueueFacts, *, mode: str) -> list[Finding]:
    """The queue by which services tell which orders to watch: any durable queue will do. `mode`: BROKER__TOPOLOGY."""
    if facts.exists is None:
        return [not_verifiable(REGISTRATIONS, _UNASKED, name=name)]
    if not facts.exists:
        if mode == "declare":
            return [ok(REGISTRATIONS, _DECLARED, name=name)]
        return [failed(REGISTRATIONS, "not there", name=name, fix=_declare("durable, type quorum"))]
    if facts.differs is not None:
        fix = "Have it deleted when it is empty, so that it can be declared anew (durable, quorum)."
        return [failed(REGISTRATIONS, facts.differs, name=name, fix=fix)]
    waiting = "" if facts.messages is None else f"; {plural(facts.messages, 'registration')} waiting"
    if facts.type is None and facts.limits is None:
        return [not_verifiable(REGISTRATIONS, f"there{waiting}; its arguments cannot be seen", name=name)]
    findings = [ok(REGISTRATIONS, f"durable, type {facts.type or 'unknown'}{waiting}", name=name)]
    if dangers := _drops(facts.limits or {}):
        fix = "Take these arguments or policies from it: an order that is dropped there is never watched."
        findings.append(warning(REGISTRATIONS, "; ".join(dangers), name=name, fix=fix))
    return findings


def _filling(broker: BrokerSettings, facts: QueueFacts, is_bound: bool | None) -> Finding:
    name, limit, count = broker.exchange_parked, broker.parked_limit, facts.messages
    if count is None:
        return not_verifiable(PARKED_QUEUE, "there; how much is in it cannot be seen", name=name)
    found = f"{count} of at most {limit} messages"
    fix = "Find out why they are there (header x-parked-reason), and mend that; then move or delete them"
    if count >= limit:
        return failed(PARKED_QUEUE, f"{found}: nothing more is parked, streams are held", name=name, fix=f"{fix}.")
    if count >= limit * NEARLY_FULL:
        return warning(PARKED_QUEUE, found, name=name, fix=f"{fix}: when it is full, streams are held.")
    if is_bound is None or facts.limits is None:
        return not_verifiable(PARKED_QUEUE, f"{found}; its binding and its arguments cannot be seen", name=name)
    return ok(PARKED_QUEUE, found if is_bound else f"{found}; `bridge run` binds it", name=name)


def _losses(name: str, facts: QueueFacts, version: str | None) -> list[Finding]:
    """What its arguments or policies may do to a message that nobody else has any more."""
    limits = facts.limits or {}
    dangers = [*_drops(limits), *_deliveries(facts.type, limits, version)]
    if facts.type == "classic":
        dangers.append("it is a classic queue, which a lost disk takes with it")
    if not dangers:
        return []
    fix = (
        "Take these arguments or policies from it: what is parked exists nowhere else. Best is a durable quorum queue."
    )
    return [warning(PARKED_QUEUE, "; ".join(dangers), name=name, fix=fix)]


def _drops(limits: Mapping[str, Any]) -> list[str]:
    named = [key for key in ("message-ttl", "expires") if key in limits]
    if limits.get("overflow", "drop-head") == "drop-head":
        named += [key for key in ("max-length", "max-length-bytes") if key in limits]
    return [f"{key} {limits[key]} drops messages" for key in named]


def _deliveries(kind: str | None, limits: Mapping[str, Any], version: str | None) -> list[str]:
    if kind != "quorum":
        return []
    major = re.match(r"\d+", version or "")
    is_limited = major is not None and int(major[0]) >= FIRST_LIMITED_MAJOR
    limit = limits.get("delivery-limit", DEFAULT_DELIVERY_LIMIT if is_limited else None)
    if not isinstance(limit, int) or not 0 <= limit < FEW_DELIVERIES:
        return []
    return [f"a message is dropped after it was looked at {limit} times (delivery-limit)"]


def _declare(what: str) -> str:
    return f"Have it declared ({what}), or set BRIDGE_BROKER__TOPOLOGY=declare."
