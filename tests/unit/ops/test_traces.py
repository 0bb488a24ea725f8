"""The span of a page: what it says, what it never says, and that nobody waits for whoever collects it."""

import logging
import threading
from collections.abc import Sequence

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import SpanKind, StatusCode
from structlog.typing import EventDict

from bridge.errors import BrokerUnavailable
from bridge.events import parse
from bridge.events.message import Message
from bridge.ops import traces as module
from bridge.ops.traces import TellingExporter, Traces, open_traces
from tests.support.clock import FakeClock
from tests.support.events import bare, full

STREAM = "nhn/default/1"
PARKED = msgspec.structs.replace(full(), body=b"what the API gave", parked_reason="invalid", exchange="bridge.parked")


class Collected:
    """Traces, and the spans that came of them."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.traces = Traces(provider)

    def publish(self, *messages: Message) -> Sequence[Message]:
        with self.traces.publishing(STREAM, messages) as found:
            return found

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


def context_of(span: ReadableSpan) -> str:
    """As `traceparent` has it: sampled, and with an id that is random."""
    assert span.context is not None
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-03"


class TestTheSpanOfAPage:
    def test_says_where_how_much_and_of_which_stream_and_nothing_of_an_event(self) -> None:
        collected = Collected()
        collected.publish(full(), PARKED, bare())
        (span,) = collected.spans
        assert (span.name, span.kind, span.parent) == ("publish nhn.notifications", SpanKind.PRODUCER, None)
        assert span.attributes == {
            "messaging.system": "rabbitmq",
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.destination.name": "nhn.notifications",
            "messaging.batch.message_count": 2,
            "bridge.stream": "nhn/default/1",
        }
        assert (span.status.status_code, list(span.events), list(span.links)) == (StatusCode.UNSET, [], [])

    def test_is_named_by_each_of_its_events(self) -> None:
        collected = Collected()
        first, parked, second = collected.publish(full(), PARKED, bare())
        expected = context_of(collected.spans[0])
        assert [parse(each.body).traceparent for each in (first, second)] == [expected, expected]
        assert parked is PARKED

    def test_is_the_root_of_a_trace_of_its_own(self) -> None:
        collected = Collected()
        with collected.traces.publishing(STREAM, [full()]):
            collected.publish(bare())
        inner, outer = collected.spans
        assert inner.context is not None
        assert outer.context is not None
        assert inner.context.trace_id != outer.context.trace_id

    def test_of_a_failure_says_the_kind_alone(self) -> None:
        collected = Collected()
        with pytest.raises(BrokerUnavailable), collected.traces.publishing(STREAM, [full()]):
            raise BrokerUnavailable("kari@example.no")
        (span,) = collected.spans
        assert span.attributes is not None
        assert span.attributes["error.type"] == "BrokerUnavailable"
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
        assert "kari" not in span.to_json()

    @pytest.mark.parametrize("messages", [(), (PARKED,)])
    def test_is_none_where_the_page_has_no_event(self, messages: tuple[Message, ...]) -> None:
        collected = Collected()
        assert collected.publish(*messages) == messages
        assert collected.spans == ()

    def test_that_is_not_sampled_is_named_all_the_same(self) -> None:
        collected = Collected(ALWAYS_OFF)
        (message,) = collected.publish(full())
        trace = parse(message.body).traceparent
        assert trace is not None
        assert trace.endswith("-02")
        assert collected.spans == ()


class Scripted(SpanExporter):
    """Answers as it is told: a result, or an error to be raised."""

    def __init__(self, *answers: SpanExportResult | Exception) -> None:
        self._answers = list(answers)

    def export(self, _: Sequence[ReadableSpan]) -> SpanExportResult:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def shutdown(self) -> None:
        """Nothing to end."""


class TestWhoeverCollects:
    def test_not_taking_spans_is_told_once_a_minute_and_that_it_is_over(self, logs: list[EventDict]) -> None:
        failed, taken = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
        clock = FakeClock()
        exporter = TellingExporter(Scripted(taken, failed, failed, failed, failed, taken, taken), clock)
        results = []
        for seconds in (0, 1, 5, 30, 60, 1, 1):
            clock.advance(seconds)
            results.append(exporter.export(()))
        assert results == [taken, failed, failed, failed, failed, taken, taken]
        assert [(each["event"], each.get("error"), each.get("times")) for each in logs] == [
            ("traces.not_exported", "they were not taken", 1),
            ("traces.not_exported", "they were not taken", 3),
            ("traces.exported", None, None),
        ]

    def test_failing_in_an_unknown_way_is_told_by_its_kind_alone(self, logs: list[EventDict]) -> None:
        exporter = TellingExporter(Scripted(ValueError("https://user:secret@collector")), FakeClock())
        assert exporter.export(()) is SpanExportResult.FAILURE
        assert [each["error"] for each in logs] == ["ValueError"]

    async def test_hanging_holds_up_the_end_no_longer_than_the_flush(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "FLUSH_S", 0.05)
        over = threading.Event()
        collected = Collected()
        monkeypatch.setattr(collected.traces._provider, "shutdown", over.wait)
        try:
            await collected.traces.close()
        finally:
            over.set()


class TestTheResource:
    @pytest.fixture(autouse=True)
    def _library_is_told_as_before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logging.getLogger("opentelemetry"), "level", logging.NOTSET)

    async def test_is_named_by_us(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
        traces = open_traces(FakeClock())
        assert traces._provider.resource.attributes["service.name"] == "notification-bridge"
        await traces.close()

    async def test_or_by_whoever_runs_the_bridge(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", "bridge-north")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        traces = open_traces(FakeClock())
        attributes = traces._provider.resource.attributes
        assert (attributes["service.name"], attributes["deployment.environment.name"]) == ("bridge-north", "test")
        await traces.close()
