"""One careful GET: a gate a host, a bound on the body, `Retry-After`. Tries once and raises."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from bridge.errors import SourceUnavailable
from bridge.ports import Clock

MAX_RETRY_AFTER_S = 3600.0
"""A `Retry-After` is obeyed up to this; a longer one is asked again after an hour."""
MAX_LATE_S = 0.1
"""How late calls may be, because the process was busy, that the next ones make up for it."""
WHOLE_REQUEST_TIMEOUTS = 4
"""A request may take so many times `HTTP__TIMEOUT_S` in all: httpx bounds each phase, not a body that drips."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer of the API."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class BodyTooLarge(SourceUnavailable):
    """The body is over the limit, or compressed in a way that is not asked for. It was not kept."""


class HostGate:
    """Holds all calls to one host for as long as that host asked for (`Retry-After` of a 429 or 503), and spaces them.

    Calls go through in the order in which they came, evenly: a quiet time saves nothing up for a burst.
    """

    def __init__(self, clock: Clock, *, max_requests_per_s: float | None = None) -> None:
        """`max_requests_per_s`: > 0; None: as many as come."""
        self._clock = clock
        self._open_at = 0.0
        self._turn = asyncio.Lock()
        self._last_at = float("-inf")
        self.max_requests_per_s = max_requests_per_s
        """May be changed at any time, and holds from the next call on."""

    def hold(self, seconds: float) -> None:
        """Let nobody through for `seconds` from now; never shortens a hold."""
        self._open_at = max(self._open_at, self._clock.monotonic() + seconds)

    async def wait(self) -> None:
        """Return once the gate is open and the last call is long enough ago. Who is cancelled takes up no place."""
        came_at = self._clock.monotonic()
        async with self._turn:
            while (left := self._next_at() - self._clock.monotonic()) > 0:
                await self._clock.sleep(left)
            # From when its turn was, though it woke later: else every call would be late by that of all before it.
            self._last_at = max(self._next_at(), came_at, self._clock.monotonic() - MAX_LATE_S)

    def _next_at(self) -> float:
        spacing_s = 1.0 / self.max_requests_per_s if self.max_requests_per_s else 0.0
        return max(self._open_at, self._last_at + spacing_s)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """`Retry-After` in seconds, 0..3600, from either form (RFC 9110 §10.2.3); None where absent or unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


class HttpReader:
    """GETs of one host: gate, bounds, and httpx's errors as ours."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        gate: HostGate,
        clock: Clock,
        timeout_s: float,
        max_body_bytes: int,
    ) -> None:
        self._client = client
        self._gate = gate
        self._clock = clock
        self._whole_timeout_s = timeout_s * WHOLE_REQUEST_TIMEOUTS
        self.max_body_bytes = max_body_bytes

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        query: str = "",
        observe: Callable[[bytes], bool] | None = None,
    ) -> Answer:
        """One GET with a complete body of at most `max_body_bytes`.

        `query`: of a `url` that has none, in the characters of a URL. `observe`: sees every piece of a body that is too
        large, until it returns True. Raises SourceUnavailable (with `retry_after_s` where the host asked for a pause),
        BodyTooLarge.
        """
        await self._gate.wait()
        try:
            async with asyncio.timeout(self._whole_timeout_s), self._opened(url, query, headers) as response:
                body = await self._body(response, observe)
        except TimeoutError as error:
            raise SourceUnavailable(f"no complete answer within {self._whole_timeout_s:g} s") from error
        except httpx.HTTPError as error:
            raise SourceUnavailable(_what_happened(error)) from error
        answer = Answer(status=response.status_code, headers=dict(response.headers.items()), body=body)
        self._raise_if_paused(answer)
        return answer

    @asynccontextmanager
    async def _opened(self, url: str, query: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        # gzip only: one known ratio, where a chain of codings could multiply a small body without bound
        asked = {"Accept": "application/json", "Accept-Encoding": "gzip", **headers}
        asked_url = httpx.URL(url)
        # Not as part of the URL, which httpx looks at character by character: that takes 1 ms with 1500 HER-ids.
        target = {"target": asked_url.raw_path + f"?{query}".encode("ascii")} if query else {}
        async with self._client.stream(
            "GET", asked_url, headers=asked, extensions=target, follow_redirects=False
        ) as response:
            yield response

    async def _body(self, response: httpx.Response, observe: Callable[[bytes], bool] | None) -> bytes:
        try:
            return await self._read(response, observe)
        except BodyTooLarge:
            if response.status_code == httpx.codes.OK:
                raise
            return b""  # the status of an error says enough

    async def _read(self, response: httpx.Response, observe: Callable[[bytes], bool] | None) -> bytes:
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"identity", "gzip", ""}:
            raise BodyTooLarge("the body is compressed in a way that was not asked for")
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size <= self.max_body_bytes:
                pieces.append(piece)
                continue
            if observe is None:
                raise BodyTooLarge(f"the body is over {self.max_body_bytes} bytes")
            if any(observe(each) for each in (*pieces, piece)):
                raise BodyTooLarge(f"the body is over {self.max_body_bytes} bytes")
            pieces.clear()
        if size > self.max_body_bytes:
            raise BodyTooLarge(f"the body is over {self.max_body_bytes} bytes")
        return b"".join(pieces)

    def _raise_if_paused(self, answer: Answer) -> None:
        """429, and 5xx with or without a pause asked for, are the host's state and no answer to the request."""
        if answer.status != httpx.codes.TOO_MANY_REQUESTS and answer.status < httpx.codes.INTERNAL_SERVER_ERROR:
            return
        pause_s = retry_after_s(answer.headers.get("retry-after"), self._clock.now())
        if pause_s is not None:
            self._gate.hold(pause_s)
        raise SourceUnavailable(f"the API answered {answer.status}", retry_after_s=pause_s)


def _what_happened(error: httpx.HTTPError) -> str:
    """The error in words that carry no URL (its query names receivers)."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection in time"
        case httpx.TimeoutException():
            return "no answer in time"
        case httpx.ConnectError():
            return f"no connection ({type(error.__cause__ or error).__name__})"
        case httpx.DecodingError():
            return "the body cannot be decompressed"
        case httpx.ProtocolError():
            return "the answer was cut off or is no HTTP"
        case _:
            return f"the connection failed ({type(error).__name__})"
