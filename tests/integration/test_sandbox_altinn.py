"""The sandbox over HTTP: what a client of Altinn Notifications meets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from bridge.sandbox.altinn.faults import AltinnFaultRule
from bridge.sandbox.altinn.records import AltinnPlan, OrderRecord, OrderWish
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.server import Sandbox
from tests.support.clock import FakeClock
from tests.support.sandbox_client import poll, serving

UNKNOWN = "00000000-0000-4000-8000-000000000000"


class Asker:
    """A sandbox with one order of three e-mails, in virtual time, and a client."""

    def __init__(self, sandbox: Sandbox, http: httpx.AsyncClient, clock: FakeClock) -> None:
        self.sandbox = sandbox
        self.http = http
        self.clock = clock
        self.order: OrderRecord = sandbox.altinn.create(OrderWish(emails=3, is_processed=True))[0]

    def fault(self, kind: FaultKind, **options: Any) -> None:
        self.sandbox.altinn.add_fault(AltinnFaultRule(kind=kind, count=1, **options))

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(f"/notifications/api/v1{path}", headers=headers)

    async def emails(self, id_: str | None = None) -> httpx.Response:
        return await self.get(f"/orders/{id_ or self.order.id}/notifications/email")

    async def shipment(self, id_: str | None = None) -> httpx.Response:
        return await self.get(f"/future/shipment/{id_ or self.order.id}")

    async def feed(self, query: str = "") -> httpx.Response:
        return await self.get(f"/future/shipment/feed{query}")


@asynccontextmanager
async def asking() -> AsyncIterator[Asker]:
    clock = FakeClock()
    async with (
        Sandbox(port=0, clock=clock, altinn=AltinnPlan(late_share=0)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.altinn_url, timeout=10) as http,
    ):
        yield Asker(sandbox, http, clock)


async def test_the_three_endpoints_answer_with_indented_json_with_a_slash_at_the_end_or_without() -> None:
    async with asking() as asker:
        asker.clock.advance(4 * 86_400)
        for path in (
            f"/orders/{asker.order.id}/notifications/email",
            f"/future/shipment/{asker.order.id}",
            "/future/shipment/feed",
        ):
            plain, slashed = await asker.get(path), await asker.get(f"{path}/")
            assert (plain.status_code, plain.headers["content-type"]) == (200, "application/json; charset=utf-8")
            assert plain.content == slashed.content
            assert b"\n  " in plain.content


async def test_an_order_is_followed_from_its_first_email_to_its_row_in_the_feed() -> None:
    async with asking() as asker:
        assert [email["sendStatus"]["status"] for email in (await asker.emails()).json()["notifications"]] == [
            "New"
        ] * 3
        assert (await asker.shipment()).json()["status"] == "Order_Processed"
        assert (await asker.feed()).json() == []
        asker.clock.advance(4 * 86_400)
        assert (await asker.shipment()).json()["status"] == "Order_Completed"
        (row,) = (await asker.feed("?seq=0&pageSize=1&orderBy=desc")).json()
        assert row["shipmentId"] == asker.order.id
        assert (await asker.feed(f"?seq={row['sequenceNumber']}")).json() == []


async def test_an_order_that_is_not_there_is_404_empty_or_with_problem_details() -> None:
    async with asking() as asker:
        theirs = asker.sandbox.altinn.create(OrderWish(organisation="skd"))[0]
        for id_ in (UNKNOWN, theirs.id):
            emails, shipment = await asker.emails(id_), await asker.shipment(id_)
            assert (emails.status_code, emails.content) == (404, b"")
            assert (shipment.status_code, shipment.json()["code"]) == (404, "NOT-00003")
            assert shipment.headers["content-type"] == "application/problem+json; charset=utf-8"


async def test_an_id_that_is_none_is_400_or_for_a_shipment_404_without_a_word() -> None:
    async with asking() as asker:
        emails, shipment = await asker.emails("1337;1=1"), await asker.shipment("1337")
        assert emails.status_code == 400
        assert emails.json()["title"] == "One or more validation errors occurred."
        assert (shipment.status_code, shipment.content) == (404, b"")


async def test_the_feed_refuses_what_it_cannot_read() -> None:
    async with asking() as asker:
        negative = await asker.feed("?seq=-1")
        assert (negative.status_code, list(negative.json()["errors"])) == (400, ["Seq"])
        xml = await asker.get("/future/shipment/feed", **{"Content-Type": "text/xml"})
        assert xml.status_code == 415
        assert (await asker.get("/future/shipment/feed", **{"Content-Type": "application/json"})).status_code == 200


async def test_an_order_that_is_new_may_be_404_once_and_others_not() -> None:
    async with asking() as asker:
        other = asker.sandbox.altinn.create(OrderWish())[0]
        asker.fault(FaultKind.NOT_FOUND, order_id=asker.order.id)
        assert (await asker.emails(other.id)).status_code == 200
        first = await asker.emails()
        assert (first.status_code, first.content) == (404, b"")
        assert (await asker.emails()).status_code == 200


@pytest.mark.parametrize(("retry_after_as", "header"), [("seconds", "7"), ("date", "GMT")])
@pytest.mark.parametrize("kind", [FaultKind.TOO_MANY_REQUESTS, FaultKind.UNAVAILABLE])
async def test_throttling_names_its_time(kind: FaultKind, retry_after_as: str, header: str) -> None:
    async with asking() as asker:
        asker.fault(kind, retry_after_s=7, retry_after_as=retry_after_as)
        throttled = await asker.feed()
        assert throttled.status_code == int(kind)
        assert throttled.headers["retry-after"].endswith(header)
        assert (await asker.feed()).status_code == 200


@pytest.mark.parametrize("kind", [FaultKind.CONTENT_LENGTH_TOO_LONG, FaultKind.BODY_CUT, FaultKind.CHUNKED_BODY_CUT])
async def test_a_body_that_ends_too_early_breaks_the_protocol(kind: FaultKind) -> None:
    async with asking() as asker:
        asker.fault(kind)
        with pytest.raises(httpx.RemoteProtocolError):
            await asker.emails()
        assert (await asker.emails()).status_code == 200


async def test_a_timeout_and_a_reset_answer_nothing() -> None:
    async with asking() as asker:
        asker.fault(FaultKind.CONNECTION_RESET)
        with pytest.raises(httpx.ReadError):
            await asker.emails()
        asker.fault(FaultKind.TIMEOUT)
        with pytest.raises(httpx.ReadTimeout):
            await asker.http.get("/notifications/api/v1/future/shipment/feed", timeout=0.2)
        assert asker.sandbox.altinn.state().statuses == {"none": 2}


async def test_a_drip_sends_a_byte_at_a_time() -> None:
    async with asking() as asker:
        asker.fault(FaultKind.SLOW_DRIP, interval_s=0.05)
        async with asker.http.stream("GET", "/notifications/api/v1/future/shipment/feed") as response:
            assert [piece async for piece in response.aiter_raw()] == [b"[", b"]"]


async def test_what_is_no_answer_comes_with_200_all_the_same() -> None:
    async with asking() as asker:
        right = (await asker.emails()).json()
        asker.fault(FaultKind.JSON_CUT)
        with pytest.raises(json.JSONDecodeError):
            (await asker.emails()).json()
        asker.fault(FaultKind.HTML)
        assert (await asker.emails()).text.startswith("<!DOCTYPE html>")
        asker.fault(FaultKind.WRONG_CONTENT_TYPE)
        plain = await asker.emails()
        assert (plain.headers["content-type"], plain.json()) == ("text/plain; charset=utf-8", right)
        asker.fault(FaultKind.NESTED_JSON)
        assert "[[[[[[[[" in (await asker.emails()).text
        asker.fault(FaultKind.OVERSIZED_BODY, size_bytes=3_000_000)
        oversized = await asker.emails()
        assert (len(oversized.content), oversized.json()) == (3_000_000, right)
        asker.fault(FaultKind.GZIP_BOMB, size_bytes=3_000_000)
        bomb = await asker.emails()
        assert (bomb.headers["content-encoding"], len(bomb.content)) == ("gzip", 3_000_000)
        assert bomb.num_bytes_downloaded < 20_000


async def test_a_notification_can_be_malformed_or_come_twice() -> None:
    async with asking() as asker:
        asker.fault(FaultKind.NOT_AN_OBJECT)
        assert (await asker.emails()).json()["notifications"][1] == "not a notification"
        asker.fault(FaultKind.DUPLICATE_ITEMS)
        assert len((await asker.emails()).json()["notifications"]) == 6
        assert len((await asker.emails()).json()["notifications"]) == 3


async def test_faults_of_one_api_leave_the_other_alone() -> None:
    async with serving(her_ids=(6789,)) as (sandbox, client):
        sandbox.altinn.add_fault(AltinnFaultRule(kind=FaultKind.SERVER_ERROR))
        assert (await poll(client)).status_code == 200
        assert (await client.get("/notifications/api/v1/future/shipment/feed")).status_code == 500
        assert sandbox.nhn.state().requests == sandbox.altinn.state().requests == 1


async def test_the_control_endpoint_creates_moves_cancels_and_lists_orders() -> None:
    async with asking() as asker:
        http = asker.http
        wanted = {"email_lives": ["stuck-in-new"], "is_processed": True, "senders_reference": "r"}
        (order,) = (await http.post("/sandbox/altinn/orders", json=wanted)).json()["orders"]
        moves = f"/sandbox/altinn/orders/{order['id']}/notifications/{order['notifications'][0]['id']}"
        moved = (await http.post(moves, json={"status": "Delivered"})).json()
        assert [shown["status"] for shown in moved["notifications"][0]["history"]] == ["New", "Delivered"]
        assert moved["ended"] == "Completed"
        assert (await http.get(f"/sandbox/altinn/orders/{order['id']}")).json() == moved
        later = (await http.post("/sandbox/altinn/orders", json={"requested_in_s": 60})).json()["orders"][0]["id"]
        cancelled = await http.post(f"/sandbox/altinn/orders/{later}/cancel")
        assert cancelled.json()["ended"] == "Cancelled"
        listed = (await http.get("/sandbox/altinn/orders?after=1&limit=1")).json()
        assert listed == {"orders": [moved], "next": 2}


async def test_the_control_endpoint_switches_faults_and_the_supply_and_tells_what_was_asked() -> None:
    async with asking() as asker:
        rule = {"kind": "404", "order_id": asker.order.id, "endpoint": "emails", "count": 2}
        added = await asker.http.post("/sandbox/altinn/faults", json=rule)
        assert (added.status_code, added.json()["rule"]) == (201, rule)
        await asker.emails()
        await asker.feed("?seq=5")
        assert (await asker.http.get("/sandbox/altinn/faults")).json()["faults"][0]["times_left"] == 1
        assert (await asker.http.delete("/sandbox/altinn/faults?id=1")).json() == {"cleared": 1}
        assert (await asker.http.post("/sandbox/altinn/supply/pause")).json() == {"supply_paused": True}
        state = (await asker.http.get("/sandbox/altinn/state")).json()
        assert (await asker.http.post("/sandbox/altinn/supply/resume")).json() == {"supply_paused": False}
        assert (state["orders"], state["statuses"], state["supply_paused"]) == (1, {"404": 1, "200": 1}, True)
        refused, read = state["recent_requests"]
        assert (refused["endpoint"], refused["order_id"], refused["fault"]) == ("emails", asker.order.id, "404")
        assert (read["endpoint"], read["seq"], read["items"]) == ("feed", 5, 0)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "orders", '{"emails": -1}', 400, "Expected `int` >= 0 - at `$.emails`"),
        ("POST", "orders", '{"mails": 1}', 400, "Object contains unknown field `mails`"),
        ("POST", "orders", '{"email_paths": [[]]}', 400, "a path needs a status"),
        ("GET", "orders?after=x", None, 400, "invalid literal for int() with base 10: 'x'"),
        ("GET", f"orders/{UNKNOWN}", None, 404, "there is no such order"),
        ("POST", f"orders/{UNKNOWN}/cancel", None, 404, "there is no such order"),
        ("POST", f"orders/{UNKNOWN}/notifications/x", '{"status": "New"}', 404, "there is no such order"),
        ("POST", "faults", '{"kind": "404", "order_id": "x"}', 400, "The value 'x' is not valid."),
        ("DELETE", "faults?id=x", None, 400, "invalid literal for int() with base 10: 'x'"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_with_the_reason(
    method: str, path: str, body: str | None, status: int, error: str
) -> None:
    async with asking() as asker:
        response = await asker.http.request(method, f"/sandbox/altinn/{path}", content=body)
        assert (response.status_code, response.json()) == (status, {"error": error})


async def test_each_api_refuses_the_others_faults() -> None:
    async with asking() as asker:
        altinns = await asker.http.post("/sandbox/faults", json={"kind": "missing-status"})
        nhns = await asker.http.post("/sandbox/altinn/faults", json={"kind": "423"})
    assert altinns.json()["error"].startswith("missing-status is no fault of NHN's API; there are: 400, ")
    assert nhns.json()["error"].startswith("423 is no fault of Altinn's API; there are: 400, ")
