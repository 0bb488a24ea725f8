"""Errors in Altinn's words: some empty, some ASP.NET's, some its own; and a gateway's (Azure API Management). Pure."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from bridge.sandbox.altinn.faults import AltinnFaultRule, Endpoint
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.problems import Problem, gateway_error, retry_after
from bridge.sandbox.sign_in.refused import INSUFFICIENT_SCOPE, Refused

CONTENT_TYPE = "application/problem+json; charset=utf-8"
_RFC = "https://tools.ietf.org/html/rfc9110#section-15"
_TRACE = "00-{0:032x}-{0:016x}-{1}"
_NOT_SAMPLED, _SAMPLED = "00", "01"


def empty(status: int, headers: Mapping[str, str] = MappingProxyType({})) -> Problem:
    """An error that says nothing: 401, 403, 404 of the older API."""
    return Problem(status=status, headers=headers, body=b"")


def invalid(errors: Mapping[str, str], number: int) -> Problem:
    """400: ValidationProblemDetails. `number`: of the request, so that its trace id is its own."""
    body = {
        "type": f"{_RFC}.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": {name: [sentence] for name, sentence in errors.items()},
        "traceId": _TRACE.format(number, _SAMPLED),
    }
    return _json(400, body)


def unsupported_media_type(number: int) -> Problem:
    """415: the feed takes no request that brings anything but JSON."""
    body = {
        "type": f"{_RFC}.5.16",
        "title": "Unsupported Media Type",
        "status": 415,
        "traceId": _TRACE.format(number, _SAMPLED),
    }
    return _json(415, body)


def shipment_not_found(number: int) -> Problem:
    """404 of the newer API."""
    body = {
        "type": "urn:altinn:error:NOT-00003",
        "title": "Shipment not found",
        "status": 404,
        "code": "NOT-00003",
        "traceId": _TRACE.format(number, _NOT_SAMPLED),
        "statusDescription": "Not Found",
    }
    return _json(404, body)


def refused(why: Refused) -> Problem:
    """401, or 403 for a token that is in order but not for this."""
    if why.error == INSUFFICIENT_SCOPE:
        return empty(403)
    return empty(401, {"WWW-Authenticate": "Bearer"})


def not_found(endpoint: Endpoint, number: int) -> Problem:
    """An order that is not there, or another organisation's."""
    return shipment_not_found(number) if endpoint is Endpoint.SHIPMENT else empty(404)


def is_error(kind: FaultKind) -> bool:
    """Whether the fault is an error status, which `of_fault` makes."""
    return kind in _STATUSES


def of_fault(rule: AltinnFaultRule, *, endpoint: Endpoint, number: int, now: datetime) -> Problem:
    """The error that the rule wants."""
    status = _STATUSES[rule.kind]
    match rule.kind:
        case FaultKind.BAD_REQUEST:
            return invalid({"id": "The value is not valid."}, number)
        case FaultKind.NOT_FOUND:
            return not_found(endpoint, number)
        case FaultKind.TOO_MANY_REQUESTS:
            return _throttled(rule, now)
        case FaultKind.SERVER_ERROR:
            return _server_error(number)
        case FaultKind.UNAUTHORIZED | FaultKind.FORBIDDEN:
            return empty(status)
        case _:
            return gateway_error(status, rule, now)


_STATUSES = {
    FaultKind.BAD_REQUEST: 400,
    FaultKind.UNAUTHORIZED: 401,
    FaultKind.FORBIDDEN: 403,
    FaultKind.NOT_FOUND: 404,
    FaultKind.GATEWAY_NOT_FOUND: 404,
    FaultKind.TOO_MANY_REQUESTS: 429,
    FaultKind.SERVER_ERROR: 500,
    FaultKind.UNAVAILABLE: 503,
}


def _throttled(rule: AltinnFaultRule, now: datetime) -> Problem:
    """As the gateway words it; Altinn documents none for Notifications."""
    again = "" if rule.retry_after_s is None else f" Try again in {rule.retry_after_s} seconds."
    body = msgspec.json.encode({"statusCode": 429, "message": f"Rate limit is exceeded.{again}"})
    return Problem(status=429, headers=retry_after(rule, now) | {"Content-Type": "application/json"}, body=body)


def _server_error(number: int) -> Problem:
    body = {
        "type": f"{_RFC}.6.1",
        "title": "An error occurred while processing your request.",
        "status": 500,
        "traceId": _TRACE.format(number, _SAMPLED),
    }
    return _json(500, body)


def _json(status: int, body: Mapping[str, object]) -> Problem:
    text = msgspec.json.format(msgspec.json.encode(body), indent=2)
    return Problem(status=status, headers={"Content-Type": CONTENT_TYPE}, body=text)
