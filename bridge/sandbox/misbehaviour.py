"""Answers that do not arrive as they should: what aiohttp, left alone, would never send."""

import asyncio
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from bridge.sandbox.faults import FaultKind, Rule
from bridge.sandbox.problems import HTML_CONTENT_TYPE, html_page

JSON_CONTENT_TYPE = "application/json; charset=utf-8"
LIMIT_S = 900.0
"""No misbehaviour lasts longer, whatever the client does."""
_NESTING = 100_000
_BLOCK_BYTES = 2**20
_FILLER_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The right answer, which may be too large for memory."""

    size_bytes: int
    pieces: Callable[[], Iterator[bytes]]
    empty: bytes
    """An answer of the same kind with nothing in it."""


NOTHING = Body(size_bytes=0, pieces=lambda: iter(()), empty=b"")
"""For those misbehaviours that do not look at it."""

UNANSWERED = frozenset({FaultKind.TIMEOUT, FaultKind.CONNECTION_RESET})
"""Those that send nothing."""

Misbehave = Callable[[web.Request, Rule, Body], Awaitable[web.StreamResponse]]


def body_of(content: bytes, *, empty: bytes) -> Body:
    """A body that is in memory."""
    return Body(size_bytes=len(content), pieces=lambda: iter((content,)), empty=empty)


def filler(size: int, byte: bytes) -> Iterator[bytes]:
    """`size` times the byte, in pieces of at most 64 KiB."""
    block = byte * min(size, _FILLER_BYTES)
    for _ in range(size // _FILLER_BYTES):
        yield block
    if size % _FILLER_BYTES:
        yield block[: size % _FILLER_BYTES]


async def stream(
    request: web.Request,
    body: Iterable[bytes],
    content_length: int | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
    interval_s: float | None = None,
) -> web.StreamResponse:
    """Send a body piece by piece, chunked where no length is given. A client that leaves ends it quietly."""
    response = web.StreamResponse(status=status, headers={"Content-Type": JSON_CONTENT_TYPE, **headers})
    response.content_length = content_length
    try:
        async with asyncio.timeout(LIMIT_S):
            await response.prepare(request)
            for piece in body:
                await response.write(piece)
                if interval_s is not None:
                    await asyncio.sleep(interval_s)
    except (ConnectionError, TimeoutError):
        response.force_close()
    return response


async def _never(request: web.Request, _rule: Rule, _body: Body) -> web.StreamResponse:
    await asyncio.sleep(LIMIT_S)  # cancelled when the client leaves or the server ends
    return await _reset(request, _rule, _body)


async def _drip(request: web.Request, rule: Rule, body: Body) -> web.StreamResponse:
    drops = (bytes((byte,)) for piece in body.pieces() for byte in piece)
    return await stream(request, drops, body.size_bytes, interval_s=rule.interval_s)


async def _reset(request: web.Request, _rule: Rule, _body: Body) -> web.StreamResponse:
    if request.transport is not None:
        connection: socket.socket = request.transport.get_extra_info("socket")
        # Lingering for no time makes closing a reset instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def _promise_more(request: web.Request, _rule: Rule, body: Body) -> web.StreamResponse:
    response = await stream(request, body.pieces(), body.size_bytes + 100)
    response.force_close()
    return response


async def _cut_body(request: web.Request, _rule: Rule, body: Body) -> web.StreamResponse:
    response = await stream(request, _first_half(body), body.size_bytes)
    response.force_close()
    return response


async def _cut_chunked(request: web.Request, _rule: Rule, body: Body) -> web.StreamResponse:
    response = await stream(request, _first_half(body))
    if request.transport is not None:
        request.transport.close()  # sends what is written, but not the chunk that says "this is all"
    return response


async def _cut_json(request: web.Request, _rule: Rule, body: Body) -> web.StreamResponse:
    return await stream(request, _first_half(body), body.size_bytes // 2)


async def _html(_request: web.Request, _rule: Rule, _body: Body) -> web.StreamResponse:
    return web.Response(body=html_page("Sign in"), headers={"Content-Type": HTML_CONTENT_TYPE})


async def _plain_text(request: web.Request, _rule: Rule, body: Body) -> web.StreamResponse:
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    return await stream(request, body.pieces(), body.size_bytes, headers=headers)


async def _oversized(request: web.Request, rule: Rule, body: Body) -> web.StreamResponse:
    def padded() -> Iterator[bytes]:
        yield from body.pieces()
        yield from filler(max(0, rule.size_bytes - body.size_bytes), b" ")

    return await stream(request, padded(), max(rule.size_bytes, body.size_bytes))


async def _bomb(request: web.Request, rule: Rule, body: Body) -> web.StreamResponse:
    return await stream(request, gzip_bomb(rule.size_bytes, body.empty), headers={"Content-Encoding": "gzip"})


async def _nested(request: web.Request, _rule: Rule, _body: Body) -> web.StreamResponse:
    nested = b'{"notifications":' + b"[" * _NESTING + b"]" * _NESTING + b"}"
    return await stream(request, (nested,), len(nested))


MISBEHAVIOURS: Mapping[FaultKind, Misbehave] = {
    FaultKind.TIMEOUT: _never,
    FaultKind.SLOW_DRIP: _drip,
    FaultKind.CONNECTION_RESET: _reset,
    FaultKind.CONTENT_LENGTH_TOO_LONG: _promise_more,
    FaultKind.BODY_CUT: _cut_body,
    FaultKind.CHUNKED_BODY_CUT: _cut_chunked,
    FaultKind.JSON_CUT: _cut_json,
    FaultKind.HTML: _html,
    FaultKind.WRONG_CONTENT_TYPE: _plain_text,
    FaultKind.OVERSIZED_BODY: _oversized,
    FaultKind.GZIP_BOMB: _bomb,
    FaultKind.NESTED_JSON: _nested,
}


def gzip_bomb(size_bytes: int, page: bytes) -> Iterator[bytes]:
    """One gzip stream that unpacks to the page and white space, `size_bytes` in all; about a thousandth of it.

    Every block of 1 MiB ends with a full flush, so its packed form stands for itself and is the same each time.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    spaces = b" " * _BLOCK_BYTES
    head = packer.compress(page) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(spaces) + packer.flush(zlib.Z_FULL_FLUSH)
    count = max(0, size_bytes - len(page)) // _BLOCK_BYTES
    rest = max(0, size_bytes - len(page)) % _BLOCK_BYTES
    checksum = zlib.crc32(page)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + head
    for _ in range(count):
        checksum = zlib.crc32(spaces, checksum)
        yield block
    checksum = zlib.crc32(spaces[:rest], checksum)
    unpacked_bytes = len(page) + count * _BLOCK_BYTES + rest
    yield packer.compress(spaces[:rest]) + packer.flush() + struct.pack("<II", checksum, unpacked_bytes % 2**32)


def _first_half(body: Body) -> Iterator[bytes]:
    left = body.size_bytes // 2
    for piece in body.pieces():
        yield piece[:left]
        left -= min(left, len(piece))
        if not left:
            return
