"""One careful GET: what it waits for, what it bounds, and what its errors say."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest

from bridge.errors import SourceUnavailable
from bridge.http import Answer, BodyTooLarge, HostGate, HttpReader, retry_after_s
from tests.support.clock import FakeClock

NOW = datetime(2026, 4, 14, 6, 0, tzinfo=UTC)
SECRET = "https://api.test/notifications?HerIds=8142520"
Handler = Callable[[httpx.Request], httpx.Response]


class Reading:
    """A reader on a made-up host, and its clock."""

    def __init__(self, handler: Handler, *, max_body_bytes: int = 100) -> None:
        self.clock = FakeClock()
        self.gate = HostGate(self.clock)
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
        self.reader = HttpReader(
            self.client, gate=self.gate, clock=self.clock, timeout_s=30.0, max_body_bytes=max_body_bytes
        )

    async def get(self, observe: Callable[[bytes], bool] | None = None) -> Answer:
        return await self.reader.get(
            "https://api.test/notifications", query="HerIds=8142520", headers={"api-version": "3"}, observe=observe
        )

    async def failure(self, observe: Callable[[bytes], bool] | None = None) -> SourceUnavailable:
        with pytest.raises(SourceUnavailable) as raised:
            await self.get(observe)
        return raised.value


def answers(*responses: httpx.Response) -> Handler:
    """Each in turn, and the last from then on."""
    left: Iterator[httpx.Response] = iter(responses)
    last = responses[-1]
    return lambda _request: next(left, last)


def ok(body: bytes = b"{}") -> httpx.Response:
    return httpx.Response(200, content=body)


def paused(status: int, retry_after: str) -> httpx.Response:
    return httpx.Response(status, headers={"Retry-After": retry_after})


class TestTheGate:
    async def test_is_open_at_first(self) -> None:
        clock = FakeClock()
        await HostGate(clock).wait()
        assert clock.slept == []

    async def test_holds_for_as_long_as_it_was_told_and_no_longer(self) -> None:
        clock = FakeClock()
        gate = HostGate(clock)
        gate.hold(12.5)
        await gate.wait()
        assert clock.monotonic() == 12.5
        await gate.wait()
        assert clock.slept == [12.5]

    async def test_a_shorter_hold_does_not_shorten_a_longer_one(self) -> None:
        clock = FakeClock()
        gate = HostGate(clock)
        gate.hold(60.0)
        gate.hold(5.0)
        await gate.wait()
        assert clock.monotonic() == 60.0

    async def test_whoever_waits_already_waits_for_a_later_hold_too(self) -> None:
        clock = FakeClock(auto=False)
        gate = HostGate(clock)
        gate.hold(10.0)
        waiting = asyncio.create_task(gate.wait())
        await asyncio.sleep(0)
        gate.hold(30.0)
        clock.advance(10.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(20.0)
        await waiting


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("0", 0.0, id="no seconds"),
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 120 ", 120.0, id="seconds among blanks"),
        pytest.param("3600", 3600.0, id="an hour"),
        pytest.param("3601", 3600.0, id="over an hour"),
        pytest.param("9" * 400, 3600.0, id="seconds without end"),
        pytest.param("Tue, 14 Apr 2026 06:00:30 GMT", 30.0, id="a date"),
        pytest.param("Tuesday, 14-Apr-26 06:00:30 GMT", 30.0, id="a date in the form of RFC 850"),
        pytest.param("Tue Apr 14 06:00:30 2026", 30.0, id="a date in the form of asctime, which is UTC"),
        pytest.param("Tue, 14 Apr 2026 08:00:30 +0200", 30.0, id="a date in another time zone"),
        pytest.param("Tue, 14 Apr 2026 05:59:30 GMT", 0.0, id="a date that is past"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0, id="a date far ahead"),
        pytest.param("-5", None, id="negative"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("٣", None, id="a digit of another script"),
        pytest.param("", None, id="empty"),
        pytest.param("soon", None, id="a word"),
        pytest.param("Tue, 14 Apr 99999999999 06:00:30 GMT", None, id="a year that no calendar has"),
        pytest.param("Tue, 14 Apr 2026 06:00:30 +99999999999999999999", None, id="a time zone that no place has"),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


class TestAPauseThatTheHostAsksFor:
    @pytest.mark.parametrize("status", [429, 500, 503])
    @pytest.mark.parametrize("retry_after", ["90", "Tue, 14 Apr 2026 06:01:30 GMT"])
    async def test_is_told_and_holds_the_next_call(self, status: int, retry_after: str) -> None:
        reading = Reading(answers(paused(status, retry_after), ok()))
        error = await reading.failure()
        assert error.retry_after_s == 90.0
        assert str(error) == f"the API answered {status}"
        assert reading.clock.slept == []
        await reading.get()
        assert reading.clock.monotonic() == 90.0

    async def test_holds_whoever_shares_the_gate(self) -> None:
        reading = Reading(answers(paused(429, "90")))
        await reading.failure()
        await reading.gate.wait()
        assert reading.clock.monotonic() == 90.0

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}])
    async def test_is_none_where_nobody_can_read_one(self, headers: dict[str, str]) -> None:
        reading = Reading(answers(httpx.Response(429, headers=headers), ok()))
        assert (await reading.failure()).retry_after_s is None
        await reading.get()
        assert reading.clock.slept == []

    async def test_is_not_looked_for_in_an_answer_to_the_request(self) -> None:
        reading = Reading(answers(paused(404, "90"), paused(200, "90"), ok()))
        assert [(await reading.get()).status for _ in range(3)] == [404, 200, 200]
        assert reading.clock.slept == []


class TestTheRequest:
    async def test_says_what_it_takes_and_carries_the_callers_headers(self) -> None:
        seen: list[httpx.Headers] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request.headers)
            return ok()

        await Reading(answer).get()
        (headers,) = seen
        assert headers["accept"] == "application/json"
        assert headers["accept-encoding"] == "gzip"
        assert headers["api-version"] == "3"

    async def test_does_not_follow_a_redirect(self) -> None:
        answer = await Reading(answers(httpx.Response(302, headers={"Location": "https://evil.test/"}))).get()
        assert answer.status == 302

    async def test_gives_headers_in_lower_case(self) -> None:
        answer = await Reading(answers(httpx.Response(200, headers={"X-Some": "thing"}))).get()
        assert dict(answer.headers)["x-some"] == "thing"


class TestTheBody:
    async def test_may_be_as_large_as_the_limit(self) -> None:
        assert (await Reading(answers(ok(b"x" * 100))).get()).body == b"x" * 100

    async def test_over_the_limit_is_refused(self) -> None:
        error = await Reading(answers(ok(b"x" * 101))).failure()
        assert type(error) is BodyTooLarge
        assert str(error) == "the body is over 100 bytes"

    async def test_in_gzip_is_unpacked_and_counts_unpacked(self) -> None:
        def packed(body: bytes) -> httpx.Response:
            return httpx.Response(200, headers={"Content-Encoding": "GZIP"}, content=gzip.compress(body))

        assert (await Reading(answers(packed(b"x" * 100))).get()).body == b"x" * 100
        assert type(await Reading(answers(packed(b"x" * 101))).failure()) is BodyTooLarge

    @pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "x"])
    async def test_in_a_coding_that_was_not_asked_for_is_refused_unread(self, coding: str) -> None:
        response = httpx.Response(200, headers={"Content-Encoding": coding}, stream=httpx.ByteStream(b"abc"))
        error = await Reading(answers(response)).failure()
        assert type(error) is BodyTooLarge
        assert str(error) == "the body is compressed in a way that was not asked for"

    @pytest.mark.parametrize("coding", ["", "identity", " Identity "])
    async def test_in_no_coding_is_taken_as_it_is(self, coding: str) -> None:
        response = httpx.Response(200, headers={"Content-Encoding": coding}, content=b"abc")
        assert (await Reading(answers(response)).get()).body == b"abc"

    async def test_that_is_no_gzip_is_a_failure(self) -> None:
        response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"abc"))
        error = await Reading(answers(response)).failure()
        assert type(error) is SourceUnavailable
        assert str(error) == "the body cannot be decompressed"

    @pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "br"}])
    async def test_of_an_error_that_cannot_be_taken_is_left_unread_and_the_status_stands(
        self, headers: dict[str, str]
    ) -> None:
        response = httpx.Response(404, headers=headers, stream=httpx.ByteStream(b"x" * 101))
        answer = await Reading(answers(response)).get()
        assert (answer.status, answer.body) == (404, b"")


class Pieces(httpx.AsyncByteStream):
    """A body that comes in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.sent += 1
            yield piece


class Seen:
    """An observer that never has seen enough."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def __call__(self, piece: bytes) -> bool:
        self.pieces.append(piece)
        return False


class TestAnObserver:
    async def test_sees_every_piece_of_a_body_that_is_too_large_and_in_order(self) -> None:
        seen, pieces = Seen(), Pieces(b"a" * 60, b"b" * 40, b"c" * 60, b"d" * 60)
        error = await Reading(answers(httpx.Response(200, stream=pieces))).failure(seen)
        assert type(error) is BodyTooLarge
        assert seen.pieces == [b"a" * 60, b"b" * 40, b"c" * 60, b"d" * 60]

    async def test_ends_the_reading_when_it_has_seen_enough(self) -> None:
        pieces = Pieces(*[b"x" * 60] * 1000)
        error = await Reading(answers(httpx.Response(200, stream=pieces))).failure(lambda _piece: True)
        assert type(error) is BodyTooLarge
        assert pieces.sent == 2

    async def test_sees_nothing_of_a_body_that_fits(self) -> None:
        seen = Seen()
        await Reading(answers(ok(b"x" * 100))).get(seen)
        assert seen.pieces == []

    async def test_is_not_needed_for_a_body_without_end_to_be_left(self) -> None:
        pieces = Pieces(*[b"x" * 60] * 1000)
        await Reading(answers(httpx.Response(200, stream=pieces))).failure()
        assert pieces.sent == 2


def every_kind_of(error: type[httpx.RequestError]) -> Iterator[type[httpx.RequestError]]:
    yield error
    for kind in error.__subclasses__():
        yield from every_kind_of(kind)


WORDS = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.PoolTimeout: "no connection in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.WriteTimeout: "no answer in time",
    httpx.ConnectError: "no connection (ConnectError)",
    httpx.ReadError: "the connection failed (ReadError)",
    httpx.DecodingError: "the body cannot be decompressed",
    httpx.RemoteProtocolError: "the answer was cut off or is no HTTP",
    httpx.UnsupportedProtocol: "the connection failed (UnsupportedProtocol)",
}


class TestErrors:
    @pytest.mark.parametrize("kind", list(every_kind_of(httpx.RequestError)))
    async def test_of_the_library_become_ours_and_tell_no_url(self, kind: type[httpx.RequestError]) -> None:
        def fail(request: httpx.Request) -> httpx.Response:
            raise kind(f"failed: {SECRET}", request=request)

        error = await Reading(fail).failure()
        assert type(error) is SourceUnavailable
        assert error.retry_after_s is None
        assert "8142520" not in f"{error} {error!r}"
        assert str(error) == WORDS.get(kind, str(error))
