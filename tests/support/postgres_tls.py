"""TLS in front of a PostgreSQL server, negotiated as PostgreSQL does it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

REQUEST = bytes.fromhex("0000000804d2162f")
"""SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html."""


@asynccontextmanager
async def serving_tls(url: str, certificate: ssl.SSLContext | None) -> AsyncIterator[str]:
    """URL of the same database by way of TLS with this certificate, or of a server that offers none (None)."""
    parts = urlsplit(url)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readexactly(8) == REQUEST
            writer.write(b"N" if certificate is None else b"S")
            await writer.drain()
            if certificate is None:
                await reader.read()
                return
            await writer.start_tls(certificate)
            to_reader, to_writer = await asyncio.open_connection(parts.hostname, parts.port)
            await asyncio.gather(_pump(reader, to_writer), _pump(to_reader, writer))
        except (OSError, EOFError):
            pass  # the client did not like the certificate: that is what is tested
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        login = parts.netloc.rpartition("@")[0]
        yield parts._replace(netloc=f"{login}@127.0.0.1:{port}", query="sslmode=verify-full").geturl()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
