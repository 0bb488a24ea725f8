"""The route contract at run time: looked at again and again, told when it breaks and is mended, and the gate that holds
what would miss a subscriber (product.md §5).

    AMQP says whether each queue is there, on every new connection before anything is published, and every LOOK_S
    the management API, where there is one, says what they are bound with; while it is away, what it said last holds
    -> judged -> told -> the gate is closed for the exchanges of what is missing and holds

A subscriber declares its queue first and binds it then: one that is back counts as missing for LOOK_S more, so that
nothing is published in between.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from bridge.errors import BrokerUnavailable
from bridge.ports import Clock
from bridge.routes import Judgement, Place, Route, RouteFacts, Verdict, judge, unbound_of
from bridge.supervisor import unless_stopped

LOOK_S = 5.0
"""Seconds between two looks. What is published in between, a subscriber whose queue has just gone does miss."""
NO_MANAGEMENT = "BRIDGE_BROKER__MANAGEMENT_URL is not set, so only whether queues exist is looked at"
JUST_BACK = "the queue is back, and has a moment to be bound"
NOT_LOOKED_YET = "the bindings of the route contract have not been looked at yet"

JUST_BACK_FACTS = RouteFacts(exists=False, trouble=JUST_BACK)


class Queues(Protocol):
    """AMQP: bridge.rabbitmq.connection."""

    async def look_at_routes(self) -> Place:
        """Look at the queues, and tell `queues_seen`; returns where that was. Raises BrokerUnavailable."""
        ...


class Bindings(Protocol):
    """The management API: bridge.rabbitmq.bindings."""

    async def look(self, place: Place, routes: Sequence[Route]) -> Mapping[Route, frozenset[str]]:
        """The patterns that each route is bound with there. Raises BrokerUnavailable."""
        ...


class RouteObserver(Protocol):
    """What is told to whoever shows it: bridge.ops.route_telemetry. Must not raise or wait."""

    def judged(self, route: Route, judgement: Judgement) -> None:
        """What is known of a route now; told at every look."""
        ...

    def declared_anew(self, route: Route) -> None:
        """Its queue was gone, and the bridge has declared it again: what came in between is not in it."""
        ...

    def bound_anew(self, route: Route, patterns: str) -> None:
        """Its queue was no longer bound with these, and the bridge has bound it again: likewise."""
        ...

    def bindings_unseen(self, why: str, *, is_trouble: bool) -> None:
        """Bindings cannot be looked at now; `is_trouble`: though the settings say how."""
        ...

    def bindings_seen(self) -> None:
        """They have been looked at."""
        ...


class RouteContract:
    """One a process. Told what was seen, asked whether an exchange may be published to."""

    def __init__(
        self, routes: Sequence[Route], *, bindings: Bindings | None, observer: RouteObserver, clock: Clock
    ) -> None:
        """`bindings`: asks the management API; None: there is none."""
        self._bindings = bindings
        self._observer = observer
        self._clock = clock
        self._facts = dict.fromkeys(routes, RouteFacts())
        self._bound_by_others = [route for route in routes if route.bindings and not route.declare]
        """The routes whose bindings the management API alone shows."""
        self._bound_by_us = [route for route in routes if route.bindings and route.declare]
        self._place: Place | None = None
        """Where the last look was."""
        self._awaits_first_look = bindings is not None and bool(self._bound_by_others)
        self._back_since: dict[Route, float] = {}
        """Routes whose queue was missing at one look and there at the next."""
        self._closed: dict[str, str] = {}
        """Exchange → why it may not be published to."""
        self._judge_all()

    def why_closed(self, exchanges: Iterable[str]) -> str | None:
        """The gate: why none of these exchanges may be published to now; None: all may. One clause."""
        if not self._closed:
            return None
        return next((self._closed[exchange] for exchange in exchanges if exchange in self._closed), None)

    def queues_seen(self, seen: Mapping[Route, RouteFacts]) -> None:
        """What AMQP showed; what it did not show stays as it was known."""
        for route, facts in seen.items():
            known = self._facts[route]
            if facts.declared_anew and known.exists is not None:
                self._observer.declared_anew(route)
            if facts.exists and known.exists is False and route in self._bound_by_others:
                self._back_since[route] = self._clock.monotonic()
            if facts.exists is not None:
                bound = known.bound if facts.bound is None else facts.bound
                self._facts[route] = msgspec.structs.replace(facts, bound=bound)
        self._judge_all()

    async def run(self, queues: Queues, stop: asyncio.Event) -> None:
        """Look until `stop`. A Service of the supervisor."""
        if self._bindings is None and self._bound_by_others:
            self._observer.bindings_unseen(NO_MANAGEMENT, is_trouble=False)
        while not stop.is_set():
            await unless_stopped(stop, self._look(queues))
            await unless_stopped(stop, self._clock.sleep(LOOK_S))

    async def _look(self, queues: Queues) -> None:
        with suppress(BrokerUnavailable):  # the broker's own observer is told; what is known of the routes holds
            unbound = await self._unbound()
            self._place = await queues.look_at_routes()
            for route, patterns in unbound.items():
                facts = self._facts[route]
                if facts.bound and not facts.declared_anew:
                    self._observer.bound_anew(route, patterns)
            if self._bindings is not None and self._bound_by_others:
                await self._look_at_bindings(self._bindings, self._place)

    async def _unbound(self) -> Mapping[Route, str]:
        """What somebody has unbound, since the last look, of the queues that the next one binds again."""
        if self._bindings is None or self._place is None or not self._bound_by_us:
            return {}
        with suppress(BrokerUnavailable):  # a binding that nobody can see is bound again all the same
            seen = await self._bindings.look(self._place, self._bound_by_us)
            return {route: missing for route, bound in seen.items() if (missing := unbound_of(route, bound))}
        return {}

    async def _look_at_bindings(self, bindings: Bindings, place: Place) -> None:
        try:
            for route, bound in (await bindings.look(place, self._bound_by_others)).items():
                self._facts[route] = msgspec.structs.replace(self._facts[route], bound=bound)
        except BrokerUnavailable as error:
            self._observer.bindings_unseen(str(error), is_trouble=True)
        else:
            self._observer.bindings_seen()
        self._awaits_first_look = False
        self._judge_all()

    def _judge_all(self) -> None:
        """The one place that decides what is missing and what waits for it."""
        closed: dict[str, str] = {}
        for route, facts in self._facts.items():
            judgement = judge(route, JUST_BACK_FACTS if self._is_just_back(route) else facts)
            self._observer.judged(route, judgement)
            if route.holds and judgement.verdict is Verdict.MISSING:
                closed[route.exchange] = f"queue {route.queue} of the route contract: {judgement.found}"
            elif route.holds and self._awaits_first_look and route in self._bound_by_others:
                closed.setdefault(route.exchange, NOT_LOOKED_YET)
        self._closed = closed

    def _is_just_back(self, route: Route) -> bool:
        since = self._back_since.get(route)
        return since is not None and self._clock.monotonic() - since < LOOK_S
