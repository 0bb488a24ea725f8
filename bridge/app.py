"""The composition root: from settings to a running bridge. Adapters are put together here and nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import httpx
import structlog

from bridge import __version__
from bridge.auth.assertions import Organisation
from bridge.auth.helseid import HelseId, HelseIdConfig
from bridge.auth.keys import KeyConfig
from bridge.auth.observer import SignInObserver
from bridge.clock import SystemClock, boottime
from bridge.errors import StoreUnavailable
from bridge.http import HostGate, HttpReader
from bridge.joining import join
from bridge.leases import Holdings
from bridge.nhn.api import NhnApi
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import PollSettings
from bridge.ops.metrics import Metrics
from bridge.ops.server import OpsServer
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import Bounds, BridgeState
from bridge.ops.tail import Tail
from bridge.ownership import BEATS_OF_A_LEASE, Ownership
from bridge.ports import Clock
from bridge.processes import this_process
from bridge.rabbitmq.connection import BrokerObserver, RabbitBroker
from bridge.rabbitmq.topology import Subscription, Topology
from bridge.retry import Backoff
from bridge.service import NhnService, NhnServiceSettings, stay_connected
from bridge.settings import Receivers, Settings, Tenant
from bridge.store import SqlLeases, open_store
from bridge.store.nhn import NhnStore
from bridge.supervisor import signals_set, supervise, unless_stopped
from bridge.tls import client_context

log = structlog.get_logger()


async def run_bridge(settings: Settings, *, stop: asyncio.Event | None = None) -> bool:
    """Run until SIGTERM or SIGINT, then drain. True if everything in flight was committed, False if some was cut off.

    `stop`: the same wish from within the process. Raises ConfigurationError for what only shows when it is tried,
    InvariantViolation and defects.
    """
    settings.require_source()
    receivers = Receivers(settings.nhn.all_tenants)
    receivers.current()
    clock, stop = SystemClock(), stop or asyncio.Event()
    state, metrics, tail = (
        BridgeState(clock, __version__),
        Metrics(sources=["nhn"], per_her_id=settings.ops.metrics_per_her_id),
        Tail() if settings.ops.tail else None,
    )
    telemetry = BridgeTelemetry(state, metrics, tail=tail)
    with signals_set(stop):
        async with AsyncExitStack() as resources:
            # first, so that what keeps the rest from opening can be read there
            ops = OpsServer(state, metrics, host=settings.ops.host, port=settings.ops.port, tail=tail)
            await resources.enter_async_context(ops)
            log.info("bridge.started", version=__version__, ops=f"{settings.ops.host}:{ops.port}")
            # before the broker: without the cursors there is nothing to publish
            opened = await unless_stopped(stop, _opened_store(settings, resources, telemetry, receivers, clock))
            if opened is None:
                return True
            store, ownership = opened
            broker = make_broker(settings, telemetry.broker)
            resources.push_async_callback(broker.close)
            sign_in = await resources.enter_async_context(make_sign_in(settings, telemetry.sign_in, clock))
            gate = HostGate(clock)  # one a host, whichever tenant calls
            parts = _Parts(settings, ownership, sign_in, gate, broker, store, telemetry, clock)
            services = [
                await resources.enter_async_context(_service(parts, tenant)) for tenant in settings.nhn.all_tenants
            ]
            is_drained = await supervise(
                [partial(stay_connected, broker, clock=clock), ownership.run, *(service.run for service in services)],
                stop=stop,
                observer=telemetry,
                clock=clock,
                shutdown_deadline_s=settings.shutdown_deadline_s,
            )
    log.info("bridge.stopped", drained=is_drained)
    return is_drained


def make_broker(settings: Settings, observer: BrokerObserver) -> RabbitBroker:
    """The broker of the settings; not connected yet. Raises ConfigurationError for URLs or TLS files it cannot use."""
    broker, tls = settings.broker, settings.broker.tls
    return RabbitBroker(
        broker.url_source.get,
        topology=Topology(
            exchanges=(broker.exchange_nhn,),
            parked_exchange=broker.exchange_parked,
            parked_queue=broker.exchange_parked,
            subscriptions=tuple(
                Subscription(
                    queue=each.queue,
                    exchange=each.exchange or broker.exchange_nhn,
                    bindings=each.bindings,
                    required=each.required,
                    declare=each.declare,
                )
                for each in broker.subscriptions
            ),
            mode=broker.topology,
        ),
        confirm_timeout_s=broker.confirm_timeout_s,
        max_in_flight=broker.max_in_flight,
        observer=observer,
        tls=client_context(ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file),
    )


@asynccontextmanager
async def make_sign_in(settings: Settings, observer: SignInObserver, clock: Clock) -> AsyncIterator[HelseId | None]:
    """Sign-in to NHN; None where the settings want none. Raises ConfigurationError for an issuer or key it cannot use.

    Outlives the APIs that use its tokens.
    """
    auth = settings.nhn.auth
    if auth.method == "none" or auth.key is None:
        yield None
        return
    config = HelseIdConfig(
        client_id=auth.client_id,
        key=KeyConfig(read=auth.key.get, key_id=auth.key_id or None),
        issuer=auth.issuer,
        scope=auth.scope,
        tenancy=auth.tenancy,
        timeout_s=settings.http.timeout_s,
    )
    async with HelseId(config, clock=clock, observer=observer) as helseid:
        yield helseid


@asynccontextmanager
async def make_api(
    settings: Settings, gate: HostGate, clock: Clock, auth: httpx.Auth | None = None
) -> AsyncIterator[NhnApi]:
    """NHN's API as one tenant calls it, with its `auth`."""
    nhn, http = settings.nhn, settings.http
    async with httpx.AsyncClient(timeout=httpx.Timeout(http.timeout_s), auth=auth) as client:
        reader = HttpReader(
            client, gate=gate, clock=clock, timeout_s=http.timeout_s, max_body_bytes=http.max_body_bytes
        )
        yield NhnApi(reader, base_url=nhn.base_url, source_system=nhn.source_system, api_version=nhn.api_version)


def organisation(tenant: Tenant) -> Organisation:
    """For whom a tenant's tokens are."""
    return Organisation(tenant.orgnr_parent or None, tenant.orgnr_child or None)


@dataclass(frozen=True)
class _Parts:
    """What all services share."""

    settings: Settings
    ownership: Ownership
    sign_in: HelseId | None
    gate: HostGate
    broker: RabbitBroker
    store: NhnStore
    telemetry: BridgeTelemetry
    clock: Clock


@asynccontextmanager
async def _service(parts: _Parts, tenant: Tenant) -> AsyncIterator[NhnService]:
    broker = parts.settings.broker
    auth = parts.sign_in.auth(organisation(tenant)) if parts.sign_in else None
    async with make_api(parts.settings, parts.gate, parts.clock, auth) as api:
        yield NhnService(
            service_settings(parts.settings, tenant),
            ownership=parts.ownership,
            api=api,
            broker=parts.broker,
            store=parts.store,
            maker=MessageMaker(
                exchange=broker.exchange_nhn,
                parked_exchange=broker.exchange_parked,
                ignore=parts.settings.nhn.ignore,
                clock=parts.clock,
            ),
            telemetry=parts.telemetry,
            clock=parts.clock,
        )


def service_settings(settings: Settings, tenant: Tenant) -> NhnServiceSettings:
    """What of the settings concerns a tenant's streams."""
    nhn, broker = settings.nhn, settings.broker
    return NhnServiceSettings(
        tenant=tenant.name,
        start=nhn.start,
        page_size=nhn.page_size,
        poll=PollSettings(
            poll_interval_s=nhn.poll_interval_s, overlap_s=nhn.overlap_s, retry_refused_s=nhn.retry_refused_s
        ),
        unroutable=broker.unroutable,
        parked_exchange=broker.exchange_parked,
        parked_limit=broker.parked_limit,
        bounds=Bounds.of(
            poll_interval_s=nhn.poll_interval_s,
            http_timeout_s=settings.http.timeout_s,
            confirm_timeout_s=broker.confirm_timeout_s,
            retry_refused_s=nhn.retry_refused_s,
        ),
    )


async def _opened_store(
    settings: Settings, resources: AsyncExitStack, telemetry: BridgeTelemetry, receivers: Receivers, clock: Clock
) -> tuple[NhnStore, Ownership]:
    """The store, its schema up to date, and this process's part in it, as soon as it lets itself be opened."""
    url, files = settings.store.url_source, settings.store.tls
    tls = client_context("BRIDGE_STORE__TLS", ca_file=files.ca_file, cert_file=files.cert_file, key_file=files.key_file)
    attempt, backoff = 0, Backoff()
    while True:
        holdings = Holdings()
        opening = open_store(url.get(), clock=clock, tls=tls, read_url=url.get, holdings=holdings)
        async with AsyncExitStack() as opened:
            try:
                store = await opened.enter_async_context(opening)
                ownership = await _joined(
                    settings, store, holdings, telemetry=telemetry, receivers=receivers, clock=clock
                )
            except StoreUnavailable as error:
                telemetry.store.failed(error)
            else:
                telemetry.store.worked()
                resources.push_async_callback(opened.pop_all().aclose)
                return store, ownership
        await clock.sleep(backoff.delay_s(attempt))
        attempt += 1


async def _joined(
    settings: Settings,
    store: NhnStore,
    holdings: Holdings,
    *,
    telemetry: BridgeTelemetry,
    receivers: Receivers,
    clock: Clock,
) -> Ownership:
    """This process as one of the store's replicas. Raises StoreUnavailable, and ConfigurationError where only one may
    be and another is.
    """
    heartbeat_s, is_shared = settings.cluster.heartbeat_s, store.database.is_shared
    lease_s = BEATS_OF_A_LEASE * heartbeat_s
    leases = SqlLeases(store.database, lease_s=lease_s)
    me, process = uuid4().hex, this_process()
    await join(leases, me=me, process=process, is_shared=is_shared, lease_s=lease_s, clock=clock)
    return Ownership(
        leases,
        holdings,
        me=me,
        process=process,
        heartbeat_s=heartbeat_s,
        wanted=receivers.current,
        is_shared=is_shared,
        clock=clock,
        boottime=boottime,
        observer=telemetry.ownership,
    )
