"""A bridge that is traced, as a process: spans at a collector, their context in events, no harm by a bad collector."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bridge.demo.process import free_port
from tests.support.broker import collect, ready_count
from tests.support.system import QUEUE, System, running_system

TOTAL = 1200
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
"""Milliseconds: spans go to the collector while the bridge runs, and not only at its end."""

Answer = Callable[[web.Request], Awaitable[web.Response]]


class Collector:
    """An OTLP collector, which answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @asynccontextmanager
    async def listening(self, answer: Answer | None = None) -> AsyncIterator[str]:
        """`answer`: else it takes what it is sent."""
        application = web.Application()
        application.router.add_post("/v1/traces", answer or self.take)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def traceparents(url: str) -> list[str | None]:
    """Those of all events in the queue."""
    messages = await collect(url, QUEUE, await ready_count(url, QUEUE))
    return [json.loads(message.body).get("traceparent") for message in messages]


def log_of(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "bridge.log").read_text().splitlines()]


async def drained(system: System) -> int:
    await system.until_all_committed()
    return await system.bridge.stop()


async def test_each_event_names_the_span_of_its_page(tmp_path: Path, broker_vhost: str) -> None:
    collector = Collector()
    async with collector.listening() as url:
        settings = SOON | {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
        async with running_system(tmp_path, broker_vhost, total=TOTAL, settings=settings) as system:
            assert await drained(system) == 0
            found = await traceparents(broker_vhost)
    spans = {f"{span.trace_id.hex()}-{span.span_id.hex()}": span for span in collector.spans}
    named = [(each or "").removeprefix("00-")[:49] for each in found]
    counted = {trace: named.count(trace) for trace in dict.fromkeys(named)}
    assert sum(counted.values()) == TOTAL
    assert counted == {trace: _attributes(span)["messaging.batch.message_count"] for trace, span in spans.items()}
    assert {span.name for span in spans.values()} == {"publish nhn.notifications"}
    resource = collector.requests[0].resource_spans[0].resource
    assert {each.key: each.value.string_value for each in resource.attributes}["service.name"] == "notification-bridge"


async def test_by_default_there_is_none(tmp_path: Path, broker_vhost: str) -> None:
    async with running_system(tmp_path, broker_vhost, total=100) as system:
        assert await drained(system) == 0
        assert set(await traceparents(broker_vhost)) == {None}


async def refuse(_: web.Request) -> web.Response:
    return web.Response(status=403, text="kari@example.no")


async def be_unavailable(_: web.Request) -> web.Response:
    return web.Response(status=503)


async def hang(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.faults
@pytest.mark.parametrize("answer", [refuse, be_unavailable, hang, None])
async def test_a_collector_that_takes_nothing_does_no_harm(
    answer: Answer | None, tmp_path: Path, broker_vhost: str
) -> None:
    """`None`: there is none."""
    async with Collector().listening(answer) as listening:
        url = f"http://127.0.0.1:{free_port()}" if answer is None else listening
        settings = SOON | {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret"}
        async with running_system(tmp_path, broker_vhost, total=TOTAL, settings=settings) as system:
            assert await drained(system) == 0
            assert len(await traceparents(broker_vhost)) == TOTAL
    log = log_of(tmp_path)
    assert [line["event"] for line in log if "logger" in line] == []
    assert [line["event"] for line in log].count("traces.not_exported") <= 1
    assert log[-1] | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": "bridge.stopped",
        "drained": True,
    }
    assert not {"secret", "kari"} & {word for word in ("secret", "kari") if word in json.dumps(log)}


def _attributes(span: Any) -> dict[str, Any]:
    return {each.key: each.value.int_value or each.value.string_value for each in span.attributes}
