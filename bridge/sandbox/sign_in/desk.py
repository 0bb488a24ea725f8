"""What all stand-ins share: clients, switches, faults, a clock that may be wrong, and the way they answer."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec
from aiohttp import web

from bridge.ports import Clock
from bridge.sandbox.faults import ActiveFault, FaultKind, FaultPlan, FaultRule
from bridge.sandbox.misbehaviour import MISBEHAVIOURS, NOTHING, stream
from bridge.sandbox.problems import gateway_error
from bridge.sandbox.sign_in.clients import Clients
from bridge.sandbox.sign_in.refused import USE_DPOP_NONCE, Refused
from bridge.sandbox.sign_in.switches import ISSUER_FAULTS, Ledger, Refusal, SignInState, Switches

Handler = Callable[[web.Request], Awaitable[web.Response]]
_GATEWAY_ERRORS = {
    FaultKind.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
    FaultKind.SERVER_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
    FaultKind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
_ANYBODY = frozenset({0})
"""Stands for the receivers of a request that is for none."""


class Desk:
    """Where requests to the issuers are counted, faults met and answers dated."""

    def __init__(
        self,
        clock: Clock,
        *,
        clients: Clients,
        switches: Switches,
        seed: int,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`on_notice`: told each refusal, in a sentence."""
        self.clients = clients
        self.switches = switches
        self._clock = clock
        self._faults = FaultPlan(seed)
        self._ledger = Ledger()
        self._on_notice = on_notice
        self._told = ""

    def now(self) -> datetime:
        """By the issuers' clock."""
        return self._clock.now() + timedelta(seconds=self.switches.clock_ahead_s)

    def now_s(self) -> float:
        """The same as Unix time."""
        return self.now().timestamp()

    def monotonic_s(self) -> float:
        """For what no wrong clock may change."""
        return self._clock.monotonic()

    def date(self) -> str:
        """The header `Date`."""
        return format_datetime(self.now(), usegmt=True)

    def accept(self, by: str) -> None:
        """Count a request that was in order."""
        self._ledger.accepted[by] += 1

    def note(self, by: str, refused: Refused) -> None:
        """Count one that was not, and remember it unless it belongs to every sign-in."""
        self._ledger.refused[f"{by} {refused.error or 'unsigned'}"] += 1
        if refused.error != USE_DPOP_NONCE:
            self._ledger.recent.append(
                Refusal(at=self.now(), by=by, error=refused.error, description=refused.description)
            )

    def tell(self, notice: str) -> None:
        """Once, however often it happens in a row."""
        if notice != self._told:
            self._told = notice
            self._on_notice(notice)

    def state(self) -> SignInState:
        """Counts, switches and the last refusals."""
        return SignInState(
            switches=self.switches,
            accepted=dict(self._ledger.accepted),
            refused=dict(self._ledger.refused),
            faults=self.faults(),
            recent_refusals=list(self._ledger.recent),
        )

    def add_fault(self, rule: FaultRule) -> ActiveFault[FaultRule]:
        """Let something go wrong at the issuers. Raises ValueError for a fault that is none of theirs."""
        if rule.kind not in ISSUER_FAULTS:
            raise ValueError(f"{rule.kind} is no fault of issuers; there are: {', '.join(ISSUER_FAULTS)}")
        if rule.her_id is not None or rule.above_her_ids:
            raise ValueError("a request to an issuer is for no HER-id")
        return self._faults.add(rule, self.monotonic_s())

    def clear_faults(self, fault_id: int | None = None) -> int:
        """Switch one fault off, or all; returns how many were on."""
        return self._faults.clear(fault_id)

    def faults(self) -> list[ActiveFault[FaultRule]]:
        """Those that are on."""
        return self._faults.active(self.monotonic_s())

    def serve(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A handler that meets the faults that are on."""

        async def met(request: web.Request) -> web.StreamResponse:
            rule = self._faults.for_request(_ANYBODY, self.monotonic_s())
            if rule is None:
                return await handler(request)
            if status := _GATEWAY_ERRORS.get(rule.kind):
                problem = gateway_error(status, rule, self.now())
                return self._dated(web.Response(status=problem.status, headers=problem.headers, body=problem.body))
            if rule.kind is FaultKind.SLOW_DRIP:
                return await _drip(request, await handler(request), rule.interval_s)
            return await MISBEHAVIOURS[rule.kind](request, rule, NOTHING)

        return met

    def json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
        """An answer that nobody may store (RFC 6749 §5.1)."""
        body = msgspec.json.encode(value)
        return self._dated(web.Response(status=status, body=body, content_type="application/json"))

    def text(self, text: str) -> web.Response:
        """A plain answer."""
        return self._dated(web.Response(text=text))

    def empty(self, status: HTTPStatus) -> web.Response:
        """An answer that says nothing."""
        return self._dated(web.Response(status=status))

    def refuse(self, by: str, refused: Refused, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
        """An OAuth error (RFC 6749 §5.2), counted and told."""
        self.note(by, refused)
        if refused.error != USE_DPOP_NONCE:
            self.tell(f"Refused by {by}: {refused.description}")
        body = {"error": refused.error, "error_description": refused.description}
        response = self.json(body, HTTPStatus.BAD_REQUEST)
        response.headers.update(headers)
        return response

    def _dated(self, response: web.Response) -> web.Response:
        response.headers["Date"] = self.date()
        response.headers["Cache-Control"] = "no-store"
        return response


async def _drip(request: web.Request, response: web.Response, interval_s: float) -> web.StreamResponse:
    """The right answer, a byte at a time."""
    body = response.body if isinstance(response.body, bytes) else b""
    drops = (bytes((byte,)) for byte in body)
    return await stream(
        request, drops, len(body), status=response.status, headers=dict(response.headers), interval_s=interval_s
    )


def base_url(request: web.Request) -> str:
    """The server's address as the client wrote it, so that one in a container or behind a name has one, too."""
    return f"{request.scheme}://{request.host}"


def asked_url(request: web.Request) -> str:
    """The URL of a request without its query."""
    return f"{base_url(request)}{request.rel_url.raw_path}"
