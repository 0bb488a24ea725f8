"""What the bridge's user may do in the vhost, against what it needs. Pure.

https://www.rabbitmq.com/docs/access-control#authorisation: to declare needs `configure`; to bind, `write` on the queue
and `read` on the exchange; to publish, `write` on the exchange; to look (a passive declare) needs nothing.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from bridge.check.facts import Survey, Unseen
from bridge.check.report import Finding, failed, not_verifiable, ok
from bridge.rabbitmq.management import Permissions, TopicPermissions
from bridge.settings import Settings

SUBJECT = "permissions"

Kind = Literal["configure", "write", "read"]
Needs = Mapping[Kind, frozenset[str]]
"""Names of exchanges and queues by permission."""


def needs_of(settings: Settings) -> Needs:
    """What `bridge run` cannot do without, with these settings."""
    broker = settings.broker
    exchanges = frozenset({*settings.event_exchanges, broker.exchange_parked})
    consumed = frozenset({broker.queue_orders} if settings.altinn.is_on else ())
    if broker.topology == "check":
        return {"configure": frozenset(), "write": exchanges, "read": consumed}
    declared = [each for each in broker.subscriptions if each.declare]
    bound = frozenset({broker.exchange_parked, *(each.queue for each in declared)})
    sources = frozenset(map(settings.exchange_of, declared))
    return {
        "configure": exchanges | bound | consumed,
        "write": exchanges | bound,
        "read": frozenset({broker.exchange_parked}) | sources | consumed,
    }


def permissions_finding(settings: Settings, survey: Survey, keys: Mapping[str, Sequence[str]]) -> Finding:
    """`keys`: exchange → routing keys of the kinds that will be published to it."""
    needs = needs_of(settings)
    permissions = survey.permissions
    if isinstance(permissions, Unseen):
        return _by_amqp(needs, survey, permissions)
    if permissions is None:
        found = "the management API knows none of this user here; it may be kept elsewhere (LDAP, OAuth 2)"
        return not_verifiable(SUBJECT, found)
    try:
        lacking = [*_lacking(needs, permissions), *_lacking_keys(survey.topic_permissions, keys)]
    except re.error:
        return not_verifiable(SUBJECT, "a regular expression in them is read by RabbitMQ alone")
    if lacking:
        return _failure(lacking)
    kinds = [kind for kind, names in needs.items() if names]
    return ok(SUBJECT, f"{', '.join(kinds)}: on all that is needed")


def _by_amqp(needs: Needs, survey: Survey, unseen: Unseen) -> Finding:
    """A refused declare tells that a permission is missing; no refusal tells that all are there."""
    refused = [f"configure on {name}" for name in sorted(needs["configure"]) if _may_not_configure(name, survey)]
    return _failure(refused) if refused else not_verifiable(SUBJECT, unseen.why, fix=unseen.fix)


def _may_not_configure(name: str, survey: Survey) -> bool:
    seen = (survey.exchanges.get(name), survey.queues.get(name))
    return any(facts is not None and facts.may_configure is False for facts in seen)


def _failure(lacking: Sequence[str]) -> Finding:
    fix = (
        "Have an administrator of the broker give them to the bridge's user (rabbitmqctl set_permissions, "
        "set_topic_permissions), or let others declare and set BRIDGE_BROKER__TOPOLOGY=check."
    )
    return failed(SUBJECT, f"the user lacks: {'; '.join(lacking)}", fix=fix)


def _lacking(needs: Needs, permissions: Permissions) -> Iterator[str]:
    patterns: Mapping[Kind, str] = {
        "configure": permissions.configure,
        "write": permissions.write,
        "read": permissions.read,
    }
    for kind, names in needs.items():
        missing = [name for name in sorted(names) if not allows(patterns[kind], name)]
        if missing:
            yield f"{kind} on {', '.join(missing)}"


def _lacking_keys(
    permissions: Collection[TopicPermissions] | Unseen, keys: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    if isinstance(permissions, Unseen):
        return
    for each in permissions:
        missing = [key for key in keys.get(each.exchange, ()) if not allows(each.write, key)]
        if missing:
            yield f"write to {each.exchange} with the routing keys {', '.join(missing)}"


def allows(pattern: str, name: str) -> bool:
    """As RabbitMQ has it: found anywhere in the name; the empty pattern allows nothing. Raises re.error."""
    return bool(pattern) and re.search(pattern, name) is not None
