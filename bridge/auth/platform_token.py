"""Altinn's platform access token: made elsewhere, carried in a header of its own.

Where it is present, its issuer decides whose orders are seen, whatever `Authorization` says (OrgExtractorMiddleware of
Altinn/altinn-notifications), so the two are never sent together.
"""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime

import httpx

from bridge.auth.answers import is_token, jwt_expires_at
from bridge.auth.diagnosis import Diagnosis, Problem, SignInError
from bridge.auth.flow import AsyncOnlyAuth, cut_body
from bridge.auth.issuer import origin
from bridge.auth.last_good import LastGood
from bridge.auth.observer import SignInObserver
from bridge.errors import ConfigurationError
from bridge.ports import Clock

HEADER = "PlatformAccessToken"
ISSUER = "platform-access-token"
"""Stands for its issuer where tokens are shown: who that is, is nobody's business but Altinn's."""


class PlatformAccessTokenAuth(AsyncOnlyAuth):
    """The token as it is now: whoever renews it puts a new one in its place."""

    def __init__(self, read: Callable[[], str], *, clock: Clock, observer: SignInObserver) -> None:
        """`read`: gives the token, as of `KeyConfig`. `observer`: told when each token ends, where it says so itself.

        Raises ConfigurationError.
        """
        self._clock = clock
        self._observer = observer
        self._token = LastGood("the platform access token", read, self._taken, observer=observer)

    @property
    def expires_at(self) -> datetime | None:
        """When the token as it is now ends; None where it does not say."""
        return jwt_expires_at(self._token.current())

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """One attempt, and one more where the token has changed meanwhile. Raises SignInError after a 401."""
        request.headers.pop("Authorization", None)
        for _ in range(2):
            token = self._token.current()
            request.headers[HEADER] = token
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            cut_body(response)
            if self._token.current() == token:
                break
        raise SignInError(_refused(origin(str(request.url)), self.expires_at, self._clock.now()))

    def _taken(self, text: str) -> str:
        """The token of a new text; when it ends is told."""
        token = text.strip()
        if not is_token(token):
            raise ConfigurationError("is no token: one line of printable ASCII is expected")
        if (expires_at := jwt_expires_at(token)) is not None:
            self._observer.token_obtained(ISSUER, expires_at)
        return token


def _refused(api: str, expires_at: datetime | None, now: datetime) -> Diagnosis:
    if expires_at is not None and expires_at <= now:
        ended = f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"
        return Diagnosis(
            Problem.API, f"{api} refuses the platform access token, which expired at {ended}. Give a new one"
        )
    sentence = f"{api} refuses the platform access token. It has expired or is another environment's: give a new one"
    return Diagnosis(Problem.API, sentence)
