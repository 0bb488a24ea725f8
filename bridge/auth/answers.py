"""Answers of issuers, read and checked. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from bridge.auth.diagnosis import Diagnosis, Presented, Problem, Refusal, SignInError, diagnose, is_unavailable, quote

MAX_ISSUER_CHARS = 200
_OK = 200
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_REGISTRY = jws.JWSRegistry()
_REGISTRY.max_header_length = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    requested_at_s: float = 0.0
    """Monotonic moment before it was asked for."""
    clock_ahead_s: float | None = None
    """How far our clock is ahead of the server's, where its `Date` tells."""
    retry_after_s: float | None = None
    """The pause that it asks for."""


class _Refused(msgspec.Struct):
    error: str
    error_description: str | None = None


class _Granted(msgspec.Struct):
    access_token: str
    token_type: str
    expires_in: float
    scope: str | None = None
    rejected_scope: str | None = None


class _Metadata(msgspec.Struct):
    issuer: str
    token_endpoint: str


class _Life(msgspec.Struct):
    exp: float
    iat: float | None = None


_decode_refused = msgspec.json.Decoder(_Refused).decode
_decode_granted = msgspec.json.Decoder(_Granted, strict=False).decode
_decode_metadata = msgspec.json.Decoder(_Metadata).decode
_decode_life = msgspec.json.Decoder(_Life).decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A token answer that was checked."""

    access_token: str = field(repr=False)
    expires_in_s: float


def refusal_of(answer: Answer) -> Refusal:
    """The OAuth error of an answer (RFC 6749 §5.2), as far as it has one."""
    try:
        refused = _decode_refused(answer.body)
    except _UNREADABLE:
        return Refusal(status=answer.status)
    return Refusal(status=answer.status, error=refused.error, description=refused.error_description or "")


def read_token(answer: Answer, presented: Presented, *, wanted_type: str) -> Granted:
    """The token of an answer. Raises SignInError for everything else, with what it means."""
    if answer.status != _OK:
        diagnosis = diagnose(refusal_of(answer), presented, clock_ahead_s=answer.clock_ahead_s)
        raise SignInError(diagnosis, retry_after_s=answer.retry_after_s)
    try:
        granted = _decode_granted(answer.body)
    except _UNREADABLE:
        raise SignInError(_unusable(presented.issuer, "a 200 that is no token answer (RFC 6749 §5.1)")) from None
    if not is_token(granted.access_token) or not granted.expires_in > 0:
        raise SignInError(_unusable(presented.issuer, "a token answer without a usable token or life"))
    if granted.token_type.lower() != wanted_type.lower():
        raise SignInError(_wrong_type(presented, granted.token_type, wanted_type))
    if problem := _missing_scope(granted, presented.scope):
        raise SignInError(_not_granted(presented, problem))
    return Granted(access_token=granted.access_token, expires_in_s=granted.expires_in)


def _missing_scope(granted: _Granted, scope: str) -> Problem | None:
    if granted.rejected_scope:
        return Problem.ORGANISATION
    if granted.scope is not None and not set(scope.split()) <= set(granted.scope.split()):
        return Problem.SCOPE
    return None


def _not_granted(presented: Presented, problem: Problem) -> Diagnosis:
    if problem is Problem.ORGANISATION:
        # HelseID.Library, token_requests.md: set where the organisation has not signed the required terms of use
        sentence = (
            f"{presented.issuer} rejects the scope {presented.scope} for this organisation, which must accept"
            " the terms of use of the API, and delegate to the supplier, in Altinn"
        )
    else:
        sentence = (
            f"{presented.issuer} gave a token without the scope {presented.scope}."
            f" Have it added to the client {presented.client_id}"
        )
    return Diagnosis(problem, sentence)


def _wrong_type(presented: Presented, given: str, wanted: str) -> Diagnosis:
    sentence = (
        f"{presented.issuer} gave a token of the type {quote(given)}, not {wanted}."
        f" Check how the client {presented.client_id} is set up"
    )
    return Diagnosis(Problem.DPOP if wanted == "DPoP" else Problem.UNUSABLE, sentence)


def read_metadata(answer: Answer, *, issuer: str, url: str) -> str:
    """The token endpoint of a discovery document (RFC 8414 §3.2), whose issuer must be exactly ours (§3.3).

    Raises SignInError.
    """
    if answer.status != _OK:
        sentence = f"{url} answers {answer.status} instead of a discovery document. Check the issuer, {issuer}"
        problem = Problem.UNAVAILABLE if is_unavailable(answer.status) else Problem.ISSUER
        raise SignInError(Diagnosis(problem, sentence), retry_after_s=answer.retry_after_s)
    try:
        metadata = _decode_metadata(answer.body)
    except _UNREADABLE:
        raise SignInError(_unusable(url, "something else than a discovery document")) from None
    if metadata.issuer != issuer:
        sentence = (
            f"The issuer is set to {issuer}, and calls itself {_url_or_nothing(metadata.issuer)}. Set it to exactly"
            " that, with or without a slash at the end"
        )
        raise SignInError(Diagnosis(Problem.ISSUER, sentence))
    safe_schemes = {"https", urlsplit(issuer).scheme}
    if not is_url(metadata.token_endpoint) or urlsplit(metadata.token_endpoint).scheme not in safe_schemes:
        raise SignInError(_unusable(url, "a discovery document without a safe token endpoint"))
    return metadata.token_endpoint


def is_token(text: str) -> bool:
    """Whether a text can be a token: visible ASCII (RFC 6750 §2.1), no longer than a header may be."""
    return _TOKEN.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Whether a text is an absolute HTTP URL."""
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and parts.scheme in {"http", "https"} and text.isascii() and text.isprintable() and " " not in text


def read_altinn_token(answer: Answer, *, platform: str, now: datetime) -> Granted:
    """The token of Altinn's exchange: the bare JWT, in quotes or not. Raises SignInError."""
    if is_unavailable(answer.status):
        sentence = f"{platform} is not available now (it answered {answer.status}); it is asked again"
        raise SignInError(Diagnosis(Problem.UNAVAILABLE, sentence), retry_after_s=answer.retry_after_s)
    if answer.status != _OK:
        # it answers 401 with nothing in it, whatever is wrong
        sentence = (
            f"{platform} does not exchange the token that Maskinporten has just given (it answered {answer.status})."
            " Check that both belong to the same environment, test or production"
        )
        raise SignInError(Diagnosis(Problem.API, sentence))
    token = answer.body.decode("ascii", errors="replace").strip().strip('"')
    life_s = jwt_life_s(token, now) if is_token(token) else None
    if life_s is None:
        raise SignInError(_unusable(platform, "something else than a token (JWT)"))
    if life_s <= 0:
        sentence = f"{platform} gave a token that has ended already by this machine's clock. Set it by NTP"
        raise SignInError(Diagnosis(Problem.CLOCK, sentence))
    return Granted(access_token=token, expires_in_s=life_s)


def jwt_life_s(token: str, now: datetime) -> float | None:
    """How long a JWT lives from `now`, by its own claims; None where it is no JWT with an `exp`.

    The shorter of `exp - iat` and `exp - now`: the first does not depend on our clock, the second knows its age. The
    signature is not ours to check.
    """
    life = _life_of(token)
    if life is None:
        return None
    left_s = life.exp - now.timestamp()
    return left_s if life.iat is None else min(left_s, life.exp - life.iat)


def jwt_expires_at(token: str) -> datetime | None:
    """When a JWT ends, by its own `exp`; None where it is no JWT that says so."""
    life = _life_of(token)
    try:
        return None if life is None else datetime.fromtimestamp(life.exp, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _life_of(token: str) -> _Life | None:
    try:
        return _decode_life(jws.extract_compact(token.encode("ascii"), registry=_REGISTRY).payload)
    except (*_UNREADABLE, JoseError, ValueError):
        return None


def _url_or_nothing(text: str) -> str:
    """An issuer's own name: a URL may be longer than what `quote` lets through."""
    return text if is_url(text) and len(text) <= MAX_ISSUER_CHARS else "something that is no URL"


def _unusable(who: str, what: str) -> Diagnosis:
    sentence = f"{who} answers with {what}. Check that it is the right address, not a proxy in its place"
    return Diagnosis(Problem.UNUSABLE, sentence)
