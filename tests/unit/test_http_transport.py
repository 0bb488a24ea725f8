"""The transport below httpx's client, over real connections: what it sends, what it keeps, and what it raises."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bridge import http_transport
from bridge.http_transport import AiohttpTransport, make_client
from tests.support.certificates import Authority

HER_IDS = range(8_000_000, 8_001_500)
QUERY = "&".join(f"HerIds={her_id}" for her_id in HER_IDS) + "&Offset=17&From=%C3%A5%2F+%7E"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def sends(data: bytes, *, close: bool = False) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if close:
            writer.close()

    return answer


async def stays_silent(writer: asyncio.StreamWriter) -> None:
    """Nothing comes, and the connection stays."""


async def resets(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


class Host:
    """Answers the requests of all connections in turn; the last answer is given for ever."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.heads: list[bytes] = []
        self.connections: list[asyncio.StreamWriter] = []
        self.ended = 0
        """Connections that are over."""
        self.changed = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                self.changed.set()
                await (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended += 1
            self.changed.set()
        finally:
            writer.close()

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self.changed.clear()
            await self.changed.wait()


@asynccontextmanager
async def host(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Host]:
    made = Host(*answers)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        made.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
        for connection in made.connections:
            connection.close()
        await made.until(lambda: made.ended == len(made.connections))


def client(*, timeout_s: float = 5.0) -> httpx.AsyncClient:
    """As make_client gives it where the environment names no proxy, which a test machine's may."""
    return httpx.AsyncClient(transport=AiohttpTransport(httpx.create_ssl_context()), timeout=timeout_s)


@pytest.fixture
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not given back is missed at once."""
    monkeypatch.setattr(http_transport, "CONNECTIONS", 1)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class TestWhatItSends:
    async def test_a_request_is_on_the_wire_byte_for_byte_what_httpx_s_own_transport_writes(self) -> None:
        """But for the order of the headers."""
        headers = {
            "Authorization": "DPoP secret",
            "DPoP": "proof",
            "Accept-Encoding": "gzip",
            "nhn-source-system": "X, v1",
        }
        async with host(sends(OK)) as there:
            for transport in (AiohttpTransport(httpx.create_ssl_context()), httpx.AsyncHTTPTransport()):
                async with httpx.AsyncClient(transport=transport) as asking:
                    await asking.get(f"{there.url}/a%20path/notifications?{QUERY}", headers=headers)
                    await asking.get(f"{there.url}/orders", headers=headers)
                    await asking.get(f"{there.url}/orders", extensions={"target": f"/other?{QUERY}".encode()})
        ours, httpx_s = there.heads[:3], there.heads[3:]
        for one, other in zip(ours, httpx_s, strict=True):
            assert one.split(b"\r\n")[0] == other.split(b"\r\n")[0]
            assert sorted(one.split(b"\r\n")) == sorted(other.split(b"\r\n"))

    async def test_a_body_is_sent_whole(self) -> None:
        async with host(sends(OK)) as there, client() as asking:
            await asking.post(there.url, data={"grant_type": "client_credentials"})
            assert b"\r\nContent-Length: 29\r\n" in there.heads[0]

    async def test_cookies_are_not_kept_and_redirects_not_followed(self) -> None:
        moved = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        async with host(sends(moved)) as there, client() as asking:
            asking.cookies.clear()
            assert (await asking.get(there.url)).status_code == 302
            asking.cookies.clear()
            await asking.get(there.url)
            assert len(there.heads) == 2
            assert b"cookie" not in there.heads[1].lower()


class TestConnections:
    @pytest.mark.usefixtures("one_connection")
    async def test_one_is_kept_for_the_next_request(self) -> None:
        async with host(sends(OK)) as there, client() as asking:
            for _ in range(3):
                assert (await asking.get(there.url)).content == b"{}"
            assert len(there.connections) == 1

    @pytest.mark.usefixtures("one_connection")
    async def test_one_whose_answer_was_not_read_to_its_end_is_closed(self) -> None:
        endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000
        async with host(sends(endless), sends(OK)) as there, client() as asking:
            async with asking.stream("GET", there.url) as response:
                assert [len(piece) async for piece in first_of(response)] == [1000]
            assert (await asking.get(there.url)).content == b"{}"
            await there.until(lambda: there.ended == 1)

    @pytest.mark.usefixtures("one_connection")
    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(stays_silent, id="before the answer"),
            pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Le"), id="within its head"),
            pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), id="within its body"),
        ],
    )
    async def test_one_whose_request_is_cancelled_is_closed(self, answer: Answer) -> None:
        async with host(answer, sends(OK)) as there, client() as asking:
            request = asyncio.create_task(asking.get(there.url))
            await there.until(lambda: bool(there.heads))
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            await there.until(lambda: there.ended == 1)
            assert (await asking.get(there.url)).content == b"{}"

    @pytest.mark.usefixtures("one_connection")
    async def test_one_that_was_closed_meanwhile_is_not_used(self) -> None:
        async with host(sends(OK, close=True)) as there, client() as asking:
            for _ in range(3):
                assert (await asking.get(there.url)).content == b"{}"
                await there.until(lambda: there.ended == len(there.connections))
                for _ in range(3):
                    await asyncio.sleep(0)  # its end is on the loopback, and is read in the loop's next turn

    async def test_what_was_sent_once_is_not_sent_again(self) -> None:
        """A proof of possession (DPoP) is good for one request."""
        async with host(sends(OK), resets) as there, client() as asking:
            await asking.get(there.url)
            with pytest.raises(httpx.TransportError):
                await asking.get(there.url)
            assert len(there.heads) == 2


async def first_of(response: httpx.Response) -> AsyncIterator[bytes]:
    async for piece in response.aiter_raw():
        yield piece
        return


class TestErrors:
    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            pytest.param(stays_silent, httpx.ReadTimeout, id="no answer"),
            pytest.param(
                sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), httpx.ReadTimeout, id="no more of it"
            ),
            pytest.param(resets, httpx.TransportError, id="reset"),
            pytest.param(sends(b"", close=True), httpx.RemoteProtocolError, id="closed"),
            pytest.param(sends(b"HTTP/1.1 2", close=True), httpx.RemoteProtocolError, id="cut off in the head"),
            pytest.param(sends(OK[:-1], close=True), httpx.RemoteProtocolError, id="cut off in the body"),
            pytest.param(sends(b"220 smtp.test ESMTP\r\n"), httpx.RemoteProtocolError, id="no HTTP"),
            pytest.param(sends(OK[:17] + b"A: " + b"x" * 100_000), httpx.RemoteProtocolError, id="header too long"),
            pytest.param(
                sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
                httpx.RemoteProtocolError,
                id="broken chunks",
            ),
        ],
    )
    async def test_of_an_answer(self, answer: Answer, kind: type[httpx.TransportError]) -> None:
        async with host(answer) as there, client(timeout_s=0.2) as asking:
            await assert_raises(kind, asking, f"{there.url}/?{QUERY}")

    async def test_nobody_listens(self) -> None:
        async with client() as asking:
            error = await assert_raises(httpx.ConnectError, asking, f"http://127.0.0.1:1/?{QUERY}")
            assert type(error.__cause__) is ConnectionRefusedError

    async def test_a_host_that_is_not_known(self) -> None:
        async with client() as asking:
            await assert_raises(httpx.ConnectError, asking, f"http://nobody.invalid/?{QUERY}")

    async def test_a_url_of_another_protocol(self) -> None:
        async with client() as asking:
            await assert_raises(httpx.UnsupportedProtocol, asking, f"amqp://127.0.0.1/?{QUERY}")

    async def test_a_connection_that_is_not_made_in_time(self) -> None:
        """Of TLS, which the host does not speak."""
        async with host(stays_silent) as there, client(timeout_s=0.2) as asking:
            await assert_raises(httpx.ConnectTimeout, asking, f"{there.url.replace('http', 'https')}/?{QUERY}")

    @pytest.mark.usefixtures("one_connection")
    async def test_no_connection_is_free_in_time(self) -> None:
        async with host(stays_silent) as there, client(timeout_s=5.0) as asking:
            busy = asyncio.create_task(asking.get(there.url))
            await there.until(lambda: bool(there.heads))
            asking.timeout = httpx.Timeout(5.0, pool=0.05)
            await assert_raises(httpx.ConnectTimeout, asking, f"{there.url}/?{QUERY}")
            busy.cancel()


async def assert_raises(kind: type[httpx.TransportError], asking: httpx.AsyncClient, url: str) -> httpx.TransportError:
    """And that nothing of what is shown of the error names a receiver."""
    with pytest.raises(kind) as raised:
        await asking.get(url)
    for shown in chain(raised.value):
        assert str(HER_IDS[0]) not in f"{shown} {shown!r}"
    return raised.value


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """What a traceback shows."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    def served(self, authority: Authority, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue(name))
        return context

    async def test_an_authority_that_is_not_trusted(self, authority: Authority) -> None:
        async with host(sends(OK), tls=self.served(authority, "127.0.0.1")) as there, client() as asking:
            error = await assert_raises(httpx.ConnectError, asking, f"{there.url}/?{QUERY}")
            assert "CERTIFICATE_VERIFY_FAILED" in str(error)
            assert there.heads == []

    async def test_one_that_the_environment_trusts(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
        async with host(sends(OK), tls=self.served(authority, "127.0.0.1")) as there, client() as asking:
            assert (await asking.get(there.url)).content == b"{}"

    async def test_a_certificate_of_another_host(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
        async with host(sends(OK), tls=self.served(authority, "127.0.0.2")) as there, client() as asking:
            await assert_raises(httpx.ConnectError, asking, f"{there.url}/?{QUERY}")
            assert there.heads == []

    async def test_asked_by_tls_1_2_at_least_whatever_openssl_is_configured_to(self) -> None:
        async with make_client(timeout_s=5.0) as asking:
            assert isinstance(asking._transport, AiohttpTransport)
            assert asking._transport._tls.minimum_version is ssl.TLSVersion.TLSv1_2


class TestProxies:
    async def test_where_the_environment_names_one_requests_go_through_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with host(sends(OK)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            async with make_client(timeout_s=5.0) as asking:
                assert (await asking.get("http://api.invalid/notifications")).content == b"{}"
            assert proxy.heads[0].startswith(b"GET http://api.invalid/notifications HTTP/1.1\r\n")

    async def test_elsewhere_they_go_by_aiohttp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "localhost")
        async with make_client(timeout_s=5.0) as asking:
            assert isinstance(asking._transport, AiohttpTransport)
