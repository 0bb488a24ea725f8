"""The stand-ins, switched and inspected over HTTP, beside what `bridge.sandbox.control` serves.

    GET    /sandbox/sign-in                 counts, switches, faults, the last 50 refusals
    POST   /sandbox/sign-in                 {"token_life_s": 5} changes these switches; see Switches
    POST   /sandbox/sign-in/clients         {"client_id": "…", "jwks": {"keys": [{…}]}} registers a client, or replaces
                                            its keys: public ones; see Registration
    POST   /sandbox/sign-in/nonces/turn     nonces that were given so far are not taken any more
    POST   /sandbox/sign-in/faults          {"kind": "503", "count": 3} for the issuers; see ISSUER_FAULTS
    DELETE /sandbox/sign-in/faults[?id=3]   switches one off, or all

Answers are JSON. A wish that cannot be understood is answered 400 with {"error": "why"}, and nothing has changed.
"""

from typing import Any

import msgspec
from aiohttp import web

from bridge.sandbox.faults import FaultRule
from bridge.sandbox.sign_in.clients import Registration
from bridge.sandbox.sign_in.service import SignIn
from bridge.sandbox.sign_in.switches import Switches

_PATH = "/sandbox/sign-in"


class SignInControl:
    """The handlers around the stand-ins."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        return [
            web.get(_PATH, self._state),
            web.post(_PATH, self._switch),
            web.post(f"{_PATH}/clients", self._register),
            web.post(f"{_PATH}/nonces/turn", self._turn_nonces),
            web.post(f"{_PATH}/faults", self._add_fault),
            web.delete(f"{_PATH}/faults", self._clear_faults),
        ]

    async def _state(self, _request: web.Request) -> web.Response:
        return _json(self._sign_in.state())

    async def _switch(self, request: web.Request) -> web.Response:
        try:
            changes = msgspec.json.decode(await request.read(), type=dict[str, Any])
            known = msgspec.to_builtins(self._sign_in.switches)
            self._sign_in.switches = msgspec.convert({**known, **changes}, Switches)
        except msgspec.DecodeError as error:
            return _refused(error)
        return _json(self._sign_in.switches)

    async def _register(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=Registration)
            self._sign_in.register(wanted)
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)
        return _json({"client_id": wanted.client_id, "keys": len(wanted.jwks.keys)}, status=201)

    async def _turn_nonces(self, _request: web.Request) -> web.Response:
        self._sign_in.turn_nonces()
        return _json({"nonces_turned": True})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = self._sign_in.add_fault(msgspec.json.decode(await request.read(), type=FaultRule))
        except (msgspec.DecodeError, ValueError) as error:
            return _refused(error)
        return _json(fault, status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        try:
            fault_id = int(request.query["id"]) if "id" in request.query else None
        except ValueError as error:
            return _refused(error)
        return _json({"cleared": self._sign_in.clear_faults(fault_id)})


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _refused(error: Exception) -> web.Response:
    return _json({"error": str(error)}, status=400)
