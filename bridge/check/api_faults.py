"""Why the API gave no page, and what a person does about it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from bridge.auth.diagnosis import SignInError
from bridge.check.causes import Cause, cause_of
from bridge.check.report import Finding, failed, plural
from bridge.check.sign_in import told_of
from bridge.errors import AuthenticationError, RequestRejected, TransientError
from bridge.nhn.answers import Problem
from bridge.nhn.api import PageTooLarge
from bridge.nhn.refusals import EverythingRefused

SUBJECT = "API"
MAX_NAMED = 10
"""HER-ids named in one line."""
OK, BAD_REQUEST, NOT_FOUND, LOCKED, THROTTLED = 200, 400, 404, 423, 429

_ON_THE_WAY: Mapping[Cause | None, str] = {
    Cause.UNKNOWN_HOST: (
        "Correct the host in BRIDGE_NHN__BASE_URL, or this machine's DNS; NHN's production is on Helsenettet only."
    ),
    Cause.REFUSED: "Correct host and port in BRIDGE_NHN__BASE_URL. If it is a sandbox, start it: `bridge sandbox`.",
    Cause.CERTIFICATE: (
        "Correct the host in BRIDGE_NHN__BASE_URL. Where a proxy of yours opens TLS, name its authority's PEM file in "
        "SSL_CERT_FILE."
    ),
    Cause.TLS: "Correct http:// or https://, and the port, in BRIDGE_NHN__BASE_URL.",
    Cause.UNREACHABLE: "Let firewalls, network policies and routes pass HTTPS to it, Helsenettet's too.",
    Cause.BROKEN_OFF: (
        "Run the check again. If it stays, correct http:// or https://, and the port, in BRIDGE_NHN__BASE_URL, and "
        "look at what is in between (proxy, firewall)."
    ),
    None: (
        "Let firewalls, network policies and routes pass HTTPS to it, Helsenettet's too; if it is slow, raise "
        "BRIDGE_HTTP__TIMEOUT_S."
    ),
}
_IN_BETWEEN = (
    "Correct BRIDGE_NHN__BASE_URL, and look at what is in between: a proxy or a page to sign in answers in the API's "
    "place."
)
_LARGER = "If it is the API, raise BRIDGE_HTTP__MAX_BODY_BYTES."
_MISSING = "It may lack its configuration at NHN, or its organisation has not delegated to this client"
_LEAVE_OUT = "or take it out of the HER-ids. The others are not held up by it."


def explain(error: TransientError, status: int | None) -> tuple[str, str]:
    """What happened, as a clause, and the fix. `status`: of the last answer; None where none came."""
    if isinstance(error, SignInError):
        return told_of(error.diagnosis)
    if status is None:
        cause = cause_of(error)
        return (str(error) if cause is None else cause.value), _ON_THE_WAY[cause]
    if isinstance(error.__cause__, EverythingRefused):
        return _all_refused(error.__cause__.problem)
    if isinstance(error, PageTooLarge):
        return f"a page of one notification cannot be taken in: {error}", f"{_IN_BETWEEN} {_LARGER}"
    return str(error), _fix(error, status)


def _fix(error: TransientError, status: int) -> str:
    if isinstance(error, AuthenticationError):
        return "Let the bridge sign in (BRIDGE_NHN__AUTH__METHOD=helseid): none is for a sandbox only."
    if isinstance(error, RequestRejected) and status == NOT_FOUND:
        return (
            "Set BRIDGE_NHN__BASE_URL to the API's root, without a path: what answers there is not the API, or a "
            "gateway that does not know the way to it."
        )
    if isinstance(error, RequestRejected):
        return "Correct BRIDGE_NHN__BASE_URL, __API_VERSION and __SOURCE_SYSTEM; a gateway may be in between."
    if status == OK:
        return _IN_BETWEEN
    if status == THROTTLED:
        return "Wait and run the check again: too much is asked of the API by this client."
    return "Run the check again later; if it stays, NHN can tell whether the API is in trouble."


def _all_refused(problem: Problem) -> tuple[str, str]:
    found = f"every HER-id is refused: {problem}"
    if problem.status == BAD_REQUEST:
        return found, "Correct BRIDGE_NHN__API_VERSION and __SOURCE_SYSTEM; if they are right, the HER-ids."
    return found, f"{_hint(problem.status)}; check first that the client is the right one for these HER-ids."


def refusals(refused: Mapping[int, Problem], *, asked: int, name: str) -> list[Finding]:
    """A failure for each kind of refusal, with the HER-ids that it is about. `asked`: how many were asked for."""
    kinds = groupby(sorted(refused, key=lambda her_id: (str(refused[her_id]), her_id)), key=refused.__getitem__)
    return [_refusal(problem, list(her_ids), asked, name) for problem, her_ids in kinds]


def _refusal(problem: Problem, her_ids: Sequence[int], asked: int, name: str) -> Finding:
    count = f"{len(her_ids)} of {plural(asked, 'HER-id')}"
    verb = "is" if len(her_ids) == 1 else "are"
    found = f"{count} {verb} refused ({problem}): {_listed(her_ids)}"
    return failed(SUBJECT, found, name=name, fix=f"{_hint(problem.status)}. Mend that, {_LEAVE_OUT}")


def _hint(status: int) -> str:
    return (
        "Another HelseID client has reserved it (clientLocked) and has to release it" if status == LOCKED else _MISSING
    )


def _listed(her_ids: Iterable[int]) -> str:
    named = [str(her_id) for her_id in her_ids]
    more = len(named) - MAX_NAMED
    return ", ".join(named[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
