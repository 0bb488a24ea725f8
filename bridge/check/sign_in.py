"""Signing in, tenant by tenant: a real token from the issuer, which the API's requests then carry."""

from datetime import datetime
from typing import NamedTuple

import httpx

from bridge.auth.diagnosis import Diagnosis, SignInError
from bridge.auth.helseid import HelseId
from bridge.check.report import Finding, failed, ok, warning
from bridge.settings import Tenant
from bridge.sign_in import organisation

SUBJECT = "sign-in"
_ASK_AGAIN = "Correct BRIDGE_NHN__AUTH__… where that is wrong; else run the check again later."


class SignIn(NamedTuple):
    """How one tenant signs in."""

    finding: Finding
    is_possible: bool
    """Whether there is any sense in asking the API."""
    auth: httpx.Auth | None = None
    """What signs the requests; None: nothing does."""


class Troubles:
    """Hears of what does not keep sign-in from working yet. A SignInObserver."""

    def __init__(self) -> None:
        self._heard: dict[str, Diagnosis] = {}

    def token_obtained(self, issuer: str, expires_at: datetime) -> None:
        """The finding of its tenant says so."""

    def trouble(self, diagnosis: Diagnosis) -> None:
        self._heard[diagnosis.sentence] = diagnosis

    def findings(self) -> list[Finding]:
        """A warning each."""
        told = map(told_of, self._heard.values())
        return [warning(SUBJECT, found, fix=fix) for found, fix in told]


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


def told_of(diagnosis: Diagnosis) -> tuple[str, str]:
    """What happened, and the fix, from a diagnosis that says both and quotes the other side at its end. Pure."""
    sentence, quoting, words = diagnosis.sentence.partition(" (it says: ")
    found, _, fix = sentence.partition(". ")
    return f"{found}{quoting}{words}", f"{fix}." if fix else _ASK_AGAIN
