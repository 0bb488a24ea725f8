"""The NHN source: a service a tenant."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from bridge.composition.parts import Parts, http_reader
from bridge.http import HostGate
from bridge.nhn.api import NhnApi
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import PollSettings
from bridge.nhn_service import NhnService, NhnServiceSettings
from bridge.ops.state import Bounds
from bridge.settings import Settings, Tenant
from bridge.sign_in import make_sign_in, organisation


@asynccontextmanager
async def nhn_services(parts: Parts) -> AsyncIterator[Sequence[NhnService]]:
    """The services of all tenants, and what they use."""
    settings = parts.settings
    async with AsyncExitStack() as resources:
        sign_in = await resources.enter_async_context(make_sign_in(settings, parts.telemetry.sign_in, parts.clock))
        gate = HostGate(parts.clock)
        services = []
        for tenant in settings.nhn.all_tenants:
            auth = sign_in.auth(organisation(tenant)) if sign_in else None
            reader = await resources.enter_async_context(http_reader(settings, gate, parts.clock, auth))
            nhn = settings.nhn
            api = NhnApi(reader, base_url=nhn.base_url, source_system=nhn.source_system, api_version=nhn.api_version)
            services.append(_service(parts, tenant, api))
        yield services


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
