"""The sandbox over HTTP: what a client of NHN's API meets."""

import asyncio
import json

import httpx
import pytest

from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.records import Creation
from bridge.sandbox.server import Sandbox
from bridge.sandbox.supply import SupplyPlan
from tests.support.sandbox_client import EXAMPLE, HEADERS, offsets, only, poll, serving


async def test_the_first_notification_is_the_example_of_nhns_page() -> None:
    async with serving() as (_, client):
        response = await poll(client)
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert response.json() == {"notifications": [EXAMPLE]}
        assert (await poll(client, offset=1)).content == b'{"notifications":[]}'


async def test_a_client_that_follows_the_offsets_meets_every_notification_once_in_order() -> None:
    async with serving(her_ids=(6789, 8142520), supply=SupplyPlan(total=2500)) as (sandbox, client):
        seen: list[str] = []
        offset = 0
        while True:
            query = f"HerIds=6789&HerIds=8142520&Offset={offset}&NotificationsToFetch=1000"
            page = (await client.get(f"/notifications?{query}")).json()["notifications"]
            if not page:
                break
            seen += [item.get("notificationId") or item["id"] for item in page]
            offset = page[-1]["offset"]
        assert seen == [created.id for created in sandbox.nhn.created(limit=3000)]
        assert len(set(seen)) == 2500


async def test_1500_her_ids_fit_into_a_request_and_1501_are_the_apis_to_refuse() -> None:
    async with serving() as (_, client):
        her_ids = [f"HerIds={2147480000 + number}" for number in range(1501)]
        most = await client.get(f"/notifications?{'&'.join(her_ids[:1500])}&Offset=0")
        assert (most.status_code, most.json()) == (200, {"notifications": []})
        too_many = await client.get(f"/notifications?{'&'.join(her_ids)}&Offset=0")
        assert too_many.status_code == 400
        assert too_many.json()["validationErrors"] == ["HerIds: at most 1500 HER-ids can be provided in one request."]


async def test_a_request_without_what_is_required_is_answered_with_problem_details() -> None:
    async with serving() as (sandbox, _), httpx.AsyncClient(base_url=sandbox.nhn_url) as client:
        response = await client.get("/notifications?HerIds=1")
        assert response.status_code == 400
        assert response.headers["content-type"] == "application/problem+json; charset=utf-8"
        assert response.json()["errorCode"] == 1001
        assert response.json()["validationErrors"] == [
            "The api-version header is required.",
            "The nhn-source-system header is required.",
            "The Offset field is required.",
        ]


async def test_ping_answers_pong() -> None:
    async with serving() as (_, client):
        assert (await client.get("/ping")).json()["response"] == "pong"


async def test_a_connection_is_kept_alive() -> None:
    async with serving() as (sandbox, _):
        host, port = sandbox.nhn_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(3):
            writer.write(b"GET /ping HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            length = int(head.lower().split(b"content-length:")[1].split()[0])
            assert b"pong" in await asyncio.wait_for(reader.readexactly(length), 10)
        writer.close()
        await writer.wait_closed()


async def test_one_refused_her_id_fails_the_whole_request_and_the_others_alone_are_served() -> None:
    faults = [FaultRule(kind=FaultKind.FORBIDDEN, her_id=13)]
    async with serving(her_ids=(6789,), faults=faults) as (_, client):
        both = await client.get("/notifications?HerIds=6789&HerIds=13&Offset=0")
        assert (both.status_code, both.json()["errorCode"]) == (403, 1202)
        assert both.json()["detail"] == "The client is not authorised for HER-id 13."
        assert (await poll(client)).status_code == 200


@pytest.mark.parametrize(("retry_after_as", "header"), [("seconds", "7"), ("date", "GMT")])
async def test_throttling_names_its_time_in_seconds_or_as_a_date(retry_after_as: str, header: str) -> None:
    faults = only(FaultKind.TOO_MANY_REQUESTS, retry_after_s=7, retry_after_as=retry_after_as)
    async with serving(faults=faults) as (_, client):
        throttled = await poll(client)
        assert throttled.status_code == 429
        assert throttled.headers["retry-after"].endswith(header)
        assert (await poll(client)).status_code == 200


async def test_a_timeout_takes_the_request_and_never_answers() -> None:
    async with serving(faults=only(FaultKind.TIMEOUT)) as (sandbox, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/notifications?HerIds=6789&Offset=0", timeout=0.2)
        assert sandbox.nhn.state().statuses == {"none": 1}
        assert (await poll(client)).status_code == 200


async def test_the_server_ends_at_once_although_a_request_is_never_answered() -> None:
    arrived = asyncio.Event()
    async with httpx.AsyncClient(headers=HEADERS, timeout=10) as client:
        async with asyncio.timeout(5):
            faults = only(FaultKind.TIMEOUT)
            async with Sandbox(port=0, faults=faults, on_notice=lambda _: arrived.set()) as sandbox:
                waiting = asyncio.create_task(client.get(f"{sandbox.nhn_url}/notifications?HerIds=6789&Offset=0"))
                await arrived.wait()
        with pytest.raises(httpx.RemoteProtocolError):
            await waiting


async def test_a_drip_sends_a_byte_at_a_time() -> None:
    async with (
        serving(faults=only(FaultKind.SLOW_DRIP, interval_s=0.05)) as (_, client),
        client.stream("GET", "/notifications?HerIds=6789&Offset=0") as response,
    ):
        pieces = response.aiter_raw()
        assert [await anext(pieces) for _ in range(3)] == [b"{", b'"', b"n"]
        assert int(response.headers["content-length"]) > 300


async def test_a_reset_ends_the_connection_without_an_answer() -> None:
    async with serving(faults=only(FaultKind.CONNECTION_RESET)) as (_, client):
        with pytest.raises(httpx.ReadError):
            await poll(client)
        assert (await poll(client)).status_code == 200


@pytest.mark.parametrize("kind", [FaultKind.CONTENT_LENGTH_TOO_LONG, FaultKind.BODY_CUT, FaultKind.CHUNKED_BODY_CUT])
async def test_a_body_that_ends_too_early_breaks_the_protocol(kind: FaultKind) -> None:
    async with serving(faults=only(kind)) as (_, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await poll(client)
        assert offsets(await poll(client)) == [None]


async def test_json_can_be_cut_although_http_is_in_order() -> None:
    async with serving(faults=only(FaultKind.JSON_CUT)) as (_, client):
        response = await poll(client)
        assert response.status_code == 200
        assert response.text.startswith('{"notifications":[{"id":"843eed10')
        with pytest.raises(json.JSONDecodeError):
            response.json()


async def test_what_is_not_a_page_is_answered_with_200_all_the_same() -> None:
    faults = only(FaultKind.HTML) + only(FaultKind.WRONG_CONTENT_TYPE) + only(FaultKind.NESTED_JSON)
    async with serving(faults=faults) as (_, client):
        html, text, nested = [await poll(client) for _ in range(3)]
        assert [each.status_code for each in (html, text, nested)] == [200, 200, 200]
        assert html.headers["content-type"] == "text/html; charset=utf-8"
        assert html.text.startswith("<!DOCTYPE html>")
        assert text.headers["content-type"] == "text/plain; charset=utf-8"
        assert text.json() == {"notifications": [EXAMPLE]}
        assert nested.text.startswith('{"notifications":[[[[[[[[')
        assert len(nested.content) == 200_018


async def test_an_oversized_body_is_streamed_at_the_size_wanted() -> None:
    async with serving(faults=only(FaultKind.OVERSIZED_BODY, size_bytes=5_000_000)) as (_, client):
        response = await poll(client)
        assert len(response.content) == 5_000_000
        assert response.json() == {"notifications": [EXAMPLE]}


async def test_a_bomb_is_small_on_the_wire_and_large_unpacked() -> None:
    async with serving(faults=only(FaultKind.GZIP_BOMB, size_bytes=30_000_000)) as (_, client):
        response = await poll(client)
        assert response.headers["content-encoding"] == "gzip"
        assert response.num_bytes_downloaded < 100_000
        assert len(response.content) == 30_000_000


async def test_an_oversized_item_is_streamed_and_the_next_one_follows() -> None:
    async with serving(her_ids=(1,)) as (sandbox, client):
        oversized = FaultRule(kind=FaultKind.OVERSIZED_ITEM, size_bytes=3_000_000)
        sandbox.nhn.create(Creation(fault=oversized))
        sandbox.nhn.create(Creation(fields={"description": "small"}))
        large, small = (await poll(client, her_id=1)).json()["notifications"]
        assert large["description"] == "x" * 3_000_001
        assert small["description"] == "small"


async def test_pages_can_be_unsorted_repeated_and_without_progress() -> None:
    kinds = (FaultKind.UNSORTED_PAGE, FaultKind.REPEATED_PAGE, FaultKind.NO_PROGRESS, FaultKind.DUPLICATE_ITEMS)
    faults = [rule for kind in kinds for rule in only(kind)]
    async with serving(her_ids=(1,), faults=faults) as (sandbox, client):
        sandbox.nhn.create(Creation(position=10))
        sandbox.nhn.create(Creation(position=20))
        sandbox.nhn.create(Creation(position=30))
        query = "/notifications?HerIds=1&Offset=10&NotificationsToFetch=4"
        pages = [offsets(await client.get(query)) for _ in range(5)]
        assert pages == [[30, 20], [10], [10, 10, 10, 10], [20, 20, 30, 30], [20, 30]]
