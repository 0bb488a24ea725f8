"""What an answer of the API means for us: the table of product.md §8 for one request."""

import json

import pytest

from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable
from bridge.nhn.answers import Problem, ReceiversRefused, TooManyReceivers, problem_of, raise_for

PROBLEM = json.dumps(
    {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "Client is not authorised for HER-id 8142520",
        "instance": "/notifications",
        "errorCode": 1202,
        "requestId": "0HN",
        "timestamp": "2025-08-18T00:33:00",
    }
).encode()
HTML = b"<html>no such page</html>"
JSON = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/problem+json"],
)
def test_200_with_json_is_a_page(content_type: str) -> None:
    raise_for(200, {"content-type": content_type}, b'{"notifications":[]}')


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (200, b'{"notifications":[]}', SourceUnavailable, "the API's answer is no JSON, so it is no page"),
        (204, b"", SourceUnavailable, "the API answered 204"),
        (302, b"", SourceUnavailable, "the API answered 302"),
        (400, PROBLEM, ReceiversRefused, "the API refuses the request (400, error 1202: Forbidden)"),
        (403, PROBLEM, ReceiversRefused, "the API refuses the request (403, error 1202: Forbidden)"),
        (404, PROBLEM, ReceiversRefused, "the API refuses the request (404, error 1202: Forbidden)"),
        (423, PROBLEM, ReceiversRefused, "the API refuses the request (423, error 1202: Forbidden)"),
        (400, HTML, RequestRejected, "the API rejects the request itself (400): check URL and settings"),
        (404, HTML, RequestRejected, "the API rejects the request itself (404): check URL and settings"),
        (404, b"", RequestRejected, "the API rejects the request itself (404): check URL and settings"),
        (401, HTML, AuthenticationError, "the API does not accept our sign-in (401)"),
        (
            401,
            PROBLEM,
            AuthenticationError,
            "the API does not accept our sign-in (401, error 1202: Forbidden)",
        ),
        (405, HTML, RequestRejected, "the API rejects the request itself (405): check URL and settings"),
        (408, HTML, SourceUnavailable, "the API answered 408"),
        (
            415,
            PROBLEM,
            RequestRejected,
            "the API rejects the request itself (415, error 1202: Forbidden): check URL and settings",
        ),
        (414, PROBLEM, TooManyReceivers, "the request is too long (414)"),
        (431, b"", TooManyReceivers, "the request is too long (431)"),
        (500, PROBLEM, SourceUnavailable, "the API answered 500, error 1202: Forbidden"),
        (503, HTML, SourceUnavailable, "the API answered 503"),
    ],
)
def test_every_other_answer_is_an_error_by_what_is_to_be_done(
    status: int, body: bytes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        raise_for(status, {}, body)
    assert type(raised.value) is error
    assert str(raised.value) == message


def test_html_with_status_200_is_no_page() -> None:
    with pytest.raises(SourceUnavailable, match="no JSON"):
        raise_for(200, {"content-type": "text/html"}, HTML)


class TestProblemDetails:
    def test_what_is_fit_to_be_shown_is_kept_and_the_detail_is_not(self) -> None:
        problem = problem_of(403, PROBLEM)
        assert problem == Problem(status=403, error_code=1202, title="Forbidden")
        assert str(problem) == "403, error 1202: Forbidden"

    @pytest.mark.parametrize(
        ("body", "shown"),
        [
            (b'{"title":"Locked"}', "423: Locked"),
            (b'{"errorCode":1210}', "423, error 1210"),
            (b'{"type":"about:blank"}', "423"),
            (b'{"errorCode":"1210"}', "423, error 1210"),
            (b'{"title":"Locked","errorCode":null,"validationErrors":["x"],"new":[1]}', "423: Locked"),
        ],
    )
    def test_every_field_may_be_absent(self, body: bytes, shown: str) -> None:
        assert str(problem_of(423, body)) == shown

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(HTML, id="HTML"),
            pytest.param(b"[]", id="an array"),
            pytest.param(b'"Forbidden"', id="a string"),
            pytest.param(b"{}", id="an object with nothing of it"),
            pytest.param(b'{"error":"Not Found","path":"/notifications"}', id="a gateway's own error"),
            pytest.param(b'{"title":["Forbidden"]}', id="a title that is no text"),
            pytest.param(b'{"title":"\xff"}', id="a title that is not UTF-8"),
            pytest.param(b'{"title":"a","new":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="nesting without end"),
        ],
    )
    def test_a_body_without_them_is_none(self, body: bytes) -> None:
        assert problem_of(403, body) is None

    @pytest.mark.parametrize(
        ("title", "shown"),
        [
            pytest.param("Not authorised for 31129912345", "Not authorised for ###########", id="digits"),
            pytest.param("id ٣١٢", "id ###", id="digits of another script"),
            pytest.param("a\r\nlevel=error\x1b[31m\u202eb", "alevel=error[##mb", id="what is not printable"),
            pytest.param("x" * 500, "x" * 80, id="too long"),
        ],
    )
    def test_the_title_is_made_fit_for_a_log_line(self, title: str, shown: str) -> None:
        problem = problem_of(400, json.dumps({"title": title}).encode())
        assert problem is not None
        assert problem.title == shown
