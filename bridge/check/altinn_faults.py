"""Why Altinn did not answer as it should, and what a person does about it. Pure.

Facts: controllers and policies of Altinn/altinn-notifications: a token without the scope, or without an organisation
that is a service owner, is answered 403.
"""

from collections.abc import Mapping
from typing import NoReturn

import msgspec

from bridge.auth.diagnosis import SignInError
from bridge.auth.maskinporten import SCOPE
from bridge.check.causes import Cause, cause_of
from bridge.check.sign_in import told_of
from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable, TransientError
from bridge.settings import AltinnSettings

NOT_FOUND_CODE = "NOT-00003"
"""Of the problem details with which Altinn says that it has no such shipment."""
CLIENT_ERRORS = range(400, 500)

_ON_THE_WAY: Mapping[Cause | None, str] = {
    Cause.UNKNOWN_HOST: "Correct the host in BRIDGE_ALTINN__BASE_URL, or this machine's DNS.",
    Cause.REFUSED: "Correct host and port in BRIDGE_ALTINN__BASE_URL. If it is a sandbox, start it: `bridge sandbox`.",
    Cause.CERTIFICATE: (
        "Correct the host in BRIDGE_ALTINN__BASE_URL. Where a proxy of yours opens TLS, name its authority's PEM file "
        "in SSL_CERT_FILE."
    ),
    Cause.TLS: "Correct http:// or https://, and the port, in BRIDGE_ALTINN__BASE_URL.",
    Cause.UNREACHABLE: "Let firewalls, network policies and routes pass HTTPS to it.",
    Cause.BROKEN_OFF: (
        "Run the check again. If it stays, correct http:// or https://, and the port, in BRIDGE_ALTINN__BASE_URL, and "
        "look at what is in between (proxy, firewall)."
    ),
    None: ("Let firewalls, network policies and routes pass HTTPS to it; if it is slow, raise BRIDGE_HTTP__TIMEOUT_S."),
}
_IN_BETWEEN = (
    "Correct BRIDGE_ALTINN__BASE_URL, and look at what is in between: a proxy or a page to sign in answers in Altinn's "
    "place."
)
_SIGN_IN = "Let the bridge sign in (BRIDGE_ALTINN__AUTH__METHOD=maskinporten): none is for a sandbox only."


class _ProblemDetails(msgspec.Struct):
    code: str | None = None


def is_unknown(body: bytes) -> bool:
    """Whether a 404 is Altinn's own "no such shipment", which nothing else on the way would say."""
    try:
        return msgspec.json.decode(body, type=_ProblemDetails).code == NOT_FOUND_CODE
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def raise_for(status: int, what: str) -> NoReturn:
    """Raise what an answer means that is not the wanted one. `what`: a 200 is in place of that, in words."""
    match status:
        case 200:
            raise SourceUnavailable(f"the answer is {what}")
        case 401:
            raise AuthenticationError("Altinn does not accept our sign-in (401)")
        case 403:
            raise AuthenticationError("Altinn refuses our rights (403)")
        case 404:
            raise RequestRejected("there is no Altinn Notifications (404 without its problem details)")
        case _ if status in CLIENT_ERRORS:
            raise RequestRejected(f"the API rejects the request itself ({status})")
        case _:
            raise SourceUnavailable(f"the API answered {status}")


def explain(error: TransientError, status: int | None, altinn: AltinnSettings) -> tuple[str, str]:
    """What happened, as a clause, and the fix. `status`: of the last answer; None where none came."""
    if isinstance(error, SignInError):
        return told_of(error.diagnosis, "ALTINN")
    if status is None:
        cause = cause_of(error)
        return (str(error) if cause is None else cause.value), _ON_THE_WAY[cause]
    return str(error), _fix(status, altinn)


def _fix(status: int, altinn: AltinnSettings) -> str:
    match status:
        case 401:
            return _SIGN_IN
        case 403:
            return _rights(altinn)
        case 404:
            return (
                "Set BRIDGE_ALTINN__BASE_URL to Altinn's platform alone, e.g. https://platform.tt02.altinn.no: what "
                "answers there is not the API, or a gateway that does not know the way to it."
            )
        case 429:
            return "Wait and run the check again: too much is asked of Altinn by this client."
        case _ if status >= CLIENT_ERRORS.stop:
            return "Run the check again later; if it stays, Altinn can tell whether it is in trouble."
        case _:
            return _IN_BETWEEN


def _rights(altinn: AltinnSettings) -> str:
    """The scope was granted by Maskinporten, or there would be no token."""
    if altinn.auth.method == "none":
        return _SIGN_IN
    if altinn.auth.method == "platform-access-token":
        return (
            "Use a platform access token that Altinn gave to a service owner or its app in this environment, or sign "
            "in with BRIDGE_ALTINN__AUTH__METHOD=maskinporten."
        )
    if SCOPE not in altinn.auth.scope.split():
        return f"Set BRIDGE_ALTINN__AUTH__SCOPE to {SCOPE}, and have it granted to the client in Maskinporten."
    return (
        "Altinn knows the client's organisation as no service owner: have it registered as one with Altinn (Digdir), "
        "in this environment, or use the client of an organisation that is."
    )
