"""Altinn's platform access token: made elsewhere, carried in a header of its own.

Where it is present, its issuer decides whose orders are seen, whatever `Authorization` says (OrgExtractorMiddleware of
Altinn/altinn-notifications), so the two are never sent together.
"""

from collections.abc import AsyncGenerator, Callable

import httpx

from bridge.auth.answers import is_token
from bridge.auth.diagnosis import Diagnosis, Problem, SignInError
from bridge.auth.flow import AsyncOnlyAuth, cut_body
from bridge.auth.issuer import origin
from bridge.auth.last_good import LastGood
from bridge.auth.observer import SignInObserver
from bridge.errors import ConfigurationError

HEADER = "PlatformAccessToken"


class PlatformAccessTokenAuth(AsyncOnlyAuth):
    """The token as it is now: whoever renews it puts a new one in its place."""

    def __init__(self, read: Callable[[], str], *, observer: SignInObserver) -> None:
        """`read`: gives the token, as of `KeyConfig`. Raises ConfigurationError."""
        self._token = LastGood("the platform access token", read, _checked, observer=observer)

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
        raise SignInError(_refused(origin(str(request.url))))


def _checked(text: str) -> str:
    token = text.strip()
    if not is_token(token):
        raise ConfigurationError("is no token: one line of printable ASCII is expected")
    return token


def _refused(api: str) -> Diagnosis:
    sentence = f"{api} refuses the platform access token. It has expired or is another environment's: give a new one"
    return Diagnosis(Problem.API, sentence)
