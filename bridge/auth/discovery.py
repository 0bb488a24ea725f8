"""An issuer's discovery document: where its token endpoint is."""

import asyncio

from bridge.auth.answers import is_url, read_metadata
from bridge.auth.diagnosis import SignInError
from bridge.auth.issuer import IssuerClient
from bridge.auth.observer import SignInObserver
from bridge.errors import ConfigurationError
from bridge.ports import Clock

OPENID_CONFIGURATION = "/.well-known/openid-configuration"
OAUTH_AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
REREAD_AFTER_S = 86_400.0
"""HelseID recommends to keep the document for 24 hours (FK2 of its functional requirements)."""
RETRY_AFTER_S = 300.0
"""When re-reading failed and the old document is used on."""


class Discovery:
    """The document, read when it is first needed and about daily, for all tokens of the issuer together."""

    def __init__(
        self, client: IssuerClient, issuer: str, *, well_known: str, clock: Clock, observer: SignInObserver
    ) -> None:
        """`issuer`: exactly as in the document. Raises ConfigurationError."""
        if not is_url(issuer):
            raise ConfigurationError("the issuer must be an absolute URL, https://…")
        self._client = client
        self._issuer = issuer
        self._url = f"{issuer.rstrip('/')}{well_known}"
        self._clock = clock
        self._observer = observer
        self._lock = asyncio.Lock()
        self._token_endpoint: str | None = None
        self._read_at_s = 0.0

    async def token_endpoint(self) -> str:
        """Its URL. Raises SignInError where there is no document yet; a failed re-reading keeps the old one."""
        async with self._lock:
            now_s = self._clock.monotonic()
            if self._token_endpoint is None or now_s >= self._read_at_s:
                try:
                    self._token_endpoint = await self._read()
                    self._read_at_s = now_s + REREAD_AFTER_S
                except SignInError as error:
                    if self._token_endpoint is None:
                        raise
                    self._read_at_s = now_s + RETRY_AFTER_S
                    self._observer.trouble(error.diagnosis)
            return self._token_endpoint

    async def _read(self) -> str:
        answer = await self._client.get(self._url, {})
        return read_metadata(answer, issuer=self._issuer, url=self._url)
