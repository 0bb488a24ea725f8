"""Altinn's side: sign-in, the API, the clock."""

from bridge.check.altinn_api import NAME, SUBJECT, check_altinn_api
from bridge.check.bounds import hurried, late, within
from bridge.check.report import Finding, not_verifiable
from bridge.check.sign_in import Troubles, sign_in_to_altinn
from bridge.check.witness import Answered, clock_finding
from bridge.ports import Clock
from bridge.settings import Settings
from bridge.sign_in import make_altinn_auth

ASK_S = 20.0
"""For all that is asked after signing in."""


async def altinn_findings(settings: Settings, *, clock: Clock) -> list[Finding]:
    """Sign in for real, and ask with that. Raises ConfigurationError for an issuer, a key or a token that cannot be
    used.
    """
    settings = hurried(settings)
    troubles = Troubles("ALTINN", name=NAME)
    async with make_altinn_auth(settings, troubles, clock) as auth:
        signed_in = await sign_in_to_altinn(auth, clock, name=NAME)
        if signed_in.is_possible:
            overdue = Answered([late(SUBJECT, ASK_S, name=NAME)], None)
            answered = await within(ASK_S, check_altinn_api(settings, signed_in.auth, clock=clock), overdue)
        else:
            unasked = not_verifiable(SUBJECT, "not asked, as there is no token for it", name=NAME)
            answered = Answered([unasked], None)
    return [
        signed_in.finding,
        *troubles.findings(),
        *answered.findings,
        clock_finding([answered.clock_ahead_s], name=NAME),
    ]
