"""What a failed sign-in means, in a sentence a person can act on. Pure.

Sources: OAuth error codes RFC 6749 §5.2, RFC 9449 §5 and §7.1; HelseID's meanings and its numbers `HID-…`: page "Error
messages" (feilmeldinger_enmd) of NHN's developer portal and its forerunner at helseid.atlassian.net; Maskinporten's
`MP-…`: page "Feilsøking i Maskinporten" of docs.digdir.no. An issuer's words are quoted as far as `quote` lets them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from bridge.errors import AuthenticationError

CLOCK_TOLERANCE_S = 10.0
"""A refusal is put down to the clock beyond this: Maskinporten takes an `iat` within ±10 s, NHN's sample API ±6 s."""
MAX_QUOTED_CHARS = 160
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


class Problem(Enum):
    """What is wrong, as a closed set: fit for a label, and for the table of `bridge check`."""

    CLIENT_OR_KEY = "client-or-key"
    """The issuer does not say which of the two it does not accept (most do not, on purpose)."""
    UNKNOWN_CLIENT = "unknown-client"
    WRONG_KEY = "wrong-key"
    SCOPE = "scope"
    ISSUER = "issuer"
    CLOCK = "clock"
    DPOP = "dpop"
    ORGANISATION = "organisation"
    NOT_ALLOWED = "not-allowed"
    """The client may not use this grant, or not this way."""
    REFUSED = "refused"
    """Refused for a reason that the issuer names, and we do not know better."""
    UNAVAILABLE = "unavailable"
    """No connection, no answer in time, 5xx, 429: nothing to mend here."""
    UNUSABLE = "unusable"
    """An answer that is none of the protocol's: HTML, too large, fields missing."""
    API = "api"
    """The API refuses a token that the issuer has just given."""
    UNREADABLE = "unreadable"
    """A changed key or token cannot be read or used; the last good one is kept."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One problem and its sentence."""

    problem: Problem
    sentence: str


class SignInError(AuthenticationError):
    """Sign-in failed; `diagnosis` says why."""

    def __init__(self, diagnosis: Diagnosis, *, retry_after_s: float | None = None) -> None:
        super().__init__(diagnosis.sentence, retry_after_s=retry_after_s)
        self.diagnosis = diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What we showed the issuer, as far as it may be said: no organisation numbers, which can be a person's."""

    issuer: str
    client_id: str
    key: str
    """E.g. `kid 2026-a, PS256`."""
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of a token endpoint that is no token."""

    status: int
    error: str | None = None
    """OAuth error code; None where the body is no OAuth error."""
    description: str = ""
    """The issuer's words, or "". Not yet fit for a log."""


_BY_NUMBER: Mapping[str, Problem] = {
    "HID-1001": Problem.ORGANISATION,  # parent not in the client's whitelist
    "HID-1002": Problem.ORGANISATION,  # child not in the client's whitelist
    "HID-1003": Problem.ORGANISATION,  # child not in the parent's whitelist
    "HID-1004": Problem.ORGANISATION,  # not nine digits
    "HID-1005": Problem.ORGANISATION,  # passing a parent is not enabled for the client
    "HID-1006": Problem.ORGANISATION,  # passing a child is not enabled for the client
    "HID-1010": Problem.ORGANISATION,  # the client's configuration excludes organisation numbers
    "MP-100": Problem.UNKNOWN_CLIENT,
    "MP-110": Problem.ISSUER,
    "MP-120": Problem.WRONG_KEY,
    "MP-121": Problem.WRONG_KEY,  # keys live one year from their registration
    "MP-122": Problem.WRONG_KEY,
    "MP-123": Problem.WRONG_KEY,
    "MP-124": Problem.WRONG_KEY,
    "MP-130": Problem.CLOCK,
    "MP-200": Problem.SCOPE,
    "MP-201": Problem.SCOPE,
}
_NUMBER = re.compile(r"\b(?:HID-\d{4}|MP-\d{3})\b")

_BY_WORDS: tuple[tuple[re.Pattern[str], Problem], ...] = (
    (re.compile(r"client not found|unknown client|no client with", re.IGNORECASE), Problem.UNKNOWN_CLIENT),
    (re.compile(r"\baud\b|audience", re.IGNORECASE), Problem.ISSUER),
    (re.compile(r"signature|certificate|(signing|invalid|expired) key|\bkid\b", re.IGNORECASE), Problem.WRONG_KEY),
    (re.compile(r"expired|issue time|not yet valid|clock", re.IGNORECASE), Problem.CLOCK),
    (re.compile(r"delegat|organi[sz]ation number|consumer_org", re.IGNORECASE), Problem.ORGANISATION),
)
"""Where an assertion is refused as a whole, its issuer's words may say which part. In this order."""

_BY_ERROR: Mapping[str, Problem] = {
    "invalid_client": Problem.CLIENT_OR_KEY,
    "invalid_grant": Problem.CLIENT_OR_KEY,
    "invalid_scope": Problem.SCOPE,
    "unauthorized_client": Problem.NOT_ALLOWED,
    "unsupported_grant_type": Problem.NOT_ALLOWED,
    "invalid_dpop_proof": Problem.DPOP,
    "use_dpop_nonce": Problem.DPOP,
}
_ABOUT_THE_ASSERTION = frozenset({"invalid_client", "invalid_grant", "invalid_request"})
_ABOUT_TIME = _ABOUT_THE_ASSERTION | {"invalid_dpop_proof"}

_SENTENCES: Mapping[Problem, str] = {
    Problem.CLIENT_OR_KEY: (
        "{issuer} knows no client {client_id} with the key ({key}). Compare both with the client's page there, in the"
        " same environment"
    ),
    Problem.UNKNOWN_CLIENT: (
        "{issuer} does not know the client {client_id}. Check the client id, and that it is of this environment"
    ),
    Problem.WRONG_KEY: (
        "{issuer} does not accept the key ({key}) of the client {client_id}. Use the registered one, or register this"
        " one: a registration can expire"
    ),
    Problem.SCOPE: (
        "{issuer} does not grant the scope {scope}. Check its spelling, and add it to the client {client_id}"
    ),
    Problem.ISSUER: (
        "{issuer} says that our assertion is meant for another issuer. Set the issuer to the name in its discovery"
        " document"
    ),
    Problem.CLOCK: "{issuer} finds our assertion expired or not yet valid{clock}. Set this machine's clock by NTP",
    Problem.DPOP: (
        "{issuer} does not accept our DPoP proof{clock}. Set the client {client_id} up for DPoP, and let no proxy"
        " change the URL or the headers"
    ),
    Problem.ORGANISATION: (
        "{issuer} gives the client {client_id} no token for this organisation. Check its numbers and the tenancy, and"
        " that it has delegated to the supplier in Altinn"
    ),
    Problem.NOT_ALLOWED: (
        "{issuer} does not let the client {client_id} sign in this way. Enable the grant type for it"
    ),
    Problem.REFUSED: "{issuer} refuses the token request of the client {client_id}",
    Problem.UNAVAILABLE: "{issuer} is not available now (it answered {status}); it is asked again",
    Problem.UNUSABLE: (
        "{issuer} answered {status} without an OAuth error. Check that it is the right issuer, not a proxy in its place"
    ),
}
"""Within 300 characters, where logs and status cut them, with names as long as they are in practice."""


def diagnose(refusal: Refusal, presented: Presented, *, clock_ahead_s: float | None = None) -> Diagnosis:
    """What a refusal of a token endpoint means. `clock_ahead_s`: how far our clock is ahead of the issuer's."""
    problem = _problem(refusal, clock_ahead_s)
    said = quote(": ".join(filter(None, (refusal.error, refusal.description))))
    sentence = _SENTENCES[problem].format(
        issuer=presented.issuer,
        client_id=presented.client_id,
        key=presented.key,
        scope=presented.scope,
        status=refusal.status,
        clock=_clock_words(clock_ahead_s),
    )
    return Diagnosis(problem, f"{sentence} (it says: {said})" if said else sentence)


def _problem(refusal: Refusal, clock_ahead_s: float | None) -> Problem:
    if is_unavailable(refusal.status):
        return Problem.UNAVAILABLE
    if refusal.error is None:
        return Problem.UNUSABLE
    if number := _NUMBER.search(refusal.description):
        named = _BY_NUMBER.get(number.group())
        if named is not None:
            return named
    if refusal.error in _ABOUT_TIME and clock_ahead_s is not None and abs(clock_ahead_s) > CLOCK_TOLERANCE_S:
        return Problem.CLOCK
    if refusal.error in _ABOUT_THE_ASSERTION:
        for words, problem in _BY_WORDS:
            if words.search(refusal.description):
                return problem
    return _BY_ERROR.get(refusal.error, Problem.REFUSED)


def is_unavailable(status: int) -> bool:
    """Whether a status is the server's own state, and no answer to the request."""
    return status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR


def diagnose_api(api: str, challenge: str, *, clock_ahead_s: float | None = None) -> Diagnosis:
    """What it means that an API answers 401 to a fresh token. `challenge`: its `WWW-Authenticate`, or ""."""
    error, description = challenge_error(challenge)
    said = quote(": ".join(filter(None, (error, description))))
    words = f" (it says: {said})" if said else ""
    if clock_ahead_s is not None and abs(clock_ahead_s) > CLOCK_TOLERANCE_S:
        sentence = f"{api} refuses a fresh token{_clock_words(clock_ahead_s)}. Set this machine's clock by NTP"
        return Diagnosis(Problem.CLOCK, sentence + words)
    if error == "invalid_dpop_proof":
        sentence = (
            f"{api} does not accept our DPoP proof. Check this machine's clock, and that the base URL is the API's"
            " own: a proxy that changes it breaks the proof"
        )
        return Diagnosis(Problem.DPOP, sentence + words)
    sentence = f"{api} refuses a fresh token. Check that issuer and API belong to the same environment, and the scope"
    return Diagnosis(Problem.API, sentence + words)


_CHALLENGE_FIELD = re.compile(r'\b(error|error_description)="((?:[^"\\]|\\.)*)"')


def challenge_error(challenge: str) -> tuple[str | None, str]:
    """`error` and `error_description` of a `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1); None, "" where absent."""
    fields = dict(_CHALLENGE_FIELD.findall(challenge))
    return fields.get("error"), fields.get("error_description", "")


_LONG_RUN = re.compile(r"[A-Za-z0-9_.~+/=-]{24,}|\d{6,}")


def quote(words: str) -> str:
    """Somebody else's words, fit for a log.

    Printable, at most 160 characters, and nothing that could be a token or the number of a person or an organisation.
    """
    printable = "".join(character if character.isprintable() else " " for character in words)
    masked = _LONG_RUN.sub("…", printable).strip()
    return masked if len(masked) <= MAX_QUOTED_CHARS else f"{masked[: MAX_QUOTED_CHARS - 1]}…"


def clock_off(host: str, clock_ahead_s: float) -> Diagnosis:
    """Our clock differs from a server's by so much that sign-in will suffer."""
    sentence = f"This machine's clock is {_ahead(clock_ahead_s)} that of {host}. Set it by NTP before sign-in fails"
    return Diagnosis(Problem.CLOCK, sentence)


def _clock_words(clock_ahead_s: float | None) -> str:
    return f": this machine's clock is {_ahead(clock_ahead_s)} its own" if clock_ahead_s else ""


def _ahead(clock_ahead_s: float) -> str:
    return f"{abs(clock_ahead_s):.0f} s {'ahead of' if clock_ahead_s > 0 else 'behind'}"
