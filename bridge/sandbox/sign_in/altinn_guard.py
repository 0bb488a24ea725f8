"""Altinn Notifications' check of who asks: an Altinn token, or a platform access token. No HTTP.

Policy `CreateScopeOrPlatfomAccessToken` and OrgExtractorMiddleware of Altinn/altinn-notifications. A Maskinporten token
that was not exchanged is none of Altinn's own.
"""

from collections.abc import Mapping, Sequence

import msgspec

from bridge.sandbox.sign_in.access_tokens import DEFAULT_CAPACITY, Verified, unusable
from bridge.sandbox.sign_in.altinn_exchange import TYPE
from bridge.sandbox.sign_in.clients import ALTINN_SCOPE
from bridge.sandbox.sign_in.jose import IssuingKey
from bridge.sandbox.sign_in.refused import INSUFFICIENT_SCOPE, Refused

HEADER = "PlatformAccessToken"
_SCHEME = "bearer"


class _AltinnClaims(msgspec.Struct):
    exp: float
    nbf: float
    scope: str
    organisation: str | None = msgspec.field(name="urn:altinn:org", default=None)


class AltinnGuard:
    """Knows the exchange's tokens."""

    def __init__(self, key: IssuingKey, *, capacity: int = DEFAULT_CAPACITY) -> None:
        """`key`: the exchange's. `capacity`: tokens that are remembered."""
        self._verified = Verified(key, _AltinnClaims, kind=TYPE, capacity=capacity)

    def organisation(
        self,
        *,
        authorizations: Sequence[str],
        platform_tokens: Sequence[str],
        known_platform_tokens: Mapping[str, str],
        now_s: float,
    ) -> str:
        """Code of the organisation that asks. `authorizations`, `platform_tokens`: all headers of these names;
        `known_platform_tokens`: token → code. `now_s`: Unix time. Where both come, the platform token decides.

        Raises Refused, with `insufficient_scope` where the token is in order but not enough.
        """
        if platform_tokens:
            organisation = known_platform_tokens.get(platform_tokens[0].strip())
            if organisation is None or len(platform_tokens) > 1:
                raise unusable("The platform access token is not one that the sandbox knows.")
            return organisation
        claims = self._verified.claims(_token_in(authorizations))
        if not claims.nbf <= now_s < claims.exp:
            raise unusable("The Altinn token has expired, or is not valid yet.")
        if ALTINN_SCOPE not in claims.scope.split():
            raise Refused(INSUFFICIENT_SCOPE, f"The Altinn token lacks the scope {ALTINN_SCOPE}.")
        if claims.organisation is None:
            raise Refused(INSUFFICIENT_SCOPE, "The Altinn token is none of a service owner's (urn:altinn:org).")
        return claims.organisation


def _token_in(authorizations: Sequence[str]) -> str:
    if not authorizations:
        raise Refused("", "The request has no Authorization header.")
    scheme, _, token = authorizations[0].partition(" ")
    if len(authorizations) > 1 or scheme.lower() != _SCHEME:
        raise unusable("The request must have one Authorization header, with a Bearer token.")
    return token.strip()
