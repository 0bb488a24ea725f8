"""One token, shared: fetched once however many tasks ask at once, renewed behind their backs before it ends."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bridge.auth.diagnosis import SignInError
from bridge.auth.observer import SignInObserver
from bridge.auth.token import Grant, Step, Token, decide, schedule
from bridge.ports import Clock
from bridge.retry import Backoff

RETRY = Backoff(base_s=1.0, cap_s=30.0)
"""Between two fetches when the first failed, and between two replacements of tokens that the API refuses."""


class TokenCache:
    """The token of one client, issuer, scope and organisation.

    The fetch is a task of its own: the one who caused it may be cancelled, the others still get their token. There is
    no task until somebody asks, and none outlives `aclose`.
    """

    def __init__(
        self,
        issuer: str,
        fetch: Callable[[], Awaitable[Grant]],
        *,
        clock: Clock,
        observer: SignInObserver,
        dice: random.Random,
        backoff: Backoff = RETRY,
    ) -> None:
        """`fetch` tries once; raises SignInError."""
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._observer = observer
        self._dice = dice
        self._backoff = backoff
        self._token: Token | None = None
        self._task: asyncio.Task[Token | SignInError] | None = None
        self._error: SignInError | None = None
        self._failures = 0
        self._retry_at_s = 0.0
        self._refusals = 0
        self._replace_at_s = 0.0

    async def token(self) -> Token:
        """A token that is valid now.

        Raises SignInError; where that failed just before, at once and without asking the issuer.
        """
        self._raise_if_the_fetch_died()
        step = decide(now_s=self._clock.monotonic(), token=self._token, retry_at_s=self._retry_at_s)
        if step is Step.REFUSE and self._error is not None:
            raise self._again(self._error) from self._error
        if step is Step.USE and self._token is not None:
            return self._token
        fetch = self._fetching()
        if step is Step.RENEW and self._token is not None:
            return self._token
        outcome = await asyncio.shield(fetch)
        if isinstance(outcome, SignInError):
            raise self._again(outcome) from outcome
        return outcome

    def replace(self, refused: Token) -> bool:
        """The API answers 401 to this token: True where the next `token` is another one.

        The first refusal replaces it at once. While tokens are refused one after the other, replacing waits longer and
        longer: an API that accepts nothing must not make us flood the issuer.
        """
        if self._token is not refused:
            return True
        now_s = self._clock.monotonic()
        if now_s < self._replace_at_s:
            return False
        self._token = None
        self._refusals += 1
        self._replace_at_s = now_s + self._backoff.delay_s(self._refusals)
        return True

    def accepted(self, token: Token) -> None:
        """The API took this token."""
        if self._token is token:
            self._refusals = 0
            self._replace_at_s = 0.0

    async def aclose(self) -> None:
        """End a fetch under way; whoever waits for it is cancelled, so close the users first."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def _fetching(self) -> asyncio.Task[Token | SignInError]:
        """The fetch under way, or a new one."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._fetch_once(), name=f"token from {self._issuer}")
        return self._task

    async def _fetch_once(self) -> Token | SignInError:
        """Errors are values here: nobody may be waiting."""
        try:
            grant = await self._fetch()
        except SignInError as error:
            self._failed(error)
            return error
        now_s = self._clock.monotonic()
        left = timedelta(seconds=grant.requested_at_s + grant.lifetime_s - now_s)
        token = schedule(grant, spread=self._dice.random(), expires_at=self._clock.now() + left)
        self._token = token
        self._error = None
        self._failures = 0
        self._retry_at_s = 0.0
        self._observer.token_obtained(self._issuer, token.expires_at)
        return token

    def _failed(self, error: SignInError) -> None:
        now_s = self._clock.monotonic()
        self._retry_at_s = now_s + self._backoff.delay_s(self._failures, error.retry_after_s)
        self._failures += 1
        self._error = error
        if self._token is not None and now_s < self._token.ends_at_s:
            self._observer.trouble(error.diagnosis)

    def _again(self, error: SignInError) -> SignInError:
        """The same for one more asker; each raises its own, since a traceback belongs to one."""
        left_s = max(self._retry_at_s - self._clock.monotonic(), 0.0)
        return SignInError(error.diagnosis, retry_after_s=left_s)

    def _raise_if_the_fetch_died(self) -> None:
        """Of anything but a SignInError: a defect, which must not stay in a task that nobody awaits."""
        if self._task is not None and self._task.done():
            self._task.result()
