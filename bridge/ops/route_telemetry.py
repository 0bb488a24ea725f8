"""What happens to the route contract: each call makes the log line and the state, as `telemetry`."""

import structlog
from structlog.typing import FilteringBoundLogger

from bridge.ops.conditions import RouteCondition, continued
from bridge.ops.poll_telemetry import clipped
from bridge.ops.repeats import Repeats
from bridge.ops.state import BridgeState
from bridge.routes import Judgement, Route, Verdict


class RouteTelemetry:
    """Of subscribers' queues and their bindings; called by whoever looks at them."""

    def __init__(self, state: BridgeState) -> None:
        self._state = state
        self._repeats = Repeats()
        self._log: FilteringBoundLogger = structlog.get_logger()

    def judged(self, route: Route, judgement: Judgement) -> None:
        """What is known of a route now; what has not changed is not told again."""
        now, known = self._state.clock.monotonic(), self._state.routes.known.get(route)
        if known is not None and known.judgement == judgement:
            return
        was_missing = known is not None and known.judgement.verdict is Verdict.MISSING
        is_missing = judgement.verdict is Verdict.MISSING
        since = known.since if known is not None and was_missing == is_missing else now
        self._state.routes.known[route] = RouteCondition(judgement, since)
        log = self._log.bind(queue=route.queue, exchange=route.exchange)
        if is_missing:
            found = clipped(judgement.found)
            self._state.note_error("route-missing", f"queue {route.queue}: {found}")
            log.warning("route.missing", found=found, fix=judgement.fix, required=route.required, holds=route.holds)
        elif known is not None and was_missing:
            log.info("route.mended", found=judgement.found, after_s=round(now - known.since, 1))

    def declared_anew(self, route: Route) -> None:
        """A queue that the bridge declares was gone: what came in between is not in the new one."""
        self._state.note_error("route-declared-anew", f"queue {route.queue} was gone, and was declared again")
        self._log.warning("route.declared-anew", queue=route.queue, exchange=route.exchange)

    def bound_anew(self, route: Route, patterns: str) -> None:
        """Somebody unbound a queue that the bridge binds: it missed what came in between."""
        self._state.note_error("route-bound-anew", f"queue {route.queue} was unbound ({patterns}), and was bound again")
        self._log.warning("route.bound-anew", queue=route.queue, exchange=route.exchange, bindings=patterns)

    def bindings_unseen(self, why: str, *, is_trouble: bool) -> None:
        """Bindings cannot be looked at; what was known of them holds. `is_trouble`: the settings say how they could."""
        routes, now, why = self._state.routes, self._state.clock.monotonic(), clipped(why)
        routes.unseen = why
        if is_trouble:
            routes.failure = continued(routes.failure, now, "not-verifiable", why)
            self._state.note_error("routes-not-verifiable", why)
        times = self._repeats.due("bindings", why, now)
        if times is not None:
            tell = self._log.warning if is_trouble else self._log.info
            tell("routes.not-verifiable", reason=why, times=times)

    def bindings_seen(self) -> None:
        """They have been looked at."""
        routes = self._state.routes
        failure, routes.failure, routes.unseen = routes.failure, None, None
        if failure is not None and self._repeats.ended("bindings"):
            self._log.info("routes.verifiable", after_s=round(self._state.clock.monotonic() - failure.since, 1))
