"""The NHN source: a service a tenant, or its feeds alone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from bridge import __version__
from bridge.auth.helseid import HelseId
from bridge.composition.parts import Parts, http_reader
from bridge.errors import TransientError
from bridge.http import HostGate
from bridge.nhn.api import NhnApi
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import PollSettings
from bridge.nhn_service import NhnService, NhnServiceSettings
from bridge.nhn_tenants import NhnTenants
from bridge.ops.service_telemetry import SignInTelemetry
from bridge.ops.state import Bounds, BridgeState
from bridge.ports import Clock
from bridge.settings import Receivers, Settings, Tenant
from bridge.sign_in import make_sign_in, organisation


class _Untold:
    """A FeedObserver of commands, whose feeds tell nobody that they ask for smaller pages."""

    def poll_failed(self, error: TransientError, *, attempt: int) -> None: ...
    def probed(self) -> None: ...


@asynccontextmanager
async def nhn_tenants(parts: Parts, receivers: Receivers) -> AsyncIterator[NhnTenants]:
    """The services of all tenants, and what they use."""
    settings, gate = parts.settings, HostGate(parts.clock)
    async with make_sign_in(settings, parts.telemetry.sign_in, parts.clock) as sign_in:

        async def serve(tenant: Tenant, stop: asyncio.Event) -> None:
            async with _api(settings, tenant, sign_in, gate, parts.clock) as api:
                await _service(parts, tenant, api).run(stop)

        yield NhnTenants(
            lambda: receivers.tenants,
            serve,
            has_streams=lambda name: bool(parts.ownership.streams(f"nhn/{name}/")),
            observer=parts.telemetry,
            clock=parts.clock,
        )


@asynccontextmanager
async def nhn_feeds(settings: Settings, clock: Clock) -> AsyncIterator[Mapping[str, Feed]]:
    """Tenant → the feed as a command reads it, signed in as the bridge does; none where the source is off."""
    if not settings.nhn.is_on:
        yield {}
        return
    nhn, gate = settings.nhn, HostGate(clock)
    async with AsyncExitStack() as resources:
        observer = SignInTelemetry(BridgeState(clock, __version__))
        sign_in = await resources.enter_async_context(make_sign_in(settings, observer, clock))
        feeds = {}
        for tenant in nhn.all_tenants:
            api = await resources.enter_async_context(_api(settings, tenant, sign_in, gate, clock))
            feeds[tenant.name] = Feed(
                api, page_size=nhn.page_size, retry_refused_s=nhn.retry_refused_s, observer=_Untold()
            )
        yield feeds


@asynccontextmanager
async def _api(
    settings: Settings, tenant: Tenant, sign_in: HelseId | None, gate: HostGate, clock: Clock
) -> AsyncIterator[NhnApi]:
    """The API, signed in for the tenant's organisation."""
    nhn, auth = settings.nhn, sign_in.auth(organisation(tenant)) if sign_in else None
    async with http_reader(settings, gate, clock, auth) as reader:
        yield NhnApi(reader, base_url=nhn.base_url, source_system=nhn.source_system, api_version=nhn.api_version)


def _service(parts: Parts, tenant: Tenant, api: NhnApi) -> NhnService:
    broker = parts.settings.broker
    return NhnService(
        _service_settings(parts.settings, tenant),
        ownership=parts.ownership,
        api=api,
        runner=parts.runner(),
        store=parts.stores.nhn,
        maker=MessageMaker(
            exchange=broker.exchange_nhn,
            parked_exchange=broker.exchange_parked,
            ignore=parts.settings.nhn.ignore,
            clock=parts.clock,
        ),
        telemetry=parts.telemetry,
        clock=parts.clock,
    )


def _service_settings(settings: Settings, tenant: Tenant) -> NhnServiceSettings:
    nhn = settings.nhn
    return NhnServiceSettings(
        tenant=tenant.name,
        start=nhn.start,
        page_size=nhn.page_size,
        poll=PollSettings(
            poll_interval_s=nhn.poll_interval_s, overlap_s=nhn.overlap_s, retry_refused_s=nhn.retry_refused_s
        ),
        bounds=Bounds.of(
            poll_interval_s=nhn.poll_interval_s,
            http_timeout_s=settings.http.timeout_s,
            confirm_timeout_s=settings.broker.confirm_timeout_s,
            retry_refused_s=nhn.retry_refused_s,
        ),
    )
