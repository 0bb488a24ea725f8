"""The broker's side: each URL, the management API, and on the first node that answers all that the bridge needs."""

import asyncio
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import AsyncExitStack
from urllib.parse import unquote, urlsplit

from bridge.check.facts import Survey, Unseen
from bridge.check.management_api import look_at_management
from bridge.check.nodes import Reached, reach, vhost_refused
from bridge.check.permissions import permissions_finding
from bridge.check.receiver_events import ReceiverEvents
from bridge.check.report import Finding
from bridge.check.routes import Events, event_type_findings, subscription_finding, vain_binding_findings
from bridge.check.status_events import StatusEvents
from bridge.check.survey import Asker, take_survey
from bridge.check.topology import exchange_finding, parked_queue_findings, registrations_findings
from bridge.events.nhn import EVENT_NAMES, OTHER
from bridge.rabbitmq.endpoint import Endpoint
from bridge.rabbitmq.management import open_management
from bridge.settings import Settings

MANAGEMENT_S = 5.0
"""For one question to the management API."""


async def broker_findings(settings: Settings, her_ids: Collection[int], *, tls: ssl.SSLContext) -> list[Finding]:
    """Everything about the broker. `her_ids`: of all tenants. Raises ConfigurationError for URLs that can be none."""
    broker = settings.broker
    endpoints = [Endpoint.parse(url) for url in broker.url_source.get()]
    async with AsyncExitStack() as resources:
        reached = await asyncio.gather(*[reach(each, tls=tls, resources=resources) for each in endpoints])
        first = next((number for number, each in enumerate(reached) if each.connection is not None), 0)
        endpoint, node = endpoints[first], reached[first]
        management = None
        if broker.management is not None:
            opening = open_management(broker.management.get(), vhost=endpoint.vhost, tls=tls, timeout_s=MANAGEMENT_S)
            management = await resources.enter_async_context(opening)
        management_findings, asker = await look_at_management(management, node.server)
        version = None if node.server is None else node.server.version
        survey = await take_survey(settings, node.connection, asker, user=user_of(endpoint), version=version)
        nodes = [await _told(*each, asker) for each in zip(endpoints, reached, strict=True)]
    return [*nodes, *management_findings, *survey_findings(settings, her_ids, survey)]


async def _told(endpoint: Endpoint, reached: Reached, asker: Asker) -> Finding:
    """What is to be said of a node; of a refused vhost the management API knows more."""
    if reached.is_vhost_refused:
        vhost = endpoint.vhost
        exists = await asker.ask(lambda management: management.has_vhost(vhost), tag="administrator")
        if not isinstance(exists, Unseen):
            return vhost_refused(endpoint.address, vhost, exists=exists)
    return reached.finding


def survey_findings(settings: Settings, her_ids: Collection[int], survey: Survey) -> Iterator[Finding]:
    """What the survey means. Pure."""
    broker = settings.broker
    parked, mode = broker.exchange_parked, broker.topology
    published = events_of(settings, her_ids)
    yield permissions_finding(settings, survey, {name: events.sample_keys for name, events in published.items()})
    for name in published:
        setting = "EXCHANGE_NHN" if name == broker.exchange_nhn else "EXCHANGE_ALTINN"
        yield exchange_finding("exchange", name, "topic", survey.exchanges[name], setting=setting, mode=mode)
    facts = survey.exchanges[parked]
    yield exchange_finding("parked exchange", parked, "fanout", facts, setting="EXCHANGE_PARKED", mode=mode)
    yield from parked_queue_findings(
        broker, survey.queues[parked], is_bound=_is_parked_bound(parked, survey), version=survey.version
    )
    if settings.altinn.is_on:
        yield from registrations_findings(broker.queue_orders, survey.queues[broker.queue_orders], mode=mode)
    yield from _subscription_findings(settings, survey, published)
    for name, events in published.items():
        yield from event_type_findings(
            name,
            survey.exchanges[name],
            survey.bindings[name],
            planned=planned_bindings(settings, name),
            events=events,
            unroutable=broker.unroutable,
        )


def events_of(settings: Settings, her_ids: Collection[int]) -> Mapping[str, Events]:
    """Exchange → what will be published to it, of the sources that are on."""
    events: dict[str, Events] = {}
    if settings.nhn.is_on:
        wanted = [name for name in (*EVENT_NAMES.values(), OTHER) if name not in settings.nhn.ignore]
        events[settings.broker.exchange_nhn] = ReceiverEvents(wanted, her_ids)
    if settings.altinn.is_on:
        events[settings.broker.exchange_altinn] = StatusEvents(settings.altinn.order_closed_events)
    return events


def _subscription_findings(settings: Settings, survey: Survey, published: Mapping[str, Events]) -> Iterator[Finding]:
    declared = {*settings.event_exchanges, settings.broker.exchange_parked}
    for each in settings.broker.subscriptions:
        exchange = settings.exchange_of(each)
        is_missing = exchange not in declared and survey.exchanges[exchange].exists is False
        queue, bindings = survey.queues[each.queue], survey.bindings[exchange]
        yield subscription_finding(each, exchange, queue, bindings, is_exchange_missing=is_missing)
        if exchange in published:
            yield from vain_binding_findings(each, published[exchange])


def planned_bindings(settings: Settings, exchange: str) -> frozenset[str]:
    """The patterns with which `bridge run` itself binds queues to an exchange."""
    own = [each for each in settings.broker.subscriptions if each.declare and settings.exchange_of(each) == exchange]
    return frozenset(pattern for each in own for pattern in each.bindings)


def _is_parked_bound(parked: str, survey: Survey) -> bool | None:
    bindings = survey.bindings[parked]
    if isinstance(bindings, Unseen):
        return None
    return any(each.destination == parked and each.destination_type == "queue" for each in bindings)


def user_of(endpoint: Endpoint) -> str:
    """The user of the URL, for asking after its permissions; not to be shown. As AMQP clients have it, `guest`."""
    return unquote(urlsplit(endpoint.url).username or "guest")
