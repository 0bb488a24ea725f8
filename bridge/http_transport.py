"""Under httpx's client and its sign-in: aiohttp's connections and parser, at a quarter of what httpx's own cost.

The package httpx-aiohttp does the same, but takes a refused connection for a timeout, keeps cookies, and lets errors
through that are not httpx's.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.request import getproxies

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from bridge.tls import modern

CONNECTIONS = 100
"""To one API, at most; all stay open for the next request. 32 polls of orders go on at a time."""
READ_BYTES = 262_144
"""Of a body that nobody has asked for yet, twice as many are taken in: a page of 1000 comes in two or three pieces."""
_PROXIES = {"http", "https", "all"}
_SET_BY_HTTPX = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


def make_client(
    *,
    timeout_s: float,
    auth: httpx.Auth | None = None,
    hooks: Mapping[str, list[Callable[..., Any]]] | None = None,
) -> httpx.AsyncClient:
    """The client of one API, to be opened with `async with`. `timeout_s`: for each of connecting, which includes to
    wait for a free connection, and the pause between two pieces of an answer. `hooks`: httpx's `event_hooks`.

    Where the environment names a proxy, it speaks by httpx's own transport, which knows all kinds of them.
    """
    timeout = httpx.Timeout(timeout_s)
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    tls = modern(httpx.create_ssl_context())
    transport = None if _PROXIES & getproxies().keys() else AiohttpTransport(tls)
    return httpx.AsyncClient(
        verify=tls, auth=auth, timeout=timeout, limits=limits, transport=transport, event_hooks=hooks
    )


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends a request once, as httpx built it, and gives its answer as it comes. Raises httpx's errors alone."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=self._tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_SET_BY_HTTPX,
            read_bufsize=READ_BYTES,
            middlewares=(_once,),
        )
        return self

    async def aclose(self) -> None:
        """End all connections."""
        await self._session.close()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx.AsyncBaseTransport."""
        timeout, encoding = request.extensions["timeout"], request.headers.encoding
        with _errors_as_httpx():
            response = await self._session.request(
                request.method,
                _url(request),
                headers=[(name.decode(encoding), value.decode(encoding)) for name, value in request.headers.raw],
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=timeout["pool"], sock_connect=timeout["connect"], sock_read=timeout["read"]
                ),
            )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))


class _Body(httpx.AsyncByteStream):
    """What comes of an answer."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _errors_as_httpx():
            async for piece in self._response.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        """The connection is kept where the body has been read to its end."""
        self._response.release()


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Of itself aiohttp sends a GET again where the connection is lost before the answer, with the same proof of
    possession; but not where the error is none of its own.
    """
    with _errors_as_httpx():
        return await handler(request)


def _url(request: httpx.Request) -> URL:
    """The same, byte for byte; with another path and query where httpx's extension `target` has them."""
    target: bytes = request.extensions.get("target", request.url.raw_path)
    path, _, query = target.decode("ascii").partition("?")
    scheme, authority = request.url.scheme, request.url.netloc.decode("ascii")
    return URL.build(scheme=scheme, authority=authority, path=path, query_string=query, encoded=True)


@contextmanager
def _errors_as_httpx() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
        # Not from aiohttp's error itself: it may name the URL, whose query names receivers.
        raise _as_httpx(error) from error.__cause__


def _as_httpx(error: Exception) -> httpx.TransportError:
    match error:
        case aiohttp.SocketTimeoutError():
            return httpx.ReadTimeout("no answer in time")
        case TimeoutError():
            return httpx.ConnectTimeout("no connection in time")
        case aiohttp.ClientConnectorError():
            return httpx.ConnectError(str(error))  # names the host alone
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return httpx.UnsupportedProtocol("the URL is none of HTTP")
        case (
            aiohttp.ClientPayloadError()
            | aiohttp.ClientResponseError()
            | aiohttp.ServerDisconnectedError()
            | HttpProcessingError()
        ):
            return httpx.RemoteProtocolError("the answer was cut off or is no HTTP")
        case _:
            return httpx.ReadError("the connection was lost")
