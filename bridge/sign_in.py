"""Who signs in where: from settings to what signs the requests to each API. Each outlives the APIs that use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.auth.assertions import Organisation
from bridge.auth.flow import BearerAuth
from bridge.auth.helseid import HelseId, HelseIdConfig
from bridge.auth.keys import KeyConfig
from bridge.auth.maskinporten import Maskinporten, MaskinportenConfig
from bridge.auth.observer import SignInObserver
from bridge.auth.platform_token import PlatformAccessTokenAuth
from bridge.ports import Clock
from bridge.settings import Settings, Tenant

AltinnSigner = BearerAuth | PlatformAccessTokenAuth
"""What signs requests to Altinn; one for all of them, so that they share a token."""


@asynccontextmanager
async def make_sign_in(settings: Settings, observer: SignInObserver, clock: Clock) -> AsyncIterator[HelseId | None]:
    """Sign-in to NHN; None where the settings want none. Raises ConfigurationError for an issuer or key it cannot use.

    Outlives the APIs that use its tokens.
    """
    auth = settings.nhn.auth
    if auth.method == "none" or auth.key is None:
        yield None
        return
    config = HelseIdConfig(
        client_id=auth.client_id,
        key=KeyConfig(read=auth.key.get, key_id=auth.key_id or None),
        issuer=auth.issuer,
        scope=auth.scope,
        tenancy=auth.tenancy,
        timeout_s=settings.http.timeout_s,
    )
    async with HelseId(config, clock=clock, observer=observer) as helseid:
        yield helseid


def organisation(tenant: Tenant) -> Organisation:
    """For whom a tenant's tokens are."""
    return Organisation(tenant.orgnr_parent or None, tenant.orgnr_child or None)


@asynccontextmanager
async def make_altinn_auth(
    settings: Settings, observer: SignInObserver, clock: Clock
) -> AsyncIterator[AltinnSigner | None]:
    """Sign-in to Altinn; None where the settings want none.

    Raises ConfigurationError for an issuer, a key or a platform access token it cannot use.
    """
    auth, http = settings.altinn.auth, settings.http
    key, platform_token = auth.key, auth.platform_token
    if auth.method == "platform-access-token" and platform_token is not None:
        yield PlatformAccessTokenAuth(platform_token.get, clock=clock, observer=observer)
    elif auth.method == "maskinporten" and key is not None:
        config = MaskinportenConfig(
            client_id=auth.client_id,
            key=KeyConfig(read=key.get, key_id=auth.key_id or None),
            issuer=auth.issuer,
            scope=auth.scope,
            platform_url=settings.altinn.base_url,
            timeout_s=http.timeout_s,
        )
        async with Maskinporten(config, clock=clock, observer=observer) as maskinporten:
            yield maskinporten.auth()
    else:
        yield None
