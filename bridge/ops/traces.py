"""OpenTelemetry traces: a span for each page that is published, whose context the page's events carry.

Needs the extra `traces`, and is imported only where traces are on. Where they go, and how many are taken, is said by
OpenTelemetry's own environment variables, which its SDK reads. It sends them from a thread of its own, and drops what
it cannot keep: whoever collects them cannot hold up an event.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bridge import __version__
from bridge.events.message import Message
from bridge.events.traced import traced
from bridge.ops.repeats import Repeats
from bridge.ops.state import Clock

FLUSH_S = 2.0
"""For what is not sent yet at the end."""

log = structlog.get_logger()


class Traces:
    """Makes the spans. Their attributes are those of OpenTelemetry's conventions for messaging, and the stream: nothing
    of an event, whose data may identify persons (G8).
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("notification-bridge", __version__)

    @contextmanager
    def publishing(self, stream: str, messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
        """A span as long as the block, and the messages to be published in it. None where no event is among them."""
        events = [message for message in messages if message.parked_reason is None]
        if not events:
            yield messages
            return
        exchange = events[0].exchange  # one source's, so the same of all
        attributes: dict[str, str | int] = {
            "messaging.system": "rabbitmq",
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.destination.name": exchange,
            "messaging.batch.message_count": len(events),
            "bridge.stream": stream,
        }
        span = self._tracer.start_span(f"publish {exchange}", Context(), SpanKind.PRODUCER, attributes)
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
        try:
            yield [traced(message, carrier["traceparent"]) for message in messages]
        except BaseException as error:
            # Its class alone: a text may quote what was published.
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()

    async def close(self) -> None:
        """Send what is not sent yet, for FLUSH_S at most."""
        # The SDK's own way to end waits as long as the exporter likes. The thread is given up with the process.
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, FLUSH_S)


def open_traces(clock: Clock) -> Traces:
    """To where OTEL_EXPORTER_OTLP_ENDPOINT says."""
    # Instead of a line for each try, TellingExporter tells what comes of them.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    named = Resource({"service.name": "notification-bridge", "service.version": __version__})
    resource = Resource.get_empty().merge(named).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(TellingExporter(OTLPSpanExporter(), clock)))
    return Traces(provider)


class TellingExporter(SpanExporter):
    """Tells in the log whether spans are taken, at most once a minute. Called from the SDK's thread."""

    def __init__(self, exporter: SpanExporter, clock: Clock) -> None:
        self._exporter = exporter
        self._clock = clock
        self._repeats = Repeats()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - it would end the thread, or be logged with whatever it quotes
            self._failed(type(error).__name__)
            return SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._failed("they were not taken")
        elif self._repeats.ended("export"):
            log.info("traces.exported")
        return result

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See SpanExporter."""
        return self._exporter.force_flush(timeout_millis)

    def _failed(self, why: str) -> None:
        times = self._repeats.due("export", why, self._clock.monotonic())
        if times is not None:
            log.warning("traces.not_exported", error=why, times=times)
