"""A TCP proxy that breaks connections on purpose: cut, silent or refused, at a moment or a byte of the caller's choice.

For the demo and the tests. It knows nothing of what it forwards.
"""

import asyncio
import socket
import ssl
import struct
from enum import Enum
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536
"""Read at a time. A direction of a connection holds at most three: asyncio's reader two, the pump one."""
CONNECT_TIMEOUT_S = 10.0
NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST, as when a host or a firewall dies, and not the FIN of an orderly end."""


class Direction(Enum):
    """Which way bytes flow."""

    TO_TARGET = "to-target"
    TO_CLIENT = "to-client"


BOTH = frozenset(Direction)


class TcpProxy:
    """Listens on a free port of 127.0.0.1 and forwards to one target. Used as an async context manager."""

    host = "127.0.0.1"
    """Where clients connect."""

    def __init__(self, target_host: str, target_port: int, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: the server's side of TLS towards clients; the target is spoken to in the clear."""
        self._target = (target_host, target_port)
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._gates = {direction: asyncio.Event() for direction in Direction}
        self._left_bytes: dict[Direction, int | None] = dict.fromkeys(Direction)
        self._accepts = True
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self.accepted = 0
        """Connections taken since the start, those refused not counted."""
        self.resume()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, self.host, 0, limit=CHUNK_BYTES, ssl=self._tls)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listening.close()
        self.cut()
        if self._connections:
            await asyncio.wait(self._connections)
        await self._listening.wait_closed()

    @property
    def port(self) -> int:
        """Where clients connect; the same from entering to leaving."""
        port: int = self._listening.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Reset all live connections, on both sides. New ones are taken as before."""
        for connection, writers in self._connections.items():
            for writer in writers:
                _reset(writer)
            connection.cancel()

    def cut_after(self, count_bytes: int, direction: Direction) -> None:
        """Cut once, as soon as `count_bytes` (> 0) more have been forwarded that way; not one more gets through.

        As with any reset, what the other side's system has not taken by then is lost with it.
        """
        self._left_bytes[direction] = count_bytes

    def pause(self, directions: frozenset[Direction] = BOTH) -> None:
        """Forward nothing that way any more, as if the network had gone silent: nobody sees a connection end."""
        for direction in directions:
            self._gates[direction].clear()

    def resume(self, directions: frozenset[Direction] = BOTH) -> None:
        """Forward again, first what waited."""
        for direction in directions:
            self._gates[direction].set()

    def refuse(self) -> None:
        """Reset every new connection at once. Live ones stay."""
        self._accepts = False

    def accept(self) -> None:
        """Take new connections again."""
        self._accepts = True

    @property
    def _listening(self) -> asyncio.Server:
        if self._server is None:
            raise RuntimeError("the proxy works inside its `async with`")
        return self._server

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._accepts:
            _reset(writer)
            return
        self.accepted += 1
        writers = [writer]
        connection = asyncio.create_task(self._serve(reader, writers), name="tcp proxy")
        self._connections[connection] = writers
        connection.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writers: list[asyncio.StreamWriter]) -> None:
        try:
            await self._forward(reader, writers)
        except* OSError:
            pass  # one side failed: nothing to report, the other learns of it by the reset below
        finally:
            for writer in writers:
                _reset(writer)

    async def _forward(self, client_reader: asyncio.StreamReader, writers: list[asyncio.StreamWriter]) -> None:
        """Return once both sides have ended and have been told all that the other one sent."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            target_reader, target_writer = await asyncio.open_connection(*self._target, limit=CHUNK_BYTES)
        client_writer = writers[0]
        writers.append(target_writer)
        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(self._pump(client_reader, target_writer, Direction.TO_TARGET))
            pumps.create_task(self._pump(target_reader, client_writer, Direction.TO_CLIENT))
        for writer in writers:
            writer.close()
            await writer.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        writer.transport.set_write_buffer_limits(high=0)  # so that `drain` means: handed to the kernel
        while chunk := await reader.read(CHUNK_BYTES):
            await self._gates[direction].wait()
            left_bytes = self._left_bytes[direction]
            writer.write(chunk[:left_bytes])
            await writer.drain()
            if left_bytes is not None:
                left_bytes -= len(chunk)
                self._left_bytes[direction] = left_bytes if left_bytes > 0 else None
                if left_bytes <= 0:
                    self.cut()
        await self._gates[direction].wait()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()  # TLS has no half-closed connections


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()
