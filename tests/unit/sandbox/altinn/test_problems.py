"""Errors in Altinn's words, in ASP.NET's and in a gateway's."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.sandbox.altinn.faults import AltinnFaultRule, Endpoint
from bridge.sandbox.altinn.problems import invalid, is_error, of_fault, refused, shipment_not_found
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.sign_in.refused import INSUFFICIENT_SCOPE, UNUSABLE, Refused

NOW = datetime(2026, 2, 4, 11, 30, tzinfo=UTC)


def fault(kind: FaultKind, endpoint: Endpoint = Endpoint.EMAILS, **options: Any) -> Any:
    return of_fault(AltinnFaultRule(kind=kind, **options), endpoint=endpoint, number=7, now=NOW)


def test_an_invalid_request_is_told_as_validation_problem_details() -> None:
    problem = invalid({"id": "The value '1337;1=1' is not valid."}, 7)
    assert (problem.status, problem.headers["Content-Type"]) == (400, "application/problem+json; charset=utf-8")
    assert json.loads(problem.body) == {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": {"id": ["The value '1337;1=1' is not valid."]},
        "traceId": "00-00000000000000000000000000000007-0000000000000007-01",
    }


def test_a_shipment_that_is_not_there_is_told_as_altinns_problem_details() -> None:
    problem = shipment_not_found(7)
    assert problem.status == 404
    assert json.loads(problem.body) == {
        "type": "urn:altinn:error:NOT-00003",
        "title": "Shipment not found",
        "status": 404,
        "code": "NOT-00003",
        "traceId": "00-00000000000000000000000000000007-0000000000000007-00",
        "statusDescription": "Not Found",
    }


@pytest.mark.parametrize("kind", [FaultKind.UNAUTHORIZED, FaultKind.FORBIDDEN, FaultKind.NOT_FOUND])
def test_the_older_apis_refusals_are_empty(kind: FaultKind) -> None:
    problem = fault(kind)
    assert (problem.status, problem.body) == (int(kind), b"")


def test_404_of_a_shipment_is_not() -> None:
    assert b"NOT-00003" in fault(FaultKind.NOT_FOUND, Endpoint.SHIPMENT).body


def test_throttling_names_its_time_in_seconds_or_as_a_date() -> None:
    seconds = fault(FaultKind.TOO_MANY_REQUESTS, retry_after_s=7)
    assert (seconds.status, seconds.headers["Retry-After"]) == (429, "7")
    assert json.loads(seconds.body) == {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 7 seconds."}
    date = fault(FaultKind.UNAVAILABLE, retry_after_s=60, retry_after_as="date")
    assert (date.status, date.headers["Retry-After"]) == (503, "Wed, 04 Feb 2026 11:31:00 GMT")
    assert date.body.startswith(b"<!DOCTYPE html>")
    assert "Retry-After" not in fault(FaultKind.TOO_MANY_REQUESTS).headers


@pytest.mark.parametrize(("kind", "status"), [(FaultKind.SERVER_ERROR, 500), (FaultKind.BAD_REQUEST, 400)])
def test_other_errors_are_problem_details(kind: FaultKind, status: int) -> None:
    problem = fault(kind)
    assert (problem.status, json.loads(problem.body)["status"]) == (status, status)


def test_a_url_that_nobody_routes_meets_the_gateways_page() -> None:
    problem = fault(FaultKind.GATEWAY_NOT_FOUND)
    assert (problem.status, problem.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_token_that_is_no_good_is_401_and_one_that_is_not_enough_403() -> None:
    assert refused(Refused(UNUSABLE, "x")).status == 401
    assert refused(Refused("", "x")).status == 401
    assert refused(Refused(INSUFFICIENT_SCOPE, "x")).status == 403


def test_only_error_statuses_are_errors() -> None:
    assert {kind for kind in FaultKind if is_error(kind)} == {
        "400",
        "401",
        "403",
        "404",
        "404-html",
        "429",
        "500",
        "503",
    }
