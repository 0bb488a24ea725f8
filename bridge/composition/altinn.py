"""The Altinn source: one service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from bridge.altinn.api import AltinnApi
from bridge.altinn.messages import OrderMessageMaker
from bridge.altinn.schedule import PollSchedule
from bridge.altinn_service import AltinnService, AltinnServiceSettings
from bridge.composition.parts import Parts, http_reader
from bridge.http import HostGate
from bridge.ops.state import Bounds
from bridge.settings import Settings
from bridge.sign_in import make_altinn_auth


@asynccontextmanager
async def altinn_service(parts: Parts) -> AsyncIterator[AltinnService]:
    """The service, and what it uses."""
    settings, altinn, broker = parts.settings, parts.settings.altinn, parts.settings.broker
    async with AsyncExitStack() as resources:
        auth = await resources.enter_async_context(make_altinn_auth(settings, parts.telemetry.sign_in, parts.clock))
        gate = HostGate(parts.clock, max_requests_per_s=altinn.max_requests_per_s)
        reader = await resources.enter_async_context(http_reader(settings, gate, parts.clock, auth))
        yield AltinnService(
            _service_settings(settings),
            api=AltinnApi(reader, base_url=altinn.base_url, recipient=altinn.recipient),
            gate=gate,
            inbox=partial(parts.broker.inbox, broker.queue_orders),
            ownership=parts.ownership,
            runner=parts.runner(),
            store=parts.stores.altinn,
            maker=OrderMessageMaker(
                exchange=broker.exchange_altinn,
                parked_exchange=broker.exchange_parked,
                recipient=altinn.recipient,
                order_closed_events=altinn.order_closed_events,
                clock=parts.clock,
            ),
            telemetry=parts.telemetry,
            clock=parts.clock,
        )


def _service_settings(settings: Settings) -> AltinnServiceSettings:
    altinn = settings.altinn
    return AltinnServiceSettings(
        orders=altinn.orders,
        discovery=altinn.discovery,
        max_requests_per_s=altinn.max_requests_per_s,
        feed_start=altinn.feed_start,
        schedule=PollSchedule(
            first_poll_s=altinn.first_poll_s, max_poll_s=altinn.max_poll_s, give_up_after_s=altinn.give_up_after_s
        ),
        parked_exchange=settings.broker.exchange_parked,
        bounds=Bounds.of(
            poll_interval_s=altinn.first_poll_s,
            http_timeout_s=settings.http.timeout_s,
            confirm_timeout_s=settings.broker.confirm_timeout_s,
        ),
    )
