"""`/tail` over real sockets: who listens, how it ends, and what a listener that is slow or gone costs: itself."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from bridge.events.message import Message
from bridge.ops import server as server_module
from bridge.ops.server import OpsServer
from tests.support.ops import START, Ops, message


@asynccontextmanager
async def serving(ops: Ops) -> AsyncIterator[tuple[OpsServer, httpx.AsyncClient]]:
    """A server with a tail, and a client of it."""
    async with (
        OpsServer(ops.state, ops.metrics, host="127.0.0.1", port=0, tail=ops.tail) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=10) as client,
    ):
        yield server, client


async def until_listening(ops: Ops, count: int) -> None:
    async with asyncio.timeout(10):
        while len(ops.tail) != count:  # noqa: ASYNC110 - who comes and goes tells nobody
            await asyncio.sleep(0.002)


async def connect(server: OpsServer, query: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /tail{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return reader, writer


def page(count: int, *, body: bytes = b"{}") -> list[Message]:
    return [message(f"event-{number}", body=body) for number in range(count)]


async def test_confirmed_events_are_streamed_as_they_come() -> None:
    ops = Ops()
    async with serving(ops) as (_, client), client.stream("GET", "/tail", params={"pattern": "apprec.*"}) as answer:
        stream = ops.healthy_stream()
        stream.sent(2)
        stream.confirmed([message("a"), message("b", event="apprec", routing_key="apprec.8142520")], seconds=0.1)
        line = json.loads(await anext(answer.aiter_lines()))

    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert line == {
        "time": "2026-04-14T06:00:00Z",
        "exchange": "nhn.notifications",
        "routing_key": "apprec.8142520",
        "id": "b",
        "correlation_id": "related-1",
        "event": {"id": "event-1"},
    }


async def test_everything_is_streamed_without_a_pattern_and_in_order() -> None:
    ops = Ops()
    async with serving(ops) as (_, client), client.stream("GET", "/tail") as answer:
        ops.tail.offer(page(1500), at=START)
        lines = answer.aiter_lines()
        ids = [json.loads(await anext(lines))["id"] for _ in range(1500)]

    assert ids == [f"event-{number}" for number in range(1500)]


async def test_a_quiet_tail_sends_empty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TAIL_QUIET_S", 0.01)
    async with serving(Ops()) as (_, client), client.stream("GET", "/tail") as answer:
        pieces = answer.aiter_bytes()
        quiet = [await anext(pieces), await anext(pieces)]

    assert quiet == [b"\n", b"\n"]


async def test_an_eleventh_listener_is_refused_until_another_leaves() -> None:
    ops = Ops()
    async with serving(ops) as (server, client):
        connections = [await connect(server) for _ in range(10)]
        await until_listening(ops, 10)
        refused = await client.get("/tail")
        connections[4][1].close()
        await until_listening(ops, 9)
        async with client.stream("GET", "/tail") as accepted:
            status_code = accepted.status_code
        for _, writer in connections:
            writer.close()

    assert refused.status_code == 503
    assert refused.json() == {"error": "All 10 places to listen are taken; end another listener first."}
    assert status_code == 200


async def test_a_listener_that_died_frees_its_place_though_nothing_is_sent() -> None:
    ops = Ops()
    async with serving(ops) as (server, _):
        _, writer = await connect(server)
        await until_listening(ops, 1)
        writer.transport.abort()
        await until_listening(ops, 0)


async def test_a_listener_that_stops_reading_is_cut_off_and_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TAIL_WRITE_S", 0.05)
    ops = Ops()
    async with serving(ops) as (server, _):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"GET /tail HTTP/1.1\r\nHost: x\r\n\r\n")
            await until_listening(ops, 1)
            async with asyncio.timeout(20):
                while len(ops.tail):
                    ops.tail.offer(page(100, body=b'"' + b"x" * 50_000 + b'"'), at=START)
                    await asyncio.sleep(0.01)


async def test_a_slow_listener_is_told_how_many_it_missed() -> None:
    ops = Ops()
    async with serving(ops) as (server, _):
        reader, writer = await connect(server)
        await until_listening(ops, 1)
        for _ in range(3):
            ops.tail.offer(page(1000), at=START)  # the loop does not turn in between: nothing is read
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readline()
            first = await reader.readline()
        writer.close()

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first == b'{"dropped":1000}\n'


async def test_a_pattern_longer_than_any_routing_key_is_refused() -> None:
    async with serving(Ops()) as (_, client):
        answer = await client.get("/tail", params={"pattern": "x" * 256})

    assert answer.status_code == 400
    assert answer.json() == {"error": "A pattern has at most 255 bytes."}


async def test_the_end_of_the_server_ends_the_tail_at_once() -> None:
    ops = Ops()
    async with asyncio.timeout(1.5), serving(ops) as (server, _):
        reader, writer = await connect(server)
        await until_listening(ops, 1)
    rest = await reader.read()
    writer.close()

    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.endswith(b"\r\n\r\n0\r\n\r\n")
    assert len(ops.tail) == 0
