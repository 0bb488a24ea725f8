"""NHN's API over HTTP: `GET /notifications` and `GET /ping`.

With sign-in, a request that is not signed as it should be is answered 401; without, authorization is not looked at. A
request against the rules is answered 400 whatever fault is on. `ping` has no faults and needs no token.
"""

from collections.abc import Mapping

from aiohttp import web

from bridge.ports import Clock
from bridge.sandbox import pages
from bridge.sandbox.faults import FaultRule
from bridge.sandbox.misbehaviour import JSON_CONTENT_TYPE, MISBEHAVIOURS, UNANSWERED, stream
from bridge.sandbox.poll import InvalidPoll, Poll, parse_poll
from bridge.sandbox.problems import Problem, invalid_request, is_error, of_fault, unauthorized
from bridge.sandbox.records import NO_ANSWER, Request
from bridge.sandbox.sign_in.refused import Refused
from bridge.sandbox.sign_in.service import SignIn
from bridge.sandbox.simulation import NhnSimulation


class NhnApi:
    """The handlers around one simulation."""

    def __init__(self, simulation: NhnSimulation, clock: Clock, sign_in: SignIn | None = None) -> None:
        """`sign_in`: None where requests need no token."""
        self._simulation = simulation
        self._clock = clock
        self._sign_in = sign_in

    def routes(self) -> list[web.RouteDef]:
        """What to serve at the root of the host; NHN's paths have no prefix."""
        return [web.get("/notifications", self._notifications), web.get("/ping", self._ping)]

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.json_response({"response": "pong", "timestampUtc": self._clock.now().isoformat()})

    async def _notifications(self, request: web.Request) -> web.StreamResponse:
        if self._sign_in is not None:
            try:
                self._sign_in.check(request)
            except Refused as refused:
                return self._unauthorized(refused, self._sign_in.challenge_headers(refused))
        try:
            poll = parse_poll(
                request.raw_path.partition("?")[2],
                api_version=request.headers.get("api-version"),
                source_system=request.headers.get("nhn-source-system"),
            )
        except InvalidPoll as invalid:
            problem = invalid_request(invalid.errors, request_id=self._simulation.request_id(), now=self._clock.now())
            self._record(problem.status, None, errors=invalid.errors)
            return _as_response(problem)
        rule = self._simulation.fault_for(poll)
        if rule is not None and is_error(rule.kind):
            problem = of_fault(rule, request_id=self._simulation.request_id(), now=self._clock.now())
            self._record(problem.status, poll, rule)
            return _as_response(problem)
        return await self._page(request, poll, rule)

    async def _page(self, request: web.Request, poll: Poll, rule: FaultRule | None) -> web.StreamResponse:
        rows = self._simulation.page(poll, rule.kind if rule else None)
        if rule and (misbehave := MISBEHAVIOURS.get(rule.kind)):
            self._record(NO_ANSWER if rule.kind in UNANSWERED else 200, poll, rule)
            return await misbehave(request, rule, pages.as_body(rows))
        self._record(200, poll, rule, items=len(rows))
        if pages.is_padded(rows):
            return await stream(request, pages.chunks(rows), pages.size_bytes(rows))
        return web.Response(body=pages.encode(rows), headers={"Content-Type": JSON_CONTENT_TYPE})

    def _unauthorized(self, refused: Refused, headers: Mapping[str, str]) -> web.Response:
        problem = unauthorized(
            refused.description, headers, request_id=self._simulation.request_id(), now=self._clock.now()
        )
        self._record(problem.status, None, errors=(refused.description,))
        return _as_response(problem)

    def _record(
        self,
        status: int | str,
        poll: Poll | None,
        rule: FaultRule | None = None,
        *,
        items: int = 0,
        errors: tuple[str, ...] = (),
    ) -> None:
        self._simulation.record(
            Request(
                at=self._clock.now(),
                status=str(status),
                poll=poll,
                errors=errors,
                fault=rule.kind if rule else None,
                items=items,
            )
        )


def _as_response(problem: Problem) -> web.Response:
    return web.Response(status=problem.status, headers=problem.headers, body=problem.body)
