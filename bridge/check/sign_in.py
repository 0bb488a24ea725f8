"""Signing in, to NHN tenant by tenant: a real token from the issuer, which the API's requests then carry."""

from datetime import datetime
from typing import Literal, NamedTuple

import httpx

from bridge.auth.diagnosis import Diagnosis, SignInError
from bridge.auth.flow import BearerAuth
from bridge.auth.helseid import HelseId
from bridge.auth.platform_token import PlatformAccessTokenAuth
from bridge.check.report import Finding, Verdict, failed, not_verifiable, ok, warning
from bridge.ports import Clock
from bridge.settings import Tenant
from bridge.sign_in import AltinnSigner, organisation

SUBJECT = "sign-in"
Source = Literal["NHN", "ALTINN"]
"""Whose settings a fix names: BRIDGE_NHN__… or BRIDGE_ALTINN__…."""


class SignIn(NamedTuple):
    """How one tenant, or the bridge to Altinn, signs in."""

    finding: Finding
    is_possible: bool
    """Whether there is any sense in asking the API."""
    auth: httpx.Auth | None = None
    """What signs the requests; None: nothing does."""


class Troubles:
    """Hears of what does not keep sign-in from working yet. A SignInObserver."""

    def __init__(self, source: Source = "NHN", *, name: str = "") -> None:
        self._source: Source = source
        self._name = name
        self._heard: dict[str, Diagnosis] = {}

    def token_obtained(self, issuer: str, expires_at: datetime) -> None:
        """The finding of its tenant says so."""

    def trouble(self, diagnosis: Diagnosis) -> None:
        self._heard[diagnosis.sentence] = diagnosis

    def findings(self) -> list[Finding]:
        """A warning each."""
        told = [told_of(diagnosis, self._source) for diagnosis in self._heard.values()]
        return [warning(SUBJECT, found, name=self._name, fix=fix) for found, fix in told]


async def sign_in_to_altinn(auth: AltinnSigner | None, clock: Clock, *, name: str) -> SignIn:
    """Sign in to Altinn. `auth`: None where the settings want no sign-in."""
    match auth:
        case None:
            return SignIn(ok(SUBJECT, "not signed in: for a sandbox", name=name), is_possible=True)
        case PlatformAccessTokenAuth():
            finding = platform_token_finding(auth.expires_at, clock.now(), name=name)
            return SignIn(finding, is_possible=finding.verdict is not Verdict.FAILED, auth=auth)
        case BearerAuth():
            try:
                await auth.sign_in()
            except SignInError as error:
                found, fix = told_of(error.diagnosis, "ALTINN")
                return SignIn(failed(SUBJECT, found, name=name, fix=fix), is_possible=False)
            given = ok(SUBJECT, "Maskinporten gives a token, and Altinn exchanges it", name=name)
            return SignIn(given, is_possible=True, auth=auth)


def platform_token_finding(expires_at: datetime | None, now: datetime, *, name: str) -> Finding:
    """What a platform access token says of itself. Pure."""
    if expires_at is None:
        return not_verifiable(SUBJECT, "a platform access token that does not say when it ends", name=name)
    moment = f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"
    if expires_at <= now:
        fix = "Put a new one into the file of BRIDGE_ALTINN__AUTH__TOKEN_FILE (or into BRIDGE_ALTINN__AUTH__TOKEN)."
        return failed(SUBJECT, f"the platform access token expired at {moment}", name=name, fix=fix)
    return ok(SUBJECT, f"a platform access token, valid until {moment}", name=name)


async def sign_in(helseid: HelseId | None, tenant: Tenant, *, name: str) -> SignIn:
    """Sign in for one tenant. `helseid`: None where the settings want no sign-in.

    Raises ConfigurationError where its organisation numbers do not fit the tenancy.
    """
    if helseid is None:
        return SignIn(ok(SUBJECT, "not signed in: for a sandbox", name=name), is_possible=True)
    auth = helseid.auth(organisation(tenant))
    try:
        await auth.sign_in()
    except SignInError as error:
        found, fix = told_of(error.diagnosis)
        return SignIn(failed(SUBJECT, found, name=name, fix=fix), is_possible=False)
    return SignIn(ok(SUBJECT, "HelseID gives a token", name=name), is_possible=True, auth=auth)


def told_of(diagnosis: Diagnosis, source: Source = "NHN") -> tuple[str, str]:
    """What happened, and the fix, from a diagnosis that says both and quotes the other side at its end. Pure."""
    ask_again = f"Correct BRIDGE_{source}__AUTH__… where that is wrong; else run the check again later."
    sentence, quoting, words = diagnosis.sentence.partition(" (it says: ")
    found, _, fix = sentence.partition(". ")
    return f"{found}{quoting}{words}", f"{fix}." if fix else ask_again
