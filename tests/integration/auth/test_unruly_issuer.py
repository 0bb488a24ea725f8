"""An issuer on a real socket that is down, slow, or somebody else: polling goes on as long as the token lives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bridge.auth.diagnosis import Problem, SignInError
from bridge.auth.helseid import HelseId, HelseIdConfig
from bridge.auth.keys import KeyConfig
from bridge.clock import SystemClock
from tests.support.sign_in import RecordingObserver, ec_jwk

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
TIMEOUT_S = 5
SOON_S = 0.3
"""For issuers whose answer never ends; from the others one is awaited, on a busy machine too."""


def saying(status: str, body: bytes, content_type: str = "application/json", *headers: str) -> Behaviour:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers, "", ""]

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return behave


async def silent(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def dripping(writer: asyncio.StreamWriter) -> None:
    """Answers, byte by byte, so that no read ever times out."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(SOON_S / 10)


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


async def cut(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"access_token"')
    await writer.drain()


async def gibberish(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await writer.drain()


class UnrulyIssuer:
    """Answers discovery well, and token requests as it is told."""

    def __init__(self) -> None:
        self.url = ""
        self.behave: Behaviour = silent

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /.well-known/"):
                document = f'{{"issuer": "{self.url}", "token_endpoint": "{self.url}/token"}}'
                await saying("200 OK", document.encode(), "application/json", "Connection: close")(writer)
            else:
                await self.behave(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def unruly() -> AsyncIterator[UnrulyIssuer]:
    issuer = UnrulyIssuer()
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(issuer.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield issuer
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def helseid(url: str, timeout_s: float = TIMEOUT_S) -> HelseId:
    config = HelseIdConfig(client_id="client-1", key=KeyConfig(read=ec_jwk), issuer=url, timeout_s=timeout_s)
    return HelseId(config, clock=SystemClock(), observer=RecordingObserver())


@pytest.mark.parametrize(
    ("behave", "problem", "words"),
    [
        (saying("500 Oops", b"{}"), Problem.UNAVAILABLE, "is not available now (it answered 500)"),
        (saying("503 Busy", b"<html>", "text/html"), Problem.UNAVAILABLE, "is not available now (it answered 503)"),
        (saying("200 OK", b"<html>Log in</html>", "text/html"), Problem.UNUSABLE, "a 200 that is no token answer"),
        (saying("403 No", b"<html>Proxy</html>", "text/html"), Problem.UNUSABLE, "answered 403 without an OAuth error"),
        (saying("302 Found", b"", "text/html", "Location: /login"), Problem.UNUSABLE, "answered 302"),
        (silent, Problem.UNAVAILABLE, "gave no"),
        (dripping, Problem.UNAVAILABLE, "gave no complete answer within 0.3 s"),
        (endless, Problem.UNUSABLE, "more than 262144 bytes"),
        (cut, Problem.UNAVAILABLE, "cut off or is no HTTP"),
        (gibberish, Problem.UNAVAILABLE, "cut off or is no HTTP"),
    ],
)
async def test_each_misbehaviour_ends_in_time_with_its_sentence(
    behave: Behaviour, problem: Problem, words: str
) -> None:
    never_ends = behave in (silent, dripping)
    async with unruly() as issuer, helseid(issuer.url, SOON_S if never_ends else TIMEOUT_S) as subject:
        issuer.behave = behave
        async with asyncio.timeout(10):
            with pytest.raises(SignInError) as caught:
                await subject.auth().sign_in()
    assert caught.value.diagnosis.problem is problem
    assert words in caught.value.diagnosis.sentence


async def test_an_issuer_that_is_not_there_is_unavailable() -> None:
    async with unruly() as issuer:
        url = issuer.url
    async with helseid(url) as subject:
        with pytest.raises(SignInError, match="cannot be reached"):
            await subject.auth().sign_in()


async def test_a_pause_that_the_issuer_asks_for_is_kept() -> None:
    async with unruly() as issuer, helseid(issuer.url) as subject:
        issuer.behave = saying("429 Slow down", b"", "text/plain", "Retry-After: 40")
        with pytest.raises(SignInError, match="it answered 429"):
            await subject.auth().sign_in()
        issuer.behave = saying("500 Must not be asked", b"")
        with pytest.raises(SignInError, match="it answered 429") as caught:
            await subject.auth().sign_in()
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s >= 39


async def test_an_issuer_that_goes_down_stops_nobody_while_the_token_lives() -> None:
    token = b'{"access_token": "t0ken", "token_type": "DPoP", "expires_in": 600}'
    async with unruly() as issuer, helseid(issuer.url) as subject:
        issuer.behave = saying("200 OK", token)
        expires_at = await subject.auth().sign_in()
        issuer.behave = silent
        assert await subject.auth().sign_in() == expires_at
