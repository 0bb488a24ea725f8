"""The ops port: probes, metrics, the status as a document and as a page, and the tail. Reads; changes nothing."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client.exposition import choose_encoder

from bridge.errors import ConfigurationError
from bridge.ops.durations import in_words
from bridge.ops.health import readiness
from bridge.ops.metrics import Metrics
from bridge.ops.page import load_page
from bridge.ops.state import BridgeState
from bridge.ops.status import status_of
from bridge.ops.tail import Listener, Tail, TooManyListeners

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEARTBEAT_BOUND_S = 30.0
"""`/livez` is red when the supervisor has not been heard of for longer."""
IDLE_CONNECTION_S = 20.0
"""A connection without a request, or with half of one, is closed after this."""
CLOSING_S = 2.0
"""How long open requests may take to end when the server does."""
PATHS = ("/", "/livez", "/readyz", "/metrics", "/status", "/tail")
MAX_REQUEST_LINE_BYTES = 2048
MAX_HEADERS = 50
MAX_HEADER_BYTES = 8190
TAIL_QUIET_S = 10.0
"""An empty line is sent to a listener after this long without an event: it sees that we live, we see that it does."""
TAIL_WRITE_S = 10.0
"""A listener that has not taken what was written by then is gone."""
TAIL_LINES_A_WRITE = 100
MAX_PATTERN_BYTES = 255
"""AMQP's own bound for a routing key."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "notification-bridge",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class OpsServer:
    """Serves while its `async with` block runs. Entering raises ConfigurationError where it cannot listen."""

    def __init__(self, state: BridgeState, metrics: Metrics, *, host: str, port: int, tail: Tail | None) -> None:
        """`port` 0 takes a free one. `tail`: None where `OPS__TAIL` is off."""
        self._state = state
        self._metrics = metrics
        self._host = host
        self._port = port
        self._tail = tail
        self._page = load_page()
        self._is_closing = False
        self._news: set[asyncio.Event] = set()
        """What wakes the listeners' responses."""
        self._runner = web.AppRunner(
            self._application(),
            handle_signals=False,
            access_log=None,
            logger=_defects_log(),
            handler_cancellation=True,
            keepalive_timeout=IDLE_CONNECTION_S,
            lingering_time=0,
            shutdown_timeout=CLOSING_S,
            max_line_size=MAX_REQUEST_LINE_BYTES,
            max_headers=MAX_HEADERS,
            max_field_size=MAX_HEADER_BYTES,
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(_cannot_listen(self._host, self._port, error)) from error
        self._port = site.port
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_closing = True
        for news in self._news:
            news.set()
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[_guard], client_max_size=1)
        handlers = (
            self._answer_page,
            self._answer_livez,
            self._answer_readyz,
            self._answer_metrics,
            self._answer_status,
            self._answer_tail,
        )
        for path, handler in zip(PATHS, handlers, strict=True):
            application.router.add_get(path, handler, allow_head=False)
        return application

    async def _answer_page(self, _request: web.Request) -> web.Response:
        return web.Response(
            text=self._page.html,
            content_type="text/html",
            headers={"Content-Security-Policy": self._page.content_security_policy},
        )

    async def _answer_livez(self, _request: web.Request) -> web.Response:
        age_s = self._state.clock.monotonic() - self._state.heartbeat_at
        if age_s > HEARTBEAT_BOUND_S:
            reason = f"The supervisor has been silent for {in_words(age_s)}."
            return _json({"alive": False, "reason": reason}, status=503)
        return _json({"alive": True})

    async def _answer_readyz(self, _request: web.Request) -> web.Response:
        health = readiness(self._state, self._state.clock.monotonic())
        answer = {"ready": health.is_ready, "reasons": health.reasons, "degraded": health.degraded}
        return _json(answer, status=200 if health.is_ready else 503)

    async def _answer_metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._metrics.registry), headers={"Content-Type": content_type})

    async def _answer_status(self, _request: web.Request) -> web.Response:
        return _json(status_of(self._state))

    async def _answer_tail(self, request: web.Request) -> web.StreamResponse:
        if self._tail is None:
            return _json({"error": "The tail is off; BRIDGE_OPS__TAIL=true turns it on."}, status=404)
        pattern = request.query.get("pattern", "#")
        if len(pattern.encode()) > MAX_PATTERN_BYTES:
            return _json({"error": f"A pattern has at most {MAX_PATTERN_BYTES} bytes."}, status=400)
        news = asyncio.Event()
        try:
            listener = self._tail.listen(pattern, news.set)
        except TooManyListeners as error:
            return _json({"error": str(error)}, status=503)
        self._news.add(news)
        try:
            return await self._stream(request, listener, news)
        finally:
            self._news.discard(news)
            self._tail.leave(listener)

    async def _stream(self, request: web.Request, listener: Listener, news: asyncio.Event) -> web.StreamResponse:
        """Write what the listener gets until it leaves, stops reading, or the server ends."""
        response = web.StreamResponse(headers=HEADERS | {"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        try:
            while not self._is_closing:
                if lines := listener.take(TAIL_LINES_A_WRITE) or await _quiet_line(news):
                    async with asyncio.timeout(TAIL_WRITE_S):
                        await response.write(lines)
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()  # what is buffered for a reader that is gone would keep the connection open
        return response


class _DefectsOnly(logging.Filter):
    """Of what aiohttp logs: not what clients send that is no HTTP, which anybody could fill the log with."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_DEFECTS_ONLY = _DefectsOnly()


def _defects_log() -> logging.Logger:
    log = logging.getLogger("bridge.ops.http")
    log.addFilter(_DEFECTS_ONLY)
    return log


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """GET without a body, and nothing else; every answer with the security headers, every error in JSON."""
    response: web.StreamResponse
    if request.can_read_body:
        response = _json({"error": "Requests have no body here."}, status=400)
        response.force_close()
    else:
        try:
            response = await handler(request)
        except web.HTTPMethodNotAllowed as error:
            response = _json({"error": "Only GET is answered here."}, status=405)
            response.headers["Allow"] = error.headers["Allow"]
        except web.HTTPNotFound:
            response = _json({"error": f"There are {', '.join(PATHS)} here."}, status=404)
    for name, value in HEADERS.items():
        if not response.prepared:
            response.headers.setdefault(name, value)
    return response


async def _quiet_line(news: asyncio.Event) -> bytes:
    """Wait for news, and return nothing; an empty line where none comes for a while."""
    news.clear()
    try:
        async with asyncio.timeout(TAIL_QUIET_S):
            await news.wait()
    except TimeoutError:
        return b"\n"
    return b""


def _json(document: object, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), status=status, content_type="application/json")


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is in use: end what uses it, or set BRIDGE_OPS__PORT to another port."
        case errno.EACCES:
            return f"Port {port} may not be opened by this user: set BRIDGE_OPS__PORT to one above 1023."
        case _:
            return f"The ops port cannot listen on {host}: set BRIDGE_OPS__HOST to an address of this machine."
