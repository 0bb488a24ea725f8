"""What an issuer answers is checked before it is used."""

import json
from datetime import UTC, datetime

import pytest

from bridge.auth.answers import (
    Answer,
    is_url,
    jwt_expires_at,
    jwt_life_s,
    read_altinn_token,
    read_metadata,
    read_token,
    refusal_of,
)
from bridge.auth.diagnosis import Presented, Problem, Refusal, SignInError
from tests.support.sign_in import unsigned_jwt

PRESENTED = Presented(issuer="https://issuer.example", client_id="client-1", key="kid key-1, PS256", scope="a b")
NOW = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)
NOW_S = 1776146400


def answer(body: object, *, status: int = 200, retry_after_s: float | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={}, body=raw, retry_after_s=retry_after_s)


def granted(**fields: object) -> dict[str, object]:
    return {"access_token": "t0ken", "token_type": "DPoP", "expires_in": 600, "scope": "b a", **fields}


def problem_of(body: object, *, status: int = 200) -> Problem:
    with pytest.raises(SignInError) as caught:
        read_token(answer(body, status=status), PRESENTED, wanted_type="DPoP")
    assert "t0ken" not in str(caught.value)
    return caught.value.diagnosis.problem


@pytest.mark.parametrize(
    "fields",
    [{}, {"token_type": "dpop"}, {"expires_in": "600"}, {"scope": "a b c"}, {"scope": None}, {"rejected_scope": ""}],
)
def test_a_good_answer_gives_the_token_and_its_life(fields: dict[str, object]) -> None:
    token = read_token(answer(granted(**fields)), PRESENTED, wanted_type="DPoP")
    assert (token.access_token, token.expires_in_s) == ("t0ken", 600)
    assert "t0ken" not in repr(token)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (granted(token_type="Bearer"), Problem.DPOP),
        (granted(scope="a"), Problem.SCOPE),
        (granted(rejected_scope="a"), Problem.ORGANISATION),
        (granted(expires_in=0), Problem.UNUSABLE),
        (granted(expires_in=-1), Problem.UNUSABLE),
        (granted(expires_in=None), Problem.UNUSABLE),
        (granted(access_token=""), Problem.UNUSABLE),
        (granted(access_token="t0ken\r\nX-Evil: 1"), Problem.UNUSABLE),
        (granted(access_token="tøken"), Problem.UNUSABLE),
        (granted(access_token="t" * 16_385), Problem.UNUSABLE),
        (b"<html>t0ken</html>", Problem.UNUSABLE),
        (b"\xff\xfe", Problem.UNUSABLE),
        (b"[" * 5000, Problem.UNUSABLE),
        (b"", Problem.UNUSABLE),
    ],
)
def test_each_unusable_answer_has_its_problem(body: object, problem: Problem) -> None:
    assert problem_of(body) is problem


def test_an_answer_of_another_status_is_diagnosed_and_keeps_its_retry_after() -> None:
    with pytest.raises(SignInError) as caught:
        read_token(answer(b"busy", status=503, retry_after_s=7), PRESENTED, wanted_type="DPoP")
    assert caught.value.diagnosis.problem is Problem.UNAVAILABLE
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (
            {"error": "invalid_client", "error_description": "no"},
            Refusal(status=400, error="invalid_client", description="no"),
        ),
        ({"error": "invalid_client"}, Refusal(status=400, error="invalid_client")),
        ({"error": 7}, Refusal(status=400)),
        ([], Refusal(status=400)),
        (b"<html>", Refusal(status=400)),
    ],
)
def test_a_refusal_is_read_as_far_as_it_is_one(body: object, refusal: Refusal) -> None:
    assert refusal_of(answer(body, status=400)) == refusal


METADATA = {"issuer": "https://issuer.example", "token_endpoint": "https://issuer.example/token"}


def metadata(body: object, *, status: int = 200, issuer: str = "https://issuer.example") -> str:
    return read_metadata(answer(body, status=status), issuer=issuer, url=f"{issuer}/.well-known/x")


def test_the_token_endpoint_is_in_the_document() -> None:
    assert metadata(METADATA) == "https://issuer.example/token"


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (
            {**METADATA, "issuer": "https://issuer.example/"},
            200,
            (
                "The issuer is set to https://issuer.example, and calls itself https://issuer.example/. Set it to"
                " exactly that, with or without a slash at the end"
            ),
        ),
        (
            {**METADATA, "issuer": "javascript:alert(1)"},
            200,
            (
                "The issuer is set to https://issuer.example, and calls itself something that is no URL. Set it to"
                " exactly that, with or without a slash at the end"
            ),
        ),
        (
            METADATA,
            404,
            (
                "https://issuer.example/.well-known/x answers 404 instead of a discovery document. Check the issuer,"
                " https://issuer.example"
            ),
        ),
    ],
)
def test_a_wrong_issuer_is_named(body: object, status: int, sentence: str) -> None:
    with pytest.raises(SignInError) as caught:
        metadata(body, status=status)
    assert caught.value.diagnosis.problem is Problem.ISSUER
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (METADATA, 503, Problem.UNAVAILABLE),
        (b"<html>", 200, Problem.UNUSABLE),
        ({"issuer": "https://issuer.example"}, 200, Problem.UNUSABLE),
        ({**METADATA, "token_endpoint": "http://issuer.example/token"}, 200, Problem.UNUSABLE),
        ({**METADATA, "token_endpoint": "file:///token"}, 200, Problem.UNUSABLE),
        ({**METADATA, "token_endpoint": "https://issuer.example:99999/token"}, 200, Problem.UNUSABLE),
    ],
)
def test_a_document_that_cannot_be_trusted_is_not_used(body: object, status: int, problem: Problem) -> None:
    with pytest.raises(SignInError) as caught:
        metadata(body, status=status)
    assert caught.value.diagnosis.problem is problem


def test_an_issuer_without_tls_may_have_a_token_endpoint_without() -> None:
    document = {"issuer": "http://sandbox", "token_endpoint": "http://sandbox/token"}
    assert metadata(document, issuer="http://sandbox") == "http://sandbox/token"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://a.example", True),
        ("http://127.0.0.1:8080/x?y", True),
        ("a.example", False),
        ("https://", False),
        ("https://a.example/\n", False),
        ("https://a b", False),
        ("https://a.example:0", False),
        ("https://[::1", False),
        ("https://ø.example", False),
    ],
)
def test_what_counts_as_a_url(text: str, is_one: bool) -> None:
    assert is_url(text) is is_one


@pytest.mark.parametrize("form", ["{}", '"{}"', ' "{}"\n', "{}\n"])
def test_an_altinn_token_is_taken_with_or_without_quotes(form: str) -> None:
    token = unsigned_jwt({"exp": NOW_S + 1800, "iat": NOW_S})
    read = read_altinn_token(answer(form.format(token).encode()), platform="https://platform.example", now=NOW)
    assert (read.access_token, read.expires_in_s) == (token, 1800)


@pytest.mark.parametrize(
    ("claims", "life_s"),
    [
        ({"exp": NOW_S + 1800, "iat": NOW_S}, 1800),
        ({"exp": NOW_S + 1800}, 1800),
        # issued by a clock that is ahead of ours, or long ago
        ({"exp": NOW_S + 1860, "iat": NOW_S + 60}, 1800),
        ({"exp": NOW_S + 600, "iat": NOW_S - 1200}, 600),
        ({"exp": NOW_S - 1, "iat": NOW_S - 1801}, -1),
        ({"iat": NOW_S}, None),
        ({"exp": "soon"}, None),
    ],
)
def test_the_life_of_a_jwt_is_read_from_itself(claims: dict[str, object], life_s: float | None) -> None:
    assert jwt_life_s(unsigned_jwt(claims), NOW) == life_s


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "ø.b.c", "e30.e30.e30", "." * 3, "a" * 200_000])
def test_what_is_no_jwt_has_no_life(token: str) -> None:
    assert jwt_life_s(token, NOW) is None


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"", 401, Problem.API),
        (b"", 410, Problem.API),
        (b"", 502, Problem.UNAVAILABLE),
        (b"", 429, Problem.UNAVAILABLE),
        (b"<html>", 200, Problem.UNUSABLE),
        (b"\xc3\xb8", 200, Problem.UNUSABLE),
        (unsigned_jwt({"exp": NOW_S - 1}).encode(), 200, Problem.CLOCK),
    ],
)
def test_an_exchange_that_gives_no_token_has_its_problem(body: bytes, status: int, problem: Problem) -> None:
    with pytest.raises(SignInError) as caught:
        read_altinn_token(answer(body, status=status), platform="https://platform.example", now=NOW)
    assert caught.value.diagnosis.problem is problem


def test_an_answer_prints_neither_its_body_nor_its_headers() -> None:
    shown = repr(Answer(status=200, headers={"dpop-nonce": "n0nce"}, body=b"t0ken"))
    assert "t0ken" not in shown
    assert "n0nce" not in shown


@pytest.mark.parametrize(
    ("claims", "expires_at"),
    [({"exp": NOW_S}, NOW), ({"exp": 1e300}, None), ({"iat": NOW_S}, None)],
)
def test_when_a_jwt_ends_is_read_from_itself(claims: dict[str, object], expires_at: datetime | None) -> None:
    assert jwt_expires_at(unsigned_jwt(claims)) == expires_at
