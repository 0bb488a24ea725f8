"""Whether the bridge is traced: by OpenTelemetry's own environment variables; and never at the price of running."""

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from bridge.composition.traces import are_wanted, opened_traces
from bridge.streams import untraced
from tests.support.clock import FakeClock

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_SERVICE_NAME": "bridge"}, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318/v1/metrics"}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": ""}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "false"}, True),
    ],
)
def test_an_endpoint_switches_traces_on(environment: dict[str, str], wanted: bool) -> None:
    assert are_wanted(environment) is wanted


async def test_where_they_are_off_nothing_is_said_and_messages_are_the_same_ones() -> None:
    with capture_logs() as logs:
        async with opened_traces({}, FakeClock()) as publishing:
            assert publishing is untraced
            messages = ()
            with publishing("nhn/default/1", messages) as published:
                assert published is messages
    assert logs == []


async def test_another_protocol_than_ours_is_told_and_the_bridge_runs() -> None:
    environment = ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with capture_logs() as logs:
        async with opened_traces(environment, FakeClock()) as publishing:
            assert publishing is untraced
    assert [(each["event"], each["log_level"]) for each in logs] == [("traces.off", "warning")]
    assert "http/protobuf alone" in logs[0]["error"]


async def test_the_protocol_of_traces_wins() -> None:
    environment = ENDPOINT | {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    }
    async with opened_traces(environment, FakeClock()) as publishing:
        assert publishing is not untraced


async def test_a_bridge_without_the_extra_says_what_to_install_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bridge.ops.traces", None)  # as where an import of it fails
    with capture_logs() as logs:
        async with opened_traces(ENDPOINT, FakeClock()) as publishing:
            assert publishing is untraced
    assert [(each["event"], each["log_level"]) for each in logs] == [("traces.off", "warning")]
    assert "install notification-bridge[traces]" in logs[0]["error"]


def test_where_they_are_off_opentelemetry_is_not_imported() -> None:
    program = "import sys, bridge.cli.run; print('opentelemetry' in sys.modules, 'requests' in sys.modules)"
    ran = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20
    )
    assert ran.stdout == "False False\n"
