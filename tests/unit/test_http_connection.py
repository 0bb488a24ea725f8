"""One careful GET over a real connection: what only a transport shows. By aiohttp, and as where there is a proxy."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from bridge.errors import SourceUnavailable
from bridge.http import BodyTooLarge, HostGate, HttpReader
from bridge.http_transport import AiohttpTransport
from tests.support.clock import FakeClock

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


Transport = Callable[[], httpx.AsyncBaseTransport]


def _by_aiohttp() -> AiohttpTransport:
    return AiohttpTransport(httpx.create_ssl_context())


@pytest.fixture(params=[_by_aiohttp, httpx.AsyncHTTPTransport])
def transport(request: pytest.FixtureRequest) -> Transport:
    made: Transport = request.param
    return made


@asynccontextmanager
async def served(
    transport: Transport, serve: Serve, *, timeout_s: float = 5.0, max_body_bytes: int = 100
) -> AsyncIterator[HttpReader]:
    """A reader of a host on the loopback that speaks bytes, and the host's URL in `base_url`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except ConnectionError:
            pass  # the reader has had enough
        finally:
            writer.close()

    clock = FakeClock()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=5.0, transport=transport()) as client:
            yield HttpReader(
                client, gate=HostGate(clock), clock=clock, timeout_s=timeout_s, max_body_bytes=max_body_bytes
            )


async def failure(reader: HttpReader) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as raised:
        await reader.get("/notifications", query="HerIds=8142520", headers={})
    assert "8142520" not in f"{raised.value} {raised.value!r}"
    return raised.value


class TestOverARealConnection:
    async def test_a_body_that_drips_is_given_up_after_four_timeouts(self, transport: Transport) -> None:
        async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

        async with served(transport, drip, timeout_s=0.05) as reader:
            assert str(await failure(reader)) == "no complete answer within 0.2 s"

    @pytest.mark.parametrize(
        "sent",
        [
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", id="within a body of known length"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{", id="within a chunk"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", id="between chunks"),
            pytest.param(b"HTTP/1.1 200", id="within the status"),
            pytest.param(b"", id="before the status"),
            pytest.param(b"220 smtp.test ESMTP\r\n", id="in another protocol"),
        ],
    )
    async def test_an_answer_that_is_cut_off_is_a_failure(self, sent: bytes, transport: Transport) -> None:
        async def cut_off(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(sent)
            await writer.drain()

        async with served(transport, cut_off) as reader:
            assert str(await failure(reader)) == "the answer was cut off or is no HTTP"

    async def test_a_bomb_is_refused_before_it_fills_the_memory(self, transport: Transport) -> None:
        bomb = gzip.compress(b"\0" * 300_000_000, compresslevel=1)

        async def throw(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb))
            writer.write(bomb)
            await writer.drain()

        async with served(transport, throw) as reader:
            tracemalloc.start()
            try:
                error = await failure(reader)
                _, peak_bytes = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert type(error) is BodyTooLarge
        assert peak_bytes < 100_000_000

    async def test_nobody_there_is_told_as_such(self, transport: Transport) -> None:
        clock = FakeClock()
        async with httpx.AsyncClient(base_url="http://127.0.0.1:1", transport=transport()) as client:
            reader = HttpReader(client, gate=HostGate(clock), clock=clock, timeout_s=5.0, max_body_bytes=100)
            assert str(await failure(reader)) in {
                "no connection (ConnectError)",
                "no connection (ConnectionRefusedError)",
            }
