"""Altinn Notifications over HTTP: the e-mails of an order, a shipment, the status feed.

With sign-in, a request without a token that is as it should be is answered 401 or 403; without, everybody is the
sandbox's own organisation. A request against the rules is answered 400 whatever fault is on.
"""

from http import HTTPStatus

from aiohttp import web

from bridge.ports import Clock
from bridge.sandbox.altinn import problems
from bridge.sandbox.altinn.documents import Answer
from bridge.sandbox.altinn.faults import AltinnFaultRule, Endpoint
from bridge.sandbox.altinn.queries import FeedQuery, Invalid, parse_feed_query, parse_id
from bridge.sandbox.altinn.records import ORGANISATION, AltinnRequest
from bridge.sandbox.altinn.simulation import AltinnSimulation
from bridge.sandbox.misbehaviour import JSON_CONTENT_TYPE, MISBEHAVIOURS, UNANSWERED, body_of
from bridge.sandbox.problems import Problem
from bridge.sandbox.records import NO_ANSWER
from bridge.sandbox.sign_in.refused import Refused
from bridge.sandbox.sign_in.service import SignIn

PATH = "/notifications/api/v1"
_EMPTY = {Endpoint.EMAILS: b"{}", Endpoint.SHIPMENT: b"{}", Endpoint.FEED: b"[]"}


class AltinnApi:
    """The handlers around one simulation."""

    def __init__(self, simulation: AltinnSimulation, clock: Clock, sign_in: SignIn | None = None) -> None:
        """`sign_in`: None where requests need no token."""
        self._simulation = simulation
        self._clock = clock
        self._sign_in = sign_in

    def routes(self) -> list[web.RouteDef]:
        """What to serve; with a slash at the end and without. The feed comes before ids, one of which it is not."""
        handlers = {
            "/orders/{id}/notifications/email": self._emails,
            "/future/shipment/feed": self._feed,
            "/future/shipment/{id}": self._shipment,
        }
        return [web.get(f"{PATH}{path}{slash}", handler) for path, handler in handlers.items() for slash in ("", "/")]

    async def _emails(self, request: web.Request) -> web.StreamResponse:
        return await self._order(request, Endpoint.EMAILS)

    async def _shipment(self, request: web.Request) -> web.StreamResponse:
        return await self._order(request, Endpoint.SHIPMENT)

    async def _order(self, request: web.Request, endpoint: Endpoint) -> web.StreamResponse:
        organisation = self._asked_by(request, endpoint)
        if isinstance(organisation, web.Response):
            return organisation
        try:
            order_id = parse_id(request.match_info["id"])
        except Invalid as invalid:
            return self._invalid(endpoint, invalid)
        rule = self._simulation.fault_for(endpoint, order_id)
        if rule is not None and problems.is_error(rule.kind):
            return self._failed(endpoint, order_id, rule)
        find = self._simulation.emails if endpoint is Endpoint.EMAILS else self._simulation.shipment
        answer = find(order_id, organisation, rule)
        if answer is None:
            problem = problems.not_found(endpoint, self._simulation.request_number())
            self._record(problem.status, endpoint, order_id=order_id)
            return _as_response(problem)
        return await self._answer(request, endpoint, answer, rule, order_id=order_id)

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        organisation = self._asked_by(request, Endpoint.FEED)
        if isinstance(organisation, web.Response):
            return organisation
        if "Content-Type" in request.headers and request.content_type != "application/json":
            problem = problems.unsupported_media_type(self._simulation.request_number())
            self._record(problem.status, Endpoint.FEED, errors=("Only application/json is taken.",))
            return _as_response(problem)
        try:
            query = parse_feed_query(request.query.items())
        except Invalid as invalid:
            return self._invalid(Endpoint.FEED, invalid)
        rule = self._simulation.fault_for(Endpoint.FEED, None)
        if rule is not None and problems.is_error(rule.kind):
            return self._failed(Endpoint.FEED, None, rule)
        answer = self._simulation.feed(query, organisation, rule)
        return await self._answer(request, Endpoint.FEED, answer, rule, query=query)

    def _asked_by(self, request: web.Request, endpoint: Endpoint) -> str | web.Response:
        """The organisation that asks, or the refusal."""
        if self._sign_in is None:
            return ORGANISATION
        try:
            return self._sign_in.check_altinn(request)
        except Refused as refused:
            problem = problems.refused(refused)
            self._record(problem.status, endpoint, errors=(refused.description,))
            return _as_response(problem)

    async def _answer(
        self,
        request: web.Request,
        endpoint: Endpoint,
        answer: Answer,
        rule: AltinnFaultRule | None,
        *,
        order_id: str | None = None,
        query: FeedQuery | None = None,
    ) -> web.StreamResponse:
        misbehave = MISBEHAVIOURS.get(rule.kind) if rule else None
        self._record(
            NO_ANSWER if rule and rule.kind in UNANSWERED else HTTPStatus.OK,
            endpoint,
            order_id=order_id,
            seq=query.seq if query else None,
            rule=rule,
            items=0 if misbehave else answer.items,
        )
        if rule and misbehave:
            return await misbehave(request, rule, body_of(answer.body, empty=_EMPTY[endpoint]))
        return web.Response(body=answer.body, headers={"Content-Type": JSON_CONTENT_TYPE})

    def _invalid(self, endpoint: Endpoint, invalid: Invalid) -> web.Response:
        """400; an id that is none is no shipment's, so that nothing is there."""
        if endpoint is Endpoint.SHIPMENT:
            problem = problems.empty(HTTPStatus.NOT_FOUND)
        else:
            problem = problems.invalid(invalid.errors, self._simulation.request_number())
        self._record(problem.status, endpoint, errors=tuple(invalid.errors.values()))
        return _as_response(problem)

    def _failed(self, endpoint: Endpoint, order_id: str | None, rule: AltinnFaultRule) -> web.Response:
        problem = problems.of_fault(
            rule, endpoint=endpoint, number=self._simulation.request_number(), now=self._clock.now()
        )
        self._record(problem.status, endpoint, order_id=order_id, rule=rule)
        return _as_response(problem)

    def _record(
        self,
        status: int | str,
        endpoint: Endpoint,
        *,
        order_id: str | None = None,
        seq: int | None = None,
        rule: AltinnFaultRule | None = None,
        items: int = 0,
        errors: tuple[str, ...] = (),
    ) -> None:
        self._simulation.record(
            AltinnRequest(
                at=self._clock.now(),
                status=str(status),
                endpoint=endpoint,
                order_id=order_id,
                seq=seq,
                errors=errors,
                fault=rule.kind if rule else None,
                items=items,
            )
        )


def _as_response(problem: Problem) -> web.Response:
    return web.Response(status=problem.status, headers=problem.headers, body=problem.body)
