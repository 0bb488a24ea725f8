"""A little of Altinn's platform over HTTP: Notifications as far as a check asks it, the exchange as a sandbox does."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import httpx
from aiohttp import web

from bridge.sandbox.server import Sandbox

KNOWN_ORDER = "f1a1cc30-197f-4f34-8304-006ce4945fd1"
API = "/notifications/api/v1"
NOT_FOUND: Mapping[str, object] = {
    "type": "urn:altinn:error:NOT-00003",
    "title": "Shipment not found",
    "status": 404,
    "code": "NOT-00003",
    "traceId": "00-b291127285024130cd8420758f373c2f-4959c5217011cd13-00",
    "statusDescription": "Not Found",
}
"""The shape of Altinn's problem details (AltinnProblemDetails of Altinn/altinn-authorization-utils)."""

Answer = Callable[[web.Request], web.Response]


class Platform:
    """What it was asked, and what it answers where a test wants something else than Altinn would."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        """`sandbox`: whose exchange answers; None: there is none."""
        self.url = ""
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        """Path with query, and headers, of each request to Notifications."""
        self.every: Answer | None = None
        """To every request of Notifications."""
        self.feed: Answer = lambda _: web.json_response([])
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{API}/future/shipment/feed", self._answering(self.feed)),
            web.get(
                f"{API}/future/shipment/{{id}}",
                self._answering(lambda _: web.json_response(dict(NOT_FOUND), status=404)),
            ),
            web.get(f"{API}/orders/{{id}}/notifications/email", self._answering(_emails)),
            web.get("/authentication/api/v1/exchange/maskinporten", self._exchange),
        ]

    def _answering(self, usual: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            self.asked.append((request.path_qs, dict(request.headers)))
            return (self.every or usual)(request)

        return answer

    async def _exchange(self, request: web.Request) -> web.Response:
        if self._sandbox is None:
            return web.Response(status=401)
        async with httpx.AsyncClient() as client:
            headers = {"Authorization": request.headers["Authorization"]}
            answer = await client.get(f"{self._sandbox.altinn_url}{request.path}", headers=headers)
        return web.Response(status=answer.status_code, body=answer.content)


def _emails(request: web.Request) -> web.Response:
    order = request.match_info["id"]
    if order != KNOWN_ORDER:
        return web.Response(status=404)
    return web.json_response({"orderId": order, "generated": 0, "succeeded": 0, "notifications": []})


@asynccontextmanager
async def serving(platform: Platform) -> AsyncIterator[Platform]:
    """It answers at `url` while the block lasts."""
    application = web.Application()
    application.add_routes(platform.routes())
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    platform.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield platform
    finally:
        await runner.cleanup()
