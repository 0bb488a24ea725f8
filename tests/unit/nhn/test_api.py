"""One request of NHN's feed, exactly as its page documents it; and what is too large to be taken in."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable
from bridge.http import HostGate, HttpReader
from bridge.nhn.answers import ReceiversRefused, TooManyReceivers
from bridge.nhn.api import NhnApi, PageTooLarge
from tests.support.clock import FakeClock
from tests.support.http import url_on_the_wire

JSON = {"content-type": "application/json"}
ITEM = b'{"type":"NewMessage","notificationReceiverHerId":7,"offset":45460,"id":"a"}'


@asynccontextmanager
async def api(
    answer: Callable[[httpx.Request], httpx.Response], *, base_url: str = "https://api.test", max_body_bytes: int = 1000
) -> AsyncIterator[NhnApi]:
    clock = FakeClock()
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        reader = HttpReader(client, gate=HostGate(clock), clock=clock, timeout_s=30.0, max_body_bytes=max_body_bytes)
        yield NhnApi(reader, base_url=base_url, source_system="My-EPJ, v1.0.2", api_version="3")


def always(body: bytes, status: int = 200, headers: dict[str, str] = JSON) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _request: httpx.Response(status, headers=headers, content=body)


def page(*items: bytes) -> bytes:
    return b'{"notifications":[' + b",".join(items) + b"]}"


class TestTheRequest:
    @pytest.mark.parametrize("base_url", ["https://api.test", "https://api.test/", "https://api.test:8443/base/"])
    async def test_repeats_herids_and_always_sends_the_offset(self, base_url: str) -> None:
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(200, headers=JSON, content=page())

        async with api(answer, base_url=base_url) as nhn:
            assert await nhn.notifications([42, 1337], offset=0, limit=1000) == []
        (request,) = seen
        assert request.method == "GET"
        assert url_on_the_wire(request) == (
            f"{base_url.rstrip('/')}/notifications?HerIds=42&HerIds=1337&Offset=0&NotificationsToFetch=1000"
        )
        assert request.headers["api-version"] == "3"
        assert request.headers["nhn-source-system"] == "My-EPJ, v1.0.2"
        assert request.headers["accept"] == "application/json"

    async def test_takes_1500_her_ids_and_a_64_bit_offset(self) -> None:
        seen: list[list[tuple[str, str]]] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(parse_qsl(urlsplit(url_on_the_wire(request)).query))
            return httpx.Response(200, headers=JSON, content=page())

        async with api(answer) as nhn:
            await nhn.notifications(range(2147482148, 2147483648), offset=2**63 - 1, limit=1)
        (query,) = seen
        assert query[:1500] == [("HerIds", str(her_id)) for her_id in range(2147482148, 2147483648)]
        assert query[1500:] == [("Offset", "9223372036854775807"), ("NotificationsToFetch", "1")]


class TestTheAnswer:
    async def test_is_its_items(self) -> None:
        async with api(always(page(ITEM, b"17"))) as nhn:
            items = await nhn.notifications([7], offset=0, limit=10)
        assert [(item.key, item.offset) for item in items[:1]] == [("a", 45460)]
        assert items[1].problem == "Expected `object`, got `int`"

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (401, AuthenticationError),
            (403, ReceiversRefused),
            (405, RequestRejected),
            (414, TooManyReceivers),
            (500, SourceUnavailable),
        ],
    )
    async def test_that_is_an_error_raises_what_it_means(self, status: int, error: type[Exception]) -> None:
        async with api(always(b'{"title":"x"}', status)) as nhn:
            with pytest.raises(error):
                await nhn.notifications([7], offset=0, limit=10)

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"<html>", id="HTML that says that it is JSON"),
            pytest.param(b'{"notifications":null}', id="no array"),
            pytest.param(page(ITEM)[:-3], id="cut off"),
            pytest.param(b"", id="nothing"),
        ],
    )
    async def test_that_is_no_page_is_a_failure_and_no_reason_to_ask_for_less(self, body: bytes) -> None:
        async with api(always(body)) as nhn:
            with pytest.raises(SourceUnavailable, match="the API's answer is no page") as raised:
                await nhn.notifications([7], offset=0, limit=10)
        assert type(raised.value) is SourceUnavailable


BLOATED = b'{"type":"NewMessage","description":"' + b"x" * 2000 + b'","notificationReceiverHerId":7,"offset":45460}'
DEEP = b'{"type":"NewMessage","new":' + b"[" * 30_000 + b"]" * 30_000 + b',"offset":45460}'


class TestAPageThatIsTooLarge:
    @pytest.mark.parametrize(
        ("body", "max_body_bytes"),
        [pytest.param(page(BLOATED), 1000, id="in bytes"), pytest.param(page(DEEP), 100_000, id="in depth")],
    )
    async def test_is_to_be_asked_for_smaller(self, body: bytes, max_body_bytes: int) -> None:
        async with api(always(body), max_body_bytes=max_body_bytes) as nhn:
            with pytest.raises(PageTooLarge):
                await nhn.notifications([7], offset=0, limit=2)

    @pytest.mark.parametrize(
        ("body", "max_body_bytes"),
        [pytest.param(page(BLOATED), 1000, id="in bytes"), pytest.param(page(DEEP), 100_000, id="in depth")],
    )
    async def test_of_one_item_is_that_item_known_by_its_offset(self, body: bytes, max_body_bytes: int) -> None:
        async with api(always(body), max_body_bytes=max_body_bytes) as nhn:
            (item,) = await nhn.notifications([7], offset=0, limit=1)
        assert (item.offset, item.key, item.problem) == (45460, "oversized-45460", "oversized")

    async def test_of_one_item_without_an_offset_is_a_failure(self) -> None:
        async with api(always(page(BLOATED.replace(b"offset", b"Offset")))) as nhn:
            with pytest.raises(PageTooLarge, match="the body is over 1000 bytes"):
                await nhn.notifications([7], offset=0, limit=1)

    async def test_of_one_item_that_is_not_too_large_is_read_as_ever(self) -> None:
        async with api(always(page(ITEM))) as nhn:
            (item,) = await nhn.notifications([7], offset=0, limit=1)
        assert (item.offset, item.problem) == (45460, None)

    async def test_is_not_known_by_its_offset_where_the_answer_is_an_error(self) -> None:
        async with api(always(page(BLOATED), 500)) as nhn:
            with pytest.raises(SourceUnavailable):
                await nhn.notifications([7], offset=0, limit=1)
