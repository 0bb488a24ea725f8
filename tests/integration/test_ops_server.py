"""The ops port over real sockets: probes, documents, the page, the tail, and what it does not put up with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from bridge.errors import ConfigurationError
from bridge.ops import server as server_module
from bridge.ops.server import OpsServer
from bridge.ops.tail import Tail
from tests.support.ops import Ops

PATHS = ["/", "/livez", "/readyz", "/metrics", "/status"]


@asynccontextmanager
async def serving(ops: Ops, *, tail: Tail | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that runs."""
    async with (
        OpsServer(ops.state, ops.metrics, host="127.0.0.1", port=0, tail=tail) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=10) as client,
    ):
        yield client


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_the_security_headers(path: str) -> None:
    async with serving(Ops()) as client:
        answer = await client.get(path)

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "aiohttp" not in answer.headers["Server"]


async def test_it_is_alive_while_the_supervisor_is() -> None:
    ops = Ops()
    async with serving(ops) as client:
        ops.clock.advance(30)
        alive = await client.get("/livez")
        ops.clock.advance(1)
        silent = await client.get("/livez")
        ops.telemetry.alive()
        again = await client.get("/livez")

    assert (alive.status_code, alive.json()) == (200, {"alive": True})
    assert silent.status_code == 503
    assert silent.json() == {"alive": False, "reason": "The supervisor has been silent for 31 s."}
    assert again.status_code == 200


async def test_it_is_ready_when_nothing_stands_in_the_way_and_says_what_does() -> None:
    ops = Ops()
    async with serving(ops) as client:
        starting = await client.get("/readyz")
        stream = ops.healthy_stream()
        stream.refused(8142520, "403 Forbidden")
        ready = await client.get("/readyz")

    assert starting.status_code == 503
    assert starting.json()["ready"] is False
    assert [reason["code"] for reason in starting.json()["reasons"]] == ["broker-disconnected", "no-stream"]
    assert ready.status_code == 200
    assert (ready.json()["ready"], ready.json()["reasons"]) == (True, [])
    assert [reason["code"] for reason in ready.json()["degraded"]] == ["receivers-refused"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain; version="), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
async def test_metrics_come_in_the_format_that_is_asked_for(accept: str, content_type: str) -> None:
    ops = Ops()
    ops.healthy_stream().anomaly("late", 3)
    async with serving(ops) as client:
        answer = await client.get("/metrics", headers={"Accept": accept})

    assert answer.headers["Content-Type"].startswith(content_type)
    assert 'bridge_feed_anomalies_total{kind="late",source="nhn"} 3.0' in answer.text
    assert 'bridge_build_info{version="1.2.3"} 1.0' in answer.text


async def test_the_status_is_readable_also_when_not_ready() -> None:
    ops = Ops()
    ops.stream()
    async with serving(ops) as client:
        answer = await client.get("/status")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json()["is_ready"] is False
    assert [stream["name"] for stream in answer.json()["streams"]] == ["nhn/default/1"]


async def test_the_page_comes_with_a_policy_of_its_own() -> None:
    async with serving(Ops()) as client:
        answer = await client.get("/")

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'sha256-" in answer.headers["Content-Security-Policy"]
    assert answer.text.startswith("<!doctype html>")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_only_get_is_answered(method: str) -> None:
    async with serving(Ops()) as client:
        answer = await client.request(method, "/status")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"


async def test_an_unknown_path_is_told_what_there_is() -> None:
    async with serving(Ops()) as client:
        answer = await client.get("/health")

    assert answer.status_code == 404
    assert answer.json() == {"error": "There are /, /livez, /readyz, /metrics, /status, /tail here."}


async def test_a_request_with_a_body_is_refused_without_reading_it() -> None:
    async with serving(Ops()) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(b"GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nx")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"error":"Requests have no body here."}')


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 4096 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100 + b"\r\n",
    ],
    ids=["long line", "long header", "many headers"],
)
async def test_an_oversized_request_is_refused_and_leaves_no_line_in_the_log(
    head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Ops()) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(head)
        async with asyncio.timeout(10):
            answer = await reader.readline()
        writer.close()

    assert answer == b"HTTP/1.0 400 Bad Request\r\n"
    assert caplog.records == []


async def test_a_defect_is_answered_with_500_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server_module, "status_of", None)
    async with serving(Ops()) as client:
        answer = await client.get("/status")

    assert answer.status_code == 500
    assert [record.name for record in caplog.records] == ["bridge.ops.http"]


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHos"], ids=["nothing", "half a request"])
async def test_a_connection_that_does_not_get_to_the_point_is_closed(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "IDLE_CONNECTION_S", 0.05)
    async with serving(Ops()) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(said)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_port_in_use_is_a_configuration_error_with_a_sentence() -> None:
    ops = Ops()
    async with serving(ops) as client:
        port = client.base_url.port or 0
        with pytest.raises(ConfigurationError) as caught:
            async with OpsServer(ops.state, ops.metrics, host="127.0.0.1", port=port, tail=None):
                pass

    assert caught.value.mistakes == (
        f"Port {port} of 127.0.0.1 is in use: end what uses it, or set BRIDGE_OPS__PORT to another port.",
    )


async def test_an_address_of_another_machine_is_a_configuration_error() -> None:
    ops = Ops()
    with pytest.raises(ConfigurationError, match=r"The ops port cannot listen on 192\.0\.2\.1: set BRIDGE_OPS__HOST"):
        async with OpsServer(ops.state, ops.metrics, host="192.0.2.1", port=0, tail=None):
            pass


async def test_the_tail_is_off_unless_it_is_turned_on() -> None:
    async with serving(Ops()) as client:
        answer = await client.get("/tail")

    assert answer.status_code == 404
    assert answer.json() == {"error": "The tail is off; BRIDGE_OPS__TAIL=true turns it on."}
