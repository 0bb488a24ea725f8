"""The composition root: from settings to a running bridge."""

import asyncio
import gc
import os
from contextlib import AsyncExitStack
from functools import partial

import structlog

from bridge import __version__
from bridge.clock import SystemClock
from bridge.composition.altinn import altinn_service
from bridge.composition.broker import make_broker
from bridge.composition.nhn import nhn_tenants
from bridge.composition.ownership import opened_store
from bridge.composition.parts import Parts
from bridge.composition.traces import opened_traces
from bridge.ops.metrics import Metrics
from bridge.ops.server import OpsServer
from bridge.ops.service_telemetry import BridgeTelemetry
from bridge.ops.state import BridgeState
from bridge.ops.tail import Tail
from bridge.settings import FileContent, Receivers, Settings
from bridge.streams import stay_connected
from bridge.supervisor import Service, signals_set, supervise, unless_stopped

log = structlog.get_logger()


async def run_bridge(
    settings: Settings, *, file: FileContent[Settings] | None = None, stop: asyncio.Event | None = None
) -> str | None:
    """Run until SIGTERM or SIGINT, then drain. None if everything in flight was committed, else why it was cut off, as
    an adverbial clause.

    `file`: tells of other tenants while it runs. `stop`: the same wish from within the process. Raises
    ConfigurationError for what only shows when it is tried, InvariantViolation and defects.
    """
    settings.require_source()
    receivers = Receivers(settings.nhn.all_tenants, file) if settings.nhn.is_on else Receivers(())
    receivers.current()
    clock, stop = SystemClock(), stop or asyncio.Event()
    state, metrics, tail = (
        BridgeState(clock, __version__),
        Metrics(sources=settings.sources, per_her_id=settings.ops.metrics_per_her_id),
        Tail() if settings.ops.tail else None,
    )
    state.settings_problems = lambda: receivers.problems
    telemetry = BridgeTelemetry(state, metrics, tail=tail)
    with signals_set(stop):
        async with AsyncExitStack() as resources:
            # first, so that what keeps the rest from opening can be read there
            ops = OpsServer(state, metrics, host=settings.ops.host, port=settings.ops.port, tail=tail)
            await resources.enter_async_context(ops)
            log.info("bridge.started", version=__version__, ops=f"{settings.ops.host}:{ops.port}")
            # before the broker: without the cursors there is nothing to publish
            opened = await unless_stopped(stop, opened_store(settings, resources, telemetry, receivers, clock))
            if opened is None:
                return None
            store, ownership = opened
            broker, routes = make_broker(settings, telemetry, clock)
            resources.push_async_callback(broker.close)
            publishing = await resources.enter_async_context(opened_traces(os.environ, clock))
            parts = Parts(settings, broker, routes, store, ownership, telemetry, publishing, clock)
            services: list[Service] = [
                partial(stay_connected, broker, clock=clock),
                partial(routes.run, broker),
                ownership.run,
            ]
            if settings.nhn.is_on:
                nhn = await resources.enter_async_context(nhn_tenants(parts, receivers))
                services.append(nhn.run)
            if settings.altinn.is_on:
                altinn = await resources.enter_async_context(altinn_service(parts))
                services.append(altinn.run)
            # What is there now stays: the collector need not look through it again and again, for 0.1 s each time.
            gc.freeze()
            is_in_time = await supervise(
                services,
                stop=stop,
                observer=telemetry,
                clock=clock,
                shutdown_deadline_s=settings.shutdown_deadline_s,
            )
    cut_off = state.cut_off if is_in_time else f"after BRIDGE_SHUTDOWN_DEADLINE_S ({settings.shutdown_deadline_s:g} s)"
    log.info("bridge.stopped", drained=cut_off is None)
    return cut_off
