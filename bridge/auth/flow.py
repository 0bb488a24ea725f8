"""How a request to an API carries its token, and what a 401 does; as httpx.Auth flows, which need no network."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from datetime import datetime

import httpx

from bridge.auth.cache import TokenCache
from bridge.auth.diagnosis import SignInError, diagnose_api
from bridge.auth.issuer import origin
from bridge.auth.skew import clock_ahead_s
from bridge.auth.token import Token
from bridge.ports import Clock

MAX_DISCARDED_BYTES = 65_536
"""httpx reads the body of an answer that is followed by another request whole; beyond this it is cut."""


class AsyncOnlyAuth(httpx.Auth):
    """Refuses the synchronous client, with which httpx would send requests without a token."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise RuntimeError(f"{request.method} needs httpx.AsyncClient: signing in is asynchronous")


class TokenAuth(AsyncOnlyAuth, ABC):
    """Signs requests with the token of a cache; a 401 replaces the token and sends the request once more.

    For requests without a body, or with one that can be sent twice. Raises SignInError where there is no token, and
    where the API answers 401 to a fresh one too.
    """

    def __init__(self, tokens: TokenCache, *, clock: Clock) -> None:
        self._tokens = tokens
        self._clock = clock

    async def sign_in(self) -> datetime:
        """Have a token, for real if there is none yet; returns when it expires. Raises SignInError."""
        return (await self._tokens.token()).expires_at

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """At most three attempts: one more for a nonce that the API wants, one more with a new token."""
        may_repeat_for_nonce = may_replace = True
        while True:
            token = await self._tokens.token()
            self._carry(request, token)
            sent_at = self._clock.now()
            response = yield request
            nonce_wanted = self._hear(response)
            if response.is_success:
                self._tokens.accepted(token)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            cut_body(response)
            if nonce_wanted and may_repeat_for_nonce:
                may_repeat_for_nonce = False
            elif may_replace and self._tokens.replace(token):
                may_replace = False
            else:
                raise self._refused(request, response, sent_at)

    @abstractmethod
    def _carry(self, request: httpx.Request, token: Token) -> None:
        """Put the token into the request's headers, in place of an earlier attempt's."""

    def _hear(self, response: httpx.Response) -> bool:
        """Learn from a response; True where it is a 401 that wants nothing but the nonce that it brings."""
        del response
        return False

    def _refused(self, request: httpx.Request, response: httpx.Response, sent_at: datetime) -> SignInError:
        ahead_s = clock_ahead_s(response.headers.get("date"), sent_at=sent_at, received_at=self._clock.now())
        challenge = response.headers.get("www-authenticate", "")
        return SignInError(diagnose_api(origin(str(request.url)), challenge, clock_ahead_s=ahead_s))


class BearerAuth(TokenAuth):
    """`Authorization: Bearer …` (RFC 6750 §2.1)."""

    def _carry(self, request: httpx.Request, token: Token) -> None:
        request.headers["Authorization"] = f"Bearer {token.value}"


def cut_body(response: httpx.Response) -> None:
    """Let httpx read no more of a body that nobody wants than a bound."""
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Cut(response.stream)


class _Cut(httpx.AsyncByteStream):
    """A body that ends after so many bytes, whatever follows."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_DISCARDED_BYTES
        async for piece in self._stream:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._stream.aclose()
