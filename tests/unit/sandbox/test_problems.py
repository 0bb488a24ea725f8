"""Errors in NHN's words."""

import json
from datetime import UTC, datetime

import pytest

from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.problems import invalid_request, is_error, of_fault

NOW = datetime(2026, 4, 14, 6, 17, 0, 1, tzinfo=UTC)


def test_an_invalid_request_is_told_as_problem_details_with_all_its_fields() -> None:
    problem = invalid_request(["The Offset field is required."], request_id="r1", now=NOW)
    assert problem.status == 400
    assert problem.headers["Content-Type"] == "application/problem+json; charset=utf-8"
    assert json.loads(problem.body) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The request is invalid.",
        "instance": "/notifications",
        "errorCode": 1001,
        "requestId": "r1",
        "validationErrors": ["The Offset field is required."],
        "stackTrace": None,
        "timestamp": "2026-04-14T06:17:00",
    }


@pytest.mark.parametrize(
    ("kind", "status", "error_code"),
    [
        (FaultKind.BAD_REQUEST, 400, 1001),
        (FaultKind.UNAUTHORIZED, 401, 0),
        (FaultKind.FORBIDDEN, 403, 1202),
        (FaultKind.NOT_FOUND, 404, 1010),
        (FaultKind.LOCKED, 423, 1210),
        (FaultKind.TOO_MANY_REQUESTS, 429, 0),
        (FaultKind.SERVER_ERROR, 500, 0),
    ],
)
def test_the_apis_own_errors_carry_their_code(kind: FaultKind, status: int, error_code: int) -> None:
    problem = of_fault(FaultRule(kind=kind), request_id="r1", now=NOW)
    body = json.loads(problem.body)
    assert (problem.status, body["status"], body["errorCode"]) == (status, status, error_code)
    assert ("validationErrors" in body) == (status == 400)
    assert problem.headers["Content-Type"] == "application/problem+json; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.GATEWAY_NOT_FOUND, 404),
        (FaultKind.URI_TOO_LONG, 414),
        (FaultKind.HEADERS_TOO_LARGE, 431),
        (FaultKind.UNAVAILABLE, 503),
    ],
)
def test_a_gateways_errors_are_html(kind: FaultKind, status: int) -> None:
    problem = of_fault(FaultRule(kind=kind, her_id=6789), request_id="r1", now=NOW)
    assert problem.status == status
    assert problem.headers["Content-Type"] == "text/html; charset=utf-8"
    assert problem.body.startswith(b"<!DOCTYPE html>")
    assert b"6789" not in problem.body


def test_the_detail_names_the_her_id_that_the_fault_is_for() -> None:
    one = of_fault(FaultRule(kind=FaultKind.FORBIDDEN, her_id=6789), request_id="r1", now=NOW)
    every = of_fault(FaultRule(kind=FaultKind.FORBIDDEN), request_id="r1", now=NOW)
    assert json.loads(one.body)["detail"] == "The client is not authorised for HER-id 6789."
    assert json.loads(every.body)["detail"] == "The client is not authorised for one of the HER-ids."


def test_retry_after_is_given_only_where_wanted_in_seconds_or_as_a_date_rounded_up() -> None:
    def header(**options: int | str) -> str | None:
        rule = FaultRule(kind=FaultKind.UNAVAILABLE, **options)  # type: ignore[arg-type]  # the options vary
        return of_fault(rule, request_id="r1", now=NOW).headers.get("Retry-After")

    assert header() is None
    assert header(retry_after_s=120) == "120"
    assert header(retry_after_s=120, retry_after_as="date") == "Tue, 14 Apr 2026 06:19:01 GMT"


def test_only_error_statuses_are_errors() -> None:
    errors = {kind for kind in FaultKind if is_error(kind)}
    assert errors == {"400", "401", "403", "404", "404-html", "414", "423", "429", "431", "500", "503"}
