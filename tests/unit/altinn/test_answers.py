"""What an answer of Altinn means for us: the table of product.md §8."""

import pytest

from bridge.altinn.answers import OrderUnknown, raise_for
from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable, TransientError

JSON = {"content-type": "application/json; charset=utf-8"}
PERSONAL = b'{"title":"kari@example.no","detail":"01017012345"}'


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON ", "application/problem+json"],
)
def test_200_with_json_is_an_answer(content_type: str) -> None:
    raise_for(200, {"content-type": content_type}, b"{}")


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/html"}, {"content-type": ""}])
def test_200_with_something_else_is_none(headers: dict[str, str]) -> None:
    with pytest.raises(SourceUnavailable, match=r"^the API's answer is no JSON$"):
        raise_for(200, headers, b"{}")


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (201, SourceUnavailable, "the API answered 201"),
        (204, SourceUnavailable, "the API answered 204"),
        (302, SourceUnavailable, "the API answered 302"),
        (400, RequestRejected, "the API rejects the request itself (400): check URL and settings"),
        (401, AuthenticationError, "the API does not accept our sign-in (401)"),
        (
            403,
            AuthenticationError,
            "the API refuses our rights (403): the token's scope or its organisation does not allow this",
        ),
        (405, RequestRejected, "the API rejects the request itself (405): check URL and settings"),
        (408, SourceUnavailable, "the API answered 408"),
        (410, RequestRejected, "the API rejects the request itself (410): check URL and settings"),
        (415, RequestRejected, "the API rejects the request itself (415): check URL and settings"),
        (425, SourceUnavailable, "the API answered 425"),
        (499, SourceUnavailable, "the API answered 499"),
        (500, SourceUnavailable, "the API answered 500"),
        (503, SourceUnavailable, "the API answered 503"),
        (599, SourceUnavailable, "the API answered 599"),
    ],
)
def test_any_other_status_says_what_to_do_and_nothing_of_its_body(
    status: int, error: type[TransientError], message: str
) -> None:
    with pytest.raises(error) as raised:
        raise_for(status, JSON, PERSONAL)
    assert type(raised.value) is error
    assert str(raised.value) == message
    assert raised.value.retry_after_s is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", None),
        (b"<html>kari@example.no</html>", None),
        (PERSONAL, None),
        (b'{"code":"NOT-00003","title":"kari@example.no"}', "NOT-00003"),
    ],
)
def test_404_is_an_unknown_order_with_the_code_that_the_api_gives(body: bytes, code: str | None) -> None:
    with pytest.raises(OrderUnknown) as raised:
        raise_for(404, JSON, body)
    assert raised.value.code == code
    assert str(raised.value) == "the API knows no such order"
