"""The control endpoint: the simulation, switched and inspected over HTTP, under `/sandbox/` on the same port.

    GET    /sandbox/state                   counts per status, the last position, active faults, the last 50 requests
    GET    /sandbox/her-ids                 the receivers as text, one a line, fit for BRIDGE_NHN__HER_IDS_FILE
    GET    /sandbox/faults                  the faults that are on
    POST   /sandbox/faults                  {"kind": "429", "count": 3} switches one on; see FaultRule
    DELETE /sandbox/faults[?id=3]           switches one off, or all
    POST   /sandbox/notifications           {"count": 5, "her_ids": [6789]} creates some now; see Creation
    GET    /sandbox/created[?after=&limit=] what was created behind position `after` (0), at most `limit` (1000, up to
                                            10,000), hidden positions included; `next` is the `after` of the next page
    POST   /sandbox/supply/pause, /sandbox/supply/resume

Answers are JSON. A wish that cannot be understood is answered 400 with {"error": "why"}, and nothing has changed.
"""

from typing import Any

import msgspec
from aiohttp import web

from bridge.sandbox.faults import FaultRule
from bridge.sandbox.records import Creation
from bridge.sandbox.simulation import NhnSimulation

_MAX_CREATED = 10_000


class Control:
    """The handlers around one simulation."""

    def __init__(self, simulation: NhnSimulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        return [
            web.get("/sandbox/state", self._state),
            web.get("/sandbox/her-ids", self._her_ids),
            web.get("/sandbox/faults", self._faults),
            web.post("/sandbox/faults", self._add_fault),
            web.delete("/sandbox/faults", self._clear_faults),
            web.post("/sandbox/notifications", self._create),
            web.get("/sandbox/created", self._created),
            web.post("/sandbox/supply/pause", self._pause),
            web.post("/sandbox/supply/resume", self._resume),
        ]

    async def _state(self, _request: web.Request) -> web.Response:
        return _json(self._simulation.state())

    async def _her_ids(self, _request: web.Request) -> web.Response:
        return web.Response(text="".join(f"{her_id}\n" for her_id in self._simulation.her_ids))

    async def _faults(self, _request: web.Request) -> web.Response:
        return _json({"faults": self._simulation.faults()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = self._simulation.add_fault(msgspec.json.decode(await request.read(), type=FaultRule))
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)
        return _json(fault, status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        try:
            fault_id = int(request.query["id"]) if "id" in request.query else None
        except ValueError as error:
            return _refused(error)
        return _json({"cleared": self._simulation.clear_faults(fault_id)})

    async def _create(self, request: web.Request) -> web.Response:
        try:
            rows = self._simulation.create(msgspec.json.decode(await request.read() or b"{}", type=Creation))
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)
        return _json({"created": self._simulation.created(rows[0].position - 1, len(rows))}, status=201)

    async def _created(self, request: web.Request) -> web.Response:
        try:
            after, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "1000"))
        except ValueError as error:
            return _refused(error)
        created = self._simulation.created(after, max(1, min(limit, _MAX_CREATED)))
        return _json({"created": created, "next": created[-1].position if created else after})

    async def _pause(self, _request: web.Request) -> web.Response:
        self._simulation.pause_supply()
        return _json({"supply_paused": True})

    async def _resume(self, _request: web.Request) -> web.Response:
        self._simulation.resume_supply()
        return _json({"supply_paused": False})


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _refused(error: Exception) -> web.Response:
    return _json({"error": str(error)}, status=400)
