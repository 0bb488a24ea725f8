"""Altinn's simulation, switched and inspected over HTTP, beside what `bridge.sandbox.control` serves.

    GET    /sandbox/altinn/state            counts, active faults, the last 50 requests
    GET    /sandbox/altinn/orders[?after=&limit=]   the orders behind number `after` (0), at most `limit` (100, up to
                                            1,000), with all that was shown of them; `next` is the `after` of the next
    POST   /sandbox/altinn/orders           {"emails": 3, "email_lives": ["bounced"]} creates some now; see OrderWish
    GET    /sandbox/altinn/orders/{id}      one of them
    POST   /sandbox/altinn/orders/{id}/cancel
    POST   /sandbox/altinn/orders/{id}/notifications/{id}   {"status": "Delivered"} moves an e-mail or SMS there now
    GET    /sandbox/altinn/faults           the faults that are on
    POST   /sandbox/altinn/faults           {"kind": "404", "order_id": "…", "count": 2}; see AltinnFaultRule
    DELETE /sandbox/altinn/faults[?id=3]    switches one off, or all
    POST   /sandbox/altinn/supply/pause, /sandbox/altinn/supply/resume

Answers are JSON. A wish that cannot be understood is answered 400 with {"error": "why"}, and nothing has changed; for
an order or a notification that is not there, 404 says so in the same way.
"""

from typing import Any

import msgspec
from aiohttp import web

from bridge.sandbox.altinn.faults import AltinnFaultRule
from bridge.sandbox.altinn.orders import Unknown
from bridge.sandbox.altinn.records import OrderWish
from bridge.sandbox.altinn.simulation import AltinnSimulation

PATH = "/sandbox/altinn"
_MAX_LISTED = 1000


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a notification is wanted."""

    status: str


class AltinnControl:
    """The handlers around one simulation."""

    def __init__(self, simulation: AltinnSimulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        return [
            web.get(f"{PATH}/state", self._state),
            web.get(f"{PATH}/orders", self._orders),
            web.post(f"{PATH}/orders", self._create),
            web.get(f"{PATH}/orders/{{order}}", self._order),
            web.post(f"{PATH}/orders/{{order}}/cancel", self._cancel),
            web.post(f"{PATH}/orders/{{order}}/notifications/{{notification}}", self._move),
            web.get(f"{PATH}/faults", self._faults),
            web.post(f"{PATH}/faults", self._add_fault),
            web.delete(f"{PATH}/faults", self._clear_faults),
            web.post(f"{PATH}/supply/pause", self._pause),
            web.post(f"{PATH}/supply/resume", self._resume),
        ]

    async def _state(self, _request: web.Request) -> web.Response:
        return _json(self._simulation.state())

    async def _orders(self, request: web.Request) -> web.Response:
        try:
            after, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "100"))
        except ValueError as error:
            return _refused(error)
        orders = self._simulation.created(after, max(1, min(limit, _MAX_LISTED)))
        return _json({"orders": orders, "next": orders[-1].number if orders else after})

    async def _create(self, request: web.Request) -> web.Response:
        try:
            orders = self._simulation.create(msgspec.json.decode(await request.read() or b"{}", type=OrderWish))
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)
        return _json({"orders": orders}, status=201)

    async def _order(self, request: web.Request) -> web.Response:
        try:
            return _json(self._simulation.order(request.match_info["order"]))
        except Unknown as error:
            return _refused(error)

    async def _cancel(self, request: web.Request) -> web.Response:
        try:
            return _json(self._simulation.cancel(request.match_info["order"]))
        except ValueError as error:
            return _refused(error)

    async def _move(self, request: web.Request) -> web.Response:
        order, notification = request.match_info["order"], request.match_info["notification"]
        try:
            wanted = msgspec.json.decode(await request.read(), type=Move)
            return _json(self._simulation.move(order, notification, wanted.status))
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)

    async def _faults(self, _request: web.Request) -> web.Response:
        return _json({"faults": self._simulation.faults()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = self._simulation.add_fault(msgspec.json.decode(await request.read(), type=AltinnFaultRule))
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)
        return _json(fault, status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        try:
            fault_id = int(request.query["id"]) if "id" in request.query else None
        except ValueError as error:
            return _refused(error)
        return _json({"cleared": self._simulation.clear_faults(fault_id)})

    async def _pause(self, _request: web.Request) -> web.Response:
        self._simulation.pause_supply()
        return _json({"supply_paused": True})

    async def _resume(self, _request: web.Request) -> web.Response:
        self._simulation.resume_supply()
        return _json({"supply_paused": False})


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _refused(error: Exception) -> web.Response:
    return _json({"error": str(error)}, status=404 if isinstance(error, Unknown) else 400)
