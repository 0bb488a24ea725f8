"""One request of Altinn Notifications, exactly as documented, and what its answers mean."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from bridge.altinn.answers import OrderUnknown
from bridge.altinn.api import AltinnApi
from bridge.altinn.decode import FeedItem
from bridge.errors import AuthenticationError, RequestRejected, SourceUnavailable, TransientError
from bridge.http import HostGate, HttpReader
from tests.support.altinn import ORDER, email, summary_body
from tests.support.clock import FakeClock
from tests.support.http import url_on_the_wire

JSON = {"content-type": "application/json; charset=utf-8"}
UNKNOWN = b'{"type":"urn:altinn:error:NOT-00003","title":"Shipment not found","status":404,"code":"NOT-00003"}'
Handler = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def api(handler: Handler, *, base_url: str = "https://platform.test") -> AsyncIterator[AltinnApi]:
    clock = FakeClock()
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        reader = HttpReader(client, gate=HostGate(clock), clock=clock, timeout_s=30.0, max_body_bytes=100_000)
        yield AltinnApi(reader, base_url=base_url, recipient="address")


class Recorded:
    """A handler that always answers the same and keeps the requests."""

    def __init__(self, body: bytes, status: int = 200, headers: dict[str, str] = JSON) -> None:
        self.requests: list[httpx.Request] = []
        self.body, self.status, self.headers = body, status, headers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, headers=self.headers, content=self.body)

    @property
    def urls(self) -> list[str]:
        return [url_on_the_wire(request) for request in self.requests]


class TestTheRequest:
    @pytest.mark.parametrize(
        "base_url", ["https://platform.test", "https://platform.test/", "http://127.0.0.1:8086/x/"]
    )
    async def test_for_e_mails(self, base_url: str) -> None:
        asked = Recorded(summary_body(email()))
        async with api(asked, base_url=base_url) as altinn:
            found = await altinn.emails(ORDER)
        assert asked.urls == [
            f"{base_url.rstrip('/')}/notifications/api/v1/orders/f1a1cc30-197f-4f34-8304-006ce4945fd1/notifications/email"
        ]
        (request,) = asked.requests
        assert request.method == "GET"
        assert request.headers["accept"] == "application/json"
        assert "content-type" not in request.headers
        assert found.generated == 1

    async def test_for_the_order_itself(self) -> None:
        asked = Recorded(b'{"status":"Order_Processed"}')
        async with api(asked) as altinn:
            assert (await altinn.shipment(ORDER)).status == "Order_Processed"
        assert asked.urls == [
            "https://platform.test/notifications/api/v1/future/shipment/f1a1cc30-197f-4f34-8304-006ce4945fd1"
        ]

    async def test_for_the_feed(self) -> None:
        asked = Recorded(b'[{"sequenceNumber":8,"shipmentId":"%b"}]' % ORDER.encode())
        async with api(asked) as altinn:
            assert await altinn.feed(after=7) == ([FeedItem(8, ORDER)], 0)
            await altinn.feed(after=0, limit=1, newest_first=True)
        assert asked.urls == [
            "https://platform.test/notifications/api/v1/future/shipment/feed?seq=7&pageSize=500",
            "https://platform.test/notifications/api/v1/future/shipment/feed?seq=0&pageSize=1&orderBy=desc",
        ]


async def ask_emails(altinn: AltinnApi) -> object:
    return await altinn.emails(ORDER)


async def ask_shipment(altinn: AltinnApi) -> object:
    return await altinn.shipment(ORDER)


async def ask_feed(altinn: AltinnApi) -> object:
    return await altinn.feed(after=0)


Ask = Callable[[AltinnApi], Awaitable[object]]
EACH = pytest.mark.parametrize("ask", [ask_emails, ask_shipment, ask_feed])


class TestAnAnswer:
    @EACH
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, RequestRejected),
            (401, AuthenticationError),
            (403, AuthenticationError),
            (429, SourceUnavailable),
            (499, SourceUnavailable),
            (500, SourceUnavailable),
            (503, SourceUnavailable),
        ],
    )
    async def test_that_is_an_error_raises_what_it_means(
        self, ask: Ask, status: int, error: type[TransientError]
    ) -> None:
        async with api(Recorded(b'{"title":"kari@example.no"}', status)) as altinn:
            with pytest.raises(error) as raised:
                await ask(altinn)
        assert type(raised.value) is error
        assert "kari" not in str(raised.value)

    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (ask_emails, "the API's answer on e-mails is not the documented JSON"),
            (ask_shipment, "the API's answer on the order is not the documented JSON"),
            (ask_feed, "the API's answer on the feed is not the documented JSON"),
        ],
    )
    async def test_that_is_not_understood_is_a_failed_poll(self, ask: Ask, message: str) -> None:
        async with api(Recorded(b'{"email":"kari@example.no"}')) as altinn:
            with pytest.raises(SourceUnavailable, match=message) as raised:
                await ask(altinn)
        assert "kari" not in str(raised.value)

    async def test_about_another_order_is_a_failed_poll(self) -> None:
        async with api(Recorded(summary_body(orderId="00000000-0000-4000-8000-000000000000"))) as altinn:
            with pytest.raises(SourceUnavailable, match="the API's answer on e-mails is about another order"):
                await altinn.emails(ORDER)

    @pytest.mark.parametrize("ask", [ask_emails, ask_shipment])
    @pytest.mark.parametrize(("body", "code"), [(b"", None), (UNKNOWN, "NOT-00003")])
    async def test_of_404_is_an_unknown_order(self, ask: Ask, body: bytes, code: str | None) -> None:
        async with api(Recorded(body, 404)) as altinn:
            with pytest.raises(OrderUnknown) as raised:
                await ask(altinn)
        assert raised.value.code == code

    async def test_of_404_to_the_feed_is_the_addresss_fault(self) -> None:
        async with api(Recorded(b"", 404)) as altinn:
            with pytest.raises(RequestRejected, match=r"no status feed \(404\): check BRIDGE_ALTINN__BASE_URL"):
                await altinn.feed(after=0)


class TestTheAddress:
    async def test_is_not_proven_at_first(self) -> None:
        async with api(Recorded(b"")) as altinn:
            assert not altinn.is_proven

    @pytest.mark.parametrize(
        ("ask", "body"),
        [(ask_emails, summary_body()), (ask_shipment, b'{"status":"Order_Processed"}'), (ask_feed, b"[]")],
    )
    async def test_is_proven_by_any_documented_answer(self, ask: Ask, body: bytes) -> None:
        async with api(Recorded(body)) as altinn:
            await ask(altinn)
            assert altinn.is_proven

    async def test_is_proven_by_a_404_with_altinns_code_and_by_no_other(self) -> None:
        asked = Recorded(b"", 404)
        async with api(asked) as altinn:
            with pytest.raises(OrderUnknown):
                await altinn.shipment(ORDER)
            assert not altinn.is_proven
            asked.body = UNKNOWN
            with pytest.raises(OrderUnknown):
                await altinn.shipment(ORDER)
            assert altinn.is_proven

    async def test_is_in_doubt_after_50_bare_404s_in_a_row(self) -> None:
        asked = Recorded(summary_body())
        async with api(asked) as altinn:
            await altinn.emails(ORDER)
            asked.body, asked.status = b"", 404
            proven = []
            for _ in range(50):
                with pytest.raises(OrderUnknown):
                    await altinn.emails(ORDER)
                proven.append(altinn.is_proven)
        assert proven == [True] * 49 + [False]

    @pytest.mark.parametrize("status", [200, 401, 500])
    async def test_is_not_proven_by_an_answer_that_is_none(self, status: int) -> None:
        async with api(Recorded(b"{}", status)) as altinn:
            with pytest.raises(TransientError):
                await altinn.emails(ORDER)
            assert not altinn.is_proven
