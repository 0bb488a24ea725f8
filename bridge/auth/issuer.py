"""Requests to issuers, each bounded in time and size. Tries once and raises."""

import asyncio
from collections.abc import Mapping
from typing import Self
from uuid import uuid4

import httpx

from bridge.auth.answers import Answer
from bridge.auth.diagnosis import Diagnosis, Problem, SignInError, clock_off
from bridge.auth.observer import SignInObserver
from bridge.auth.skew import WORTH_SAYING_S, clock_ahead_s
from bridge.http import retry_after_s
from bridge.ports import Clock

MAX_BODY_BYTES = 262_144
"""Discovery documents have 5 to 10 KB, token answers 2 to 4."""


class IssuerClient:
    """An HTTP client of sign-in's own, so that a fetch outlives the API request that needed it.

    Open with `async with`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        observer: SignInObserver,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`timeout_s`: for one whole request, from connecting to the last byte. `transport`: None for the network."""
        self._clock = clock
        self._observer = observer
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(timeout_s), follow_redirects=False)
        self._said_ahead_s = 0.0

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Any complete answer, whatever its status. Raises SignInError where none comes."""
        return await self._send("GET", url, headers, None)

    async def post(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> Answer:
        """As `get`, with a form."""
        return await self._send("POST", url, headers, form)

    async def _send(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Answer:
        # not compressed, so that the bound on what is read is one on memory
        asked = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        requested_at_s, sent_at = self._clock.monotonic(), self._clock.now()
        host = origin(url)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream(method, url, headers=asked, data=form) as response,
            ):
                body = await _body(response, host)
        except TimeoutError as error:
            raise _unavailable(host, f"gave no complete answer within {self._timeout_s:g} s") from error
        except httpx.HTTPError as error:
            raise _unavailable(host, _what_happened(error)) from error
        received_at = self._clock.now()
        # a stored answer tells the time when it was stored
        date = None if "age" in response.headers else response.headers.get("date")
        ahead_s = clock_ahead_s(date, sent_at=sent_at, received_at=received_at)
        self._say_if_the_clock_is_off(host, ahead_s)
        return Answer(
            status=response.status_code,
            headers=dict(response.headers.items()),
            body=body,
            requested_at_s=requested_at_s,
            clock_ahead_s=ahead_s,
            retry_after_s=retry_after_s(response.headers.get("retry-after"), received_at),
        )

    def _say_if_the_clock_is_off(self, host: str, ahead_s: float | None) -> None:
        """Once, and again when it has moved on by as much."""
        if ahead_s is None or abs(ahead_s - self._said_ahead_s) < WORTH_SAYING_S:
            return
        self._said_ahead_s = ahead_s
        if abs(ahead_s) >= WORTH_SAYING_S:
            self._observer.trouble(clock_off(host, ahead_s))


def unique_id() -> str:
    """A `jti` that nobody had before."""
    return str(uuid4())


def origin(url: str) -> str:
    """Scheme, host and port: what a sentence may say of a URL."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"


async def _body(response: httpx.Response, host: str) -> bytes:
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _unusable(host, "a compressed body that was not asked for")
    pieces: list[bytes] = []
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise _unusable(host, f"more than {MAX_BODY_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _unusable(host: str, what: str) -> SignInError:
    return SignInError(Diagnosis(Problem.UNUSABLE, f"{host} answers with {what}. Check that it is the right issuer"))


def _unavailable(host: str, what: str) -> SignInError:
    return SignInError(Diagnosis(Problem.UNAVAILABLE, f"{host} {what}; it is asked again"))


def _what_happened(error: httpx.HTTPError) -> str:
    match error:
        case httpx.TimeoutException():
            return "gave no answer in time"
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "shows a TLS certificate that is not trusted here (a private authority's is named by SSL_CERT_FILE)"
        case httpx.ConnectError():
            return "cannot be reached: check its address, the network and the proxy settings"
        case httpx.ProtocolError():
            return "gave an answer that was cut off or is no HTTP"
        case _:
            return f"lost the connection ({type(error).__name__})"
