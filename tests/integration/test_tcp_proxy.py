"""The proxy breaks what it is told to break, at the byte it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.sandbox.tcp_proxy import Direction, TcpProxy

TO_TARGET, TO_CLIENT = frozenset({Direction.TO_TARGET}), frozenset({Direction.TO_CLIENT})

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Target:
    """A server that keeps all it is sent and whose side of each connection a test holds."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Streams] = asyncio.Queue()

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.put_nowait((reader, writer))


@pytest.fixture
async def target() -> Target:
    return Target()


@pytest.fixture
async def proxy(target: Target) -> AsyncIterator[TcpProxy]:
    async with await asyncio.start_server(target.take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with TcpProxy("127.0.0.1", port) as proxy:
            yield proxy


@asynccontextmanager
async def connected(proxy: TcpProxy, target: Target) -> AsyncIterator[tuple[Streams, Streams]]:
    """The client's and the target's end of a new connection, through which a byte has passed already."""
    client = await asyncio.open_connection(proxy.host, proxy.port)
    server = await target.connections.get()
    client[1].write(b"!")
    assert await server[0].readexactly(1) == b"!"
    try:
        yield client, server
    finally:
        for _, writer in (client, server):
            writer.transport.abort()


async def test_bytes_and_ends_pass_both_ways(proxy: TcpProxy, target: Target) -> None:
    async with connected(proxy, target) as ((client, to_server), (server, to_client)):
        to_server.write(b"question")
        to_server.write_eof()
        assert await server.read(-1) == b"question"

        to_client.write(b"answer" * 100_000)
        to_client.write_eof()
        assert await client.read(-1) == b"answer" * 100_000


async def test_a_cut_resets_both_sides_and_new_connections_pass(proxy: TcpProxy, target: Target) -> None:
    async with connected(proxy, target) as ((client, _), (server, _)):
        proxy.cut()

        with pytest.raises(ConnectionResetError):
            await client.read(1)
        with pytest.raises(ConnectionResetError):
            await server.read(1)

    async with connected(proxy, target) as ((_, to_server), (server, _)):
        to_server.write(b"x")
        assert await server.readexactly(1) == b"x"
    assert proxy.accepted == 2


@pytest.mark.parametrize("count", [1, 10, 20_000])
async def test_a_cut_after_so_many_bytes_lets_no_more_through(proxy: TcpProxy, target: Target, count: int) -> None:
    async with connected(proxy, target) as ((_, to_server), (server, _)):
        proxy.cut_after(count, Direction.TO_TARGET)
        to_server.write(b"x" * 400_000)

        assert await server.readexactly(count) == b"x" * count
        with pytest.raises(ConnectionResetError):
            await server.read(1)


async def test_a_cut_may_come_many_chunks_later(proxy: TcpProxy, target: Target) -> None:
    async with connected(proxy, target) as ((client, to_server), (server, _)):
        proxy.cut_after(1_000_000, Direction.TO_TARGET)
        to_server.write(b"x" * 999_999)
        assert await server.readexactly(999_999)

        to_server.write(b"xx")

        assert await server.readexactly(1) == b"x"
        with pytest.raises(ConnectionResetError):
            await client.read(1)


async def test_it_cuts_once_and_only_in_the_direction_it_was_told(proxy: TcpProxy, target: Target) -> None:
    proxy.cut_after(3, Direction.TO_CLIENT)
    async with connected(proxy, target) as ((client, to_server), (server, to_client)):
        to_server.write(b"question")
        assert await server.readexactly(8) == b"question"
        to_client.write(b"answer")
        assert await client.readexactly(3) == b"ans"
        with pytest.raises(ConnectionResetError):
            await client.read(1)

    async with connected(proxy, target) as ((client, _), (_, to_client)):
        to_client.write(b"answer")
        assert await client.readexactly(6) == b"answer"


async def test_a_paused_direction_is_silent_until_it_resumes_and_the_other_one_is_not(
    proxy: TcpProxy, target: Target
) -> None:
    async with connected(proxy, target) as ((client, to_server), (server, to_client)):
        proxy.pause(TO_CLIENT)
        to_client.write(b"answer")
        to_server.write(b"question")
        assert await server.readexactly(8) == b"question"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.read(1), 0.05)

        proxy.resume()

        assert await client.readexactly(6) == b"answer"


async def test_paused_it_holds_a_bounded_number_of_bytes(proxy: TcpProxy, target: Target) -> None:
    async with connected(proxy, target) as ((_, to_server), _):
        proxy.pause(TO_TARGET)
        to_server.write(b"x" * 64_000_000)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(to_server.drain(), 0.3)


async def test_a_cut_while_paused_ends_the_connection(proxy: TcpProxy, target: Target) -> None:
    async with connected(proxy, target) as ((client, to_server), _):
        proxy.pause()
        to_server.write(b"x")

        proxy.cut()

        with pytest.raises(ConnectionResetError):
            await client.read(1)


async def test_refused_connections_are_reset_and_live_ones_stay(proxy: TcpProxy, target: Target) -> None:
    async with connected(proxy, target) as ((_, to_server), (server, _)):
        proxy.refuse()
        refused, writer = await asyncio.open_connection(proxy.host, proxy.port)
        with pytest.raises(ConnectionResetError):
            await refused.read(1)
        writer.close()
        to_server.write(b"x")
        assert await server.readexactly(1) == b"x"

    proxy.accept()
    async with connected(proxy, target):
        assert proxy.accepted == 2


async def test_a_target_that_is_not_there_resets_the_client() -> None:
    async with TcpProxy("127.0.0.1", 1) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)

        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()


async def test_leaving_ends_everything(target: Target) -> None:
    known = asyncio.all_tasks()
    async with await asyncio.start_server(target.take, "127.0.0.1", 0) as server:
        async with TcpProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
            reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
            _, accepted = await target.connections.get()
            proxy.pause()
            writer.write(b"x")

        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
        accepted.close()
        assert asyncio.all_tasks() - known <= {asyncio.current_task()}
