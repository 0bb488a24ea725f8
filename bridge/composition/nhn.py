"""The NHN source: a service a tenant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.composition.parts import Parts, http_reader
from bridge.http import HostGate
from bridge.nhn.api import NhnApi
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import PollSettings
from bridge.nhn_service import NhnService, NhnServiceSettings
from bridge.nhn_tenants import NhnTenants
from bridge.ops.state import Bounds
from bridge.settings import Receivers, Settings, Tenant
from bridge.sign_in import make_sign_in, organisation


@asynccontextmanager
async def nhn_tenants(parts: Parts, receivers: Receivers) -> AsyncIterator[NhnTenants]:
    """The services of all tenants, and what they use."""
    settings, nhn = parts.settings, parts.settings.nhn
    gate = HostGate(parts.clock)
    async with make_sign_in(settings, parts.telemetry.sign_in, parts.clock) as sign_in:

        async def serve(tenant: Tenant, stop: asyncio.Event) -> None:
            auth = sign_in.auth(organisation(tenant)) if sign_in else None
            async with http_reader(settings, gate, parts.clock, auth) as reader:
                api = NhnApi(
                    reader, base_url=nhn.base_url, source_system=nhn.source_system, api_version=nhn.api_version
                )
                await _service(parts, tenant, api).run(stop)

        yield NhnTenants(
            lambda: receivers.tenants,
            serve,
            has_streams=lambda name: bool(parts.ownership.streams(f"nhn/{name}/")),
            observer=parts.telemetry,
            clock=parts.clock,
        )


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
