"""A sandbox for one test, and a client that asks it as NHN documents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.server import Sandbox

HEADERS = {"api-version": "3", "nhn-source-system": "tests"}
EXAMPLE = {
    "id": "843eed10-6b56-496b-8664-ce71167c6b5c",
    "relatedMessageId": "0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
    "type": "NewMessage",
    "notificationReceiverHerId": 6789,
    "notificationTriggeredByHerId": 9876,
    "description": "New message received. (EPIKRISE).",
    "createdAt": "2026-04-14T06:17:00+00:00",
}


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[Sandbox, httpx.AsyncClient]]:
    async with (
        Sandbox(port=0, **options) as sandbox,
        httpx.AsyncClient(base_url=sandbox.nhn_url, headers=HEADERS, timeout=10) as client,
    ):
        yield sandbox, client


def only(kind: FaultKind, **options: Any) -> list[FaultRule]:
    return [FaultRule(kind=kind, count=1, **options)]


async def poll(client: httpx.AsyncClient, offset: int = 0, her_id: int = 6789) -> httpx.Response:
    return await client.get("/notifications", params={"HerIds": her_id, "Offset": offset})


def offsets(response: httpx.Response) -> list[int | None]:
    return [item.get("offset") for item in response.json()["notifications"]]
