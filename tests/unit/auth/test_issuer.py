"""Requests to an issuer end, in time and within bounds, whatever it does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.issuer import MAX_BODY_BYTES, IssuerClient, origin, unique_id
from tests.support.clock import FakeClock
from tests.support.sign_in import RecordingObserver, dated, raising

Answerer = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def issuer(
    answer: Answerer, *, clock: FakeClock | None = None, observer: RecordingObserver | None = None
) -> AsyncIterator[IssuerClient]:
    async with IssuerClient(
        clock=clock or FakeClock(),
        observer=observer or RecordingObserver(),
        timeout_s=0.05,
        transport=httpx.MockTransport(answer),
    ) as client:
        yield client


async def problem_of(answer: Answerer) -> tuple[Problem, str]:
    async with issuer(answer) as client:
        with pytest.raises(SignInError) as caught:
            await client.post("https://issuer.example:8443/token", {"DPoP": "pr00f"}, {"client_assertion": "assert1on"})
    return caught.value.diagnosis.problem, caught.value.diagnosis.sentence


async def test_a_form_is_posted_and_any_complete_answer_comes_back() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(400, content=b"no", headers={"Retry-After": "7", "DPoP-Nonce": "n"})

    async with issuer(answer) as client:
        got = await client.post("https://issuer.example/token", {"DPoP": "p"}, {"a": "b c", "d": "ø"})
    assert (got.status, got.body, got.retry_after_s, got.headers["dpop-nonce"]) == (400, b"no", 7, "n")
    assert seen[0].content == b"a=b+c&d=%C3%B8"
    assert seen[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert (seen[0].headers["DPoP"], seen[0].headers["accept-encoding"]) == ("p", "identity")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            httpx.ConnectError("refused"),
            "cannot be reached: check its address, the network and the proxy settings",
        ),
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
            "shows a TLS certificate that is not trusted here (a private authority's is named by SSL_CERT_FILE)",
        ),
        (httpx.ReadTimeout("late"), "gave no answer in time"),
        (httpx.PoolTimeout("late"), "gave no answer in time"),
        (httpx.RemoteProtocolError("what"), "gave an answer that was cut off or is no HTTP"),
        (httpx.ReadError("reset"), "lost the connection (ReadError)"),
        (httpx.ProxyError("no"), "lost the connection (ProxyError)"),
    ],
)
async def test_an_issuer_that_does_not_answer_is_unavailable(error: Exception, sentence: str) -> None:
    assert await problem_of(raising(error)) == (
        Problem.UNAVAILABLE,
        f"https://issuer.example:8443 {sentence}; it is asked again",
    )


class Stuck(httpx.AsyncByteStream):
    """A body that begins and never ends."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()


async def test_an_answer_that_never_ends_is_given_up() -> None:
    assert await problem_of(lambda _: httpx.Response(200, stream=Stuck())) == (
        Problem.UNAVAILABLE,
        "https://issuer.example:8443 gave no complete answer within 0.05 s; it is asked again",
    )


async def test_a_huge_answer_is_refused_before_it_is_read() -> None:
    read = 0

    class Huge(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            for _ in range(1000):
                read += 65_536
                yield b"x" * 65_536

    assert await problem_of(lambda _: httpx.Response(200, stream=Huge())) == (
        Problem.UNUSABLE,
        "https://issuer.example:8443 answers with more than 262144 bytes. Check that it is the right issuer",
    )
    assert read <= MAX_BODY_BYTES + 65_536


async def test_a_compressed_answer_which_could_grow_without_bound_is_refused() -> None:
    problem, sentence = await problem_of(
        lambda _: httpx.Response(200, stream=Stuck(), headers={"Content-Encoding": "gzip"})
    )
    assert problem is Problem.UNUSABLE
    assert "a compressed body that was not asked for" in sentence


async def test_a_redirect_is_not_followed() -> None:
    async with issuer(lambda _: httpx.Response(302, headers={"Location": "https://evil.example/"})) as client:
        assert (await client.get("https://issuer.example/", {})).status == 302


async def test_a_clock_that_is_off_is_told_once_and_again_when_it_moves_on() -> None:
    clock, observer = FakeClock(), RecordingObserver()
    ahead_s = [60, 61, 90, 0, 4]

    def answer(_: httpx.Request) -> httpx.Response:
        return dated(httpx.Response(200), clock.now() - timedelta(seconds=ahead_s.pop(0)))

    async with issuer(answer, clock=clock, observer=observer) as client:
        found = [(await client.get("https://issuer.example/x", {})).clock_ahead_s for _ in range(5)]
    assert found == [59.5, 60.5, 89.5, 0.0, 3.5]
    assert [trouble.sentence for trouble in observer.troubles] == [
        "This machine's clock is 60 s ahead of that of https://issuer.example. Set it by NTP before sign-in fails",
        "This machine's clock is 90 s ahead of that of https://issuer.example. Set it by NTP before sign-in fails",
    ]
    assert observer.problems == [Problem.CLOCK, Problem.CLOCK]


async def test_a_stored_answer_says_nothing_of_the_clock() -> None:
    clock = FakeClock()

    def answer(_: httpx.Request) -> httpx.Response:
        return dated(httpx.Response(200, headers={"Age": "3600"}), clock.now() - timedelta(hours=1))

    async with issuer(answer, clock=clock) as client:
        assert (await client.get("https://issuer.example/x", {})).clock_ahead_s is None


def test_an_origin_has_neither_path_nor_query_nor_user() -> None:
    assert origin("https://user:secret@issuer.example:8443/token?x=1#f") == "https://issuer.example:8443"


def test_no_two_ids_are_the_same() -> None:
    assert len({unique_id() for _ in range(1000)}) == 1000
