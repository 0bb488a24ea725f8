"""The platform access token has a header of its own, and never company."""

from datetime import UTC, datetime

import httpx
import pytest

from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.platform_token import PlatformAccessTokenAuth
from bridge.errors import ConfigurationError
from tests.support.clock import FakeClock
from tests.support.sign_in import RecordingObserver, unsigned_jwt


class Shelf:
    """Where the token lies."""

    def __init__(self, token: str) -> None:
        self.token = token

    def read(self) -> str:
        return self.token


def auth(shelf: Shelf, observer: RecordingObserver | None = None) -> PlatformAccessTokenAuth:
    return PlatformAccessTokenAuth(shelf.read, clock=FakeClock(), observer=observer or RecordingObserver())


def request(**headers: str) -> httpx.Request:
    return httpx.Request("GET", "https://platform.example/orders", headers=headers)


async def test_the_token_is_in_its_own_header_without_the_white_space_of_its_file() -> None:
    sent = await anext(auth(Shelf(" t0ken\n")).async_auth_flow(request()))
    assert sent.headers["PlatformAccessToken"] == "t0ken"


async def test_authorization_is_never_sent_beside_it() -> None:
    sent = await anext(auth(Shelf("t0ken")).async_auth_flow(request(Authorization="Bearer other")))
    assert "Authorization" not in sent.headers


async def test_a_new_token_is_used_at_once() -> None:
    shelf = Shelf("old")
    subject = auth(shelf)
    shelf.token = "new"
    sent = await anext(subject.async_auth_flow(request()))
    assert sent.headers["PlatformAccessToken"] == "new"


async def test_a_401_is_tried_once_more_where_the_token_has_changed_meanwhile() -> None:
    shelf = Shelf("old")
    flow = auth(shelf).async_auth_flow(request())
    await anext(flow)
    shelf.token = "new"
    again = await flow.asend(httpx.Response(401))
    assert again.headers["PlatformAccessToken"] == "new"
    shelf.token = "newer"
    with pytest.raises(SignInError):
        await flow.asend(httpx.Response(401))


async def test_a_401_is_an_error_of_authentication_that_does_not_show_the_token() -> None:
    flow = auth(Shelf("t0ken")).async_auth_flow(request())
    await anext(flow)
    with pytest.raises(SignInError) as caught:
        await flow.asend(httpx.Response(401))
    assert caught.value.diagnosis.problem is Problem.API
    assert str(caught.value) == (
        "https://platform.example refuses the platform access token. It has expired or is another environment's: give a"
        " new one"
    )


async def test_a_token_that_has_ended_is_told_from_one_that_is_refused_for_another_reason() -> None:
    flow = auth(Shelf(unsigned_jwt({"exp": 1776146400}))).async_auth_flow(request())
    await anext(flow)
    with pytest.raises(SignInError) as caught:
        await flow.asend(httpx.Response(401))
    assert str(caught.value) == (
        "https://platform.example refuses the platform access token, which expired at 2026-04-14T06:00:00Z."
        " Give a new one"
    )


async def test_when_a_token_ends_is_told_once_for_each_that_says_so() -> None:
    shelf, observer = Shelf(unsigned_jwt({"exp": 1776146400})), RecordingObserver()
    subject = auth(shelf, observer)
    for token in (shelf.token, "opaque", unsigned_jwt({"exp": 1776150000})):
        shelf.token = token
        await anext(subject.async_auth_flow(request()))
    assert observer.tokens == [
        ("platform-access-token", datetime(2026, 4, 14, 6, 0, tzinfo=UTC)),
        ("platform-access-token", datetime(2026, 4, 14, 7, 0, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("token", "expires_at"),
    [(unsigned_jwt({"exp": 1776146400}), datetime(2026, 4, 14, 6, 0, tzinfo=UTC)), ("opaque", None)],
)
def test_a_token_ends_when_it_says_so_itself(token: str, expires_at: datetime | None) -> None:
    assert auth(Shelf(token)).expires_at == expires_at


async def test_every_other_answer_goes_back_to_the_caller() -> None:
    flow = auth(Shelf("t0ken")).async_auth_flow(request())
    await anext(flow)
    with pytest.raises(StopAsyncIteration):
        await flow.asend(httpx.Response(403))


@pytest.mark.parametrize("text", ["", "two words", "tøken", "t" * 16_385])
def test_what_is_no_token_is_a_mistake_of_configuration(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^the platform access token is no token"):
        auth(Shelf(text))
