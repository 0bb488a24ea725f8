"""Whether there are traces: by OpenTelemetry's own environment variables, which operators know, or inject."""

import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bridge.ports import Clock
from bridge.streams import Publishing, untraced

if TYPE_CHECKING:
    from bridge.ops.traces import Traces

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HTTP = "http/protobuf"

log = structlog.get_logger()


def are_wanted(environment: Mapping[str, str]) -> bool:
    """Whether somebody said where traces go, and nobody that there be none."""
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    return any(environment.get(name) for name in ENDPOINTS) and not is_disabled and exporter == "otlp"


@asynccontextmanager
async def opened_traces(environment: Mapping[str, str], clock: Clock) -> AsyncIterator[Publishing]:
    """What pages are published in. Without traces the bridge runs as well: what keeps it from them is a line of its
    log.
    """
    traces = _traces(environment, clock) if are_wanted(environment) else None
    if traces is None:
        yield untraced
        return
    try:
        yield traces.publishing
    finally:
        await traces.close()


def _traces(environment: Mapping[str, str], clock: Clock) -> "Traces | None":
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), HTTP)
    if protocol != HTTP:
        log.warning("traces.off", error=f"traces are sent by {HTTP} alone: set {PROTOCOLS[0]} to that")
        return None
    try:
        module = importlib.import_module("bridge.ops.traces")
    except ModuleNotFoundError:
        log.warning("traces.off", error="OpenTelemetry is not installed: install notification-bridge[traces]")
        return None
    opened: Traces = module.open_traces(clock)
    log.info("traces.on")
    return opened
