"""The NHN source: a service a tenant, or its feeds alone."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from bridge import __version__
from bridge.auth.observer import SignInObserver
from bridge.composition.parts import Parts, http_reader
from bridge.errors import TransientError
from bridge.http import HostGate
from bridge.nhn.api import NhnApi
from bridge.nhn.feed import Feed
from bridge.nhn.messages import MessageMaker
from bridge.nhn.source import PollSettings
from bridge.nhn_service import NhnService, NhnServiceSettings
from bridge.ops.service_telemetry import SignInTelemetry
from bridge.ops.state import Bounds, BridgeState
from bridge.ports import Clock
from bridge.settings import Settings, Tenant
from bridge.sign_in import make_sign_in, organisation


class _Untold:
    """A FeedObserver of commands, whose feeds tell nobody that they ask for smaller pages."""

    def poll_failed(self, error: TransientError, *, attempt: int) -> None:
        pass


@asynccontextmanager
async def nhn_services(parts: Parts) -> AsyncIterator[Sequence[NhnService]]:
    """The services of all tenants, and what they use."""
    async with _apis(parts.settings, parts.telemetry.sign_in, parts.clock) as apis:
        yield [_service(parts, tenant, apis[tenant.name]) for tenant in parts.settings.nhn.all_tenants]


@asynccontextmanager
async def nhn_feeds(settings: Settings, clock: Clock) -> AsyncIterator[Mapping[str, Feed]]:
    """Tenant → the feed as a command reads it, signed in as the bridge does; none where the source is off."""
    if not settings.nhn.is_on:
        yield {}
        return
    nhn, sign_in = settings.nhn, SignInTelemetry(BridgeState(clock, __version__))
    async with _apis(settings, sign_in, clock) as apis:
        yield {
            tenant: Feed(api, page_size=nhn.page_size, retry_refused_s=nhn.retry_refused_s, observer=_Untold())
            for tenant, api in apis.items()
        }


@asynccontextmanager
async def _apis(settings: Settings, observer: SignInObserver, clock: Clock) -> AsyncIterator[Mapping[str, NhnApi]]:
    """Tenant → the API, signed in for its organisation."""
    nhn = settings.nhn
    async with AsyncExitStack() as resources:
        sign_in = await resources.enter_async_context(make_sign_in(settings, observer, clock))
        gate = HostGate(clock)
        apis = {}
        for tenant in nhn.all_tenants:
            auth = sign_in.auth(organisation(tenant)) if sign_in else None
            reader = await resources.enter_async_context(http_reader(settings, gate, clock, auth))
            apis[tenant.name] = NhnApi(
                reader, base_url=nhn.base_url, source_system=nhn.source_system, api_version=nhn.api_version
            )
        yield apis


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
