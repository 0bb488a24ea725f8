"""Errors as NHN's API words them: problem details with an error code of its own (nhn-notifications §1.7). Pure.

What a gateway in front of the API refuses is a page of HTML instead, and says nothing about a HER-id.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from types import MappingProxyType

import msgspec

from bridge.sandbox.faults import FaultKind, FaultRule, Rule

CONTENT_TYPE = "application/problem+json; charset=utf-8"
HTML_CONTENT_TYPE = "text/html; charset=utf-8"
INSTANCE = "/notifications"
INVALID_REQUEST = 1001


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is an error."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def invalid_request(errors: Sequence[str], *, request_id: str, now: datetime) -> Problem:
    """400: a required parameter or header is missing, or a value is out of bounds."""
    return _details(400, INVALID_REQUEST, "The request is invalid.", request_id=request_id, now=now, errors=errors)


def is_error(kind: FaultKind) -> bool:
    """Whether the fault is an error status, which `of_fault` makes."""
    return kind in _DETAILS or kind in _GATEWAY


def unauthorized(why: str, headers: Mapping[str, str], *, request_id: str, now: datetime) -> Problem:
    """401: the request is not signed as it should be; `headers` hold the challenge."""
    return _details(401, 0, why, request_id=request_id, now=now, headers=headers)


def gateway_error(status: int, rule: Rule, now: datetime) -> Problem:
    """A gateway's page, with the pause that the rule wants."""
    return Problem(
        status=status, headers=retry_after(rule, now) | {"Content-Type": HTML_CONTENT_TYPE}, body=_page(status)
    )


def of_fault(rule: FaultRule, *, request_id: str, now: datetime) -> Problem:
    """The error that the rule wants; its detail names the rule's HER-id, if it has one."""
    if gateway_status := _GATEWAY.get(rule.kind):
        return gateway_error(gateway_status, rule, now)
    headers = retry_after(rule, now)
    status, error_code, detail = _DETAILS[rule.kind]
    who = "one of the HER-ids" if rule.her_id is None else f"HER-id {rule.her_id}"
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'DPoP error="invalid_token"'
    detail = detail.format(who=who)
    errors = (detail,) if status == HTTPStatus.BAD_REQUEST else ()
    return _details(status, error_code, detail, request_id=request_id, now=now, headers=headers, errors=errors)


def html_page(title: str) -> bytes:
    """What a gateway or a login shows."""
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()


_DETAILS = {
    FaultKind.BAD_REQUEST: (400, INVALID_REQUEST, "The request is invalid for {who}."),
    FaultKind.UNAUTHORIZED: (401, 0, "The access token is missing, malformed or expired."),
    FaultKind.FORBIDDEN: (403, 1202, "The client is not authorised for {who}."),
    FaultKind.NOT_FOUND: (404, 1010, "Nothing was found for {who}, or it has been purged."),
    FaultKind.LOCKED: (423, 1210, "Another HelseID client has locked {who}."),
    FaultKind.TOO_MANY_REQUESTS: (429, 0, "Too many requests."),
    FaultKind.SERVER_ERROR: (500, 0, "An unexpected error occurred."),
}
"""Status, error code and detail. NHN documents no 429; its clients treat it as one that may be retried."""

_GATEWAY = {
    FaultKind.GATEWAY_NOT_FOUND: 404,
    FaultKind.URI_TOO_LONG: 414,
    FaultKind.HEADERS_TOO_LARGE: 431,
    FaultKind.UNAVAILABLE: 503,
}


def _details(
    status: int,
    error_code: int,
    detail: str,
    *,
    request_id: str,
    now: datetime,
    headers: Mapping[str, str] = MappingProxyType({}),
    errors: Sequence[str] = (),
) -> Problem:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": INSTANCE,
        "errorCode": error_code,
        "requestId": request_id,
        "validationErrors": list(errors),
        "stackTrace": None,
        "timestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    if not errors:
        del body["validationErrors"]
    return Problem(status=status, headers={**headers, "Content-Type": CONTENT_TYPE}, body=msgspec.json.encode(body))


def _page(status: int) -> bytes:
    return html_page(f"{status} {HTTPStatus(status).phrase}")


def retry_after(rule: Rule, now: datetime) -> dict[str, str]:
    """The header that a 429 or 503 has, if the rule wants one."""
    if rule.retry_after_s is None:
        return {}
    if rule.retry_after_as == "seconds":
        return {"Retry-After": str(rule.retry_after_s)}
    # A date has whole seconds: rounded up, so that waiting for it is waiting long enough.
    at = now.astimezone(UTC) + timedelta(seconds=rule.retry_after_s, microseconds=999_999)
    return {"Retry-After": format_datetime(at.replace(microsecond=0), usegmt=True)}
