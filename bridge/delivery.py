"""Publishing until every message is confirmed and routed, or parked: the one place that decides what is sent again.

    wait at the gate -> write the pages in order -> wait for the outcomes -> send again what was refused, park or hold
    what was returned, and after a lost session go on at the first message without a confirm, whatever page it is in

The session (ports.Session) tries once and tells; nothing else in the bridge repeats a publish.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

from bridge.errors import BridgeError, BrokerUnavailable
from bridge.events.message import Message
from bridge.events.parked import MAX_BODY_BYTES, Reason, park, park_remains
from bridge.ports import Broker, Clock, Outcome, Session
from bridge.retry import Backoff

SINGLY_AFTER_LOST_SESSIONS = 2
"""After so many sessions lost in a row without a confirm, a page's messages go one at a time: a message that makes the
broker close the channel is then alone in flight, is found, parked and passed (G5)."""
UNROUTABLE = "no queue is bound for an event, and it may not be parked"
GATE_LOOK_S = 1.0
"""Seconds between two looks at a gate that is closed."""
LOOKS_A_TELL = 15
"""The gate's being closed is told at the first look, and then at each fifteenth."""

Gate = Callable[[Iterable[str]], str | None]
"""Why none of these exchanges may be published to now, as a clause; None: all may (`RouteContract.why_closed`)."""


def always_open(_: Iterable[str]) -> None:
    """The gate of who has no route contract."""


class Unroutable(BridgeError):
    """No queue is bound for a message, and nobody waits until one is."""

    def __init__(self, message: Message) -> None:
        super().__init__(
            f"no queue is bound for {message.routing_key} of the exchange {message.exchange or '(default)'}"
        )


class DeliveryObserver(Protocol):
    """What delivering tells to whoever shows it: bridge.ops.telemetry."""

    def parked(self, message: Message, reason: str) -> None: ...
    def publish_interrupted(self, outcome: str, count: int, *, retry_in_s: float) -> None: ...
    def held(self, reason: str, *, kind: str) -> None: ...
    def released(self) -> None: ...


class _Page:
    """The messages of one `deliver` and which of them are still open."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = list(messages)
        self.open = list(range(len(self.messages)))
        """Indexes of messages that are not yet settled, in order."""
        self.session: Session | None = None
        """The session that everything open was last written to; None: something open is still to be written."""
        self.rewinds = 0
        self.window = len(self.messages)
        """How many of the open ones go at a time: all, until the broker refuses some."""
        self.singly = False
        self.held: str | None = None
        """Why it waits for a queue; None: it does not."""

    def note_refusals(self, outcomes: Sequence[Outcome]) -> None:
        """Go on with as many as there seems to be room for, doubled each time that all of them fitted.

        Of what one full queue refuses, each healthy queue gets a copy at every try (G2).
        """
        if Outcome.REFUSED in outcomes or self.window < len(self.messages):
            self.window = max(1, 2 * outcomes.count(Outcome.ROUTED))

    def rewind(self) -> None:
        """Send everything again: a message of a page before this one was lost."""
        self.open = list(range(len(self.messages)))
        self.session = None
        self.rewinds += 1


class Delivery:
    """Delivers the pages of one stream, in order. Calls of `deliver` may overlap; each is one page."""

    def __init__(
        self,
        broker: Broker,
        *,
        clock: Clock,
        observer: DeliveryObserver,
        unroutable: Literal["park", "hold", "fail"],
        parked_exchange: str,
        parked_limit: int,
        backoff: Backoff | None = None,
        gate: Gate = always_open,
    ) -> None:
        """`unroutable`: `fail` lets `deliver` raise Unroutable. `parked_limit`: messages in the parked queue from which
        on returned messages are held instead of parked. `gate`: looked at before each write.
        """
        self._broker = broker
        self._clock = clock
        self._observer = observer
        self._unroutable = unroutable
        self._parked_exchange = parked_exchange
        self._parked_limit = parked_limit
        self._backoff = backoff or Backoff()
        self._gate = gate
        self._held_shown: str | None = None
        self._line: list[_Page] = []
        """The pages in flight, oldest first."""
        self._line_moved = asyncio.Condition()
        self._opening = asyncio.Lock()
        self._session: Session | None = None
        self._sessions_lost = 0

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Return once every message, and every message of the pages before, is confirmed and routed, or parked.

        Raises Unroutable, where that is wanted; nothing is known then of the page's other messages.
        """
        # What else no broker can take, the session finds as it encodes it.
        page = _Page([self._park(m, "poison") if len(m.body) > MAX_BODY_BYTES else m for m in messages])
        self._line.append(page)
        attempt = 0
        try:
            while not await self._is_done(page):
                session, indexes = await self._turn(page)
                rewinds = page.rewinds
                outcomes = await session.publish([page.messages[index] for index in indexes])
                parking_allowed = await self._parking_allowed(session, outcomes)
                if page.rewinds != rewinds:
                    continue  # a page before lost its session: these outcomes no longer count
                attempt = 0 if Outcome.ROUTED in outcomes else attempt + 1
                page.note_refusals(outcomes)
                again = self._settle(page, indexes, outcomes, parking_allowed=parking_allowed)
                await self._tell_line()
                if again:
                    await self._pause(again, attempt)
        finally:
            self._line.remove(page)
            await asyncio.shield(self._tell_line())

    async def close(self) -> None:
        """Close the session; bounded, never raises."""
        if self._session is not None:
            await self._session.close()

    async def _is_done(self, page: _Page) -> bool:
        """Done: nothing of the page is open, and no page before it is left that could rewind it."""
        async with self._line_moved:
            await self._line_moved.wait_for(lambda: page.open or self._line[0] is page)
        return not page.open

    async def _turn(self, page: _Page) -> tuple[Session, list[int]]:
        """The session to write to and what to write, once every page before has been written to that same session.

        Between the return and the caller's `publish` nothing else runs, so the order of turns is the order of writes.
        """
        while True:
            session = await self._open_session()
            await self._pass_gate(page)
            async with self._line_moved:
                before = self._line[: self._line.index(page)]
                if session.is_open and all(other.session is session or not other.open for other in before):
                    indexes = page.open[: 1 if page.singly else page.window]
                    is_all_written = page.session is session or len(indexes) == len(page.open)
                    page.session = session if is_all_written else None
                    self._line_moved.notify_all()
                    return session, indexes
                if session.is_open:
                    await self._line_moved.wait()

    async def _pass_gate(self, page: _Page) -> None:
        """Return when the page may be published as far as its exchanges go."""
        for look in itertools.count():
            why = self._why_closed(page)
            if why is None:
                if look:
                    self._show_held(page, None)
                return
            self._show_held(page, why)
            if look % LOOKS_A_TELL == 0:
                self._observer.publish_interrupted("route-missing", 0, retry_in_s=GATE_LOOK_S)
            await self._clock.sleep(GATE_LOOK_S)

    def _why_closed(self, page: _Page) -> str | None:
        return self._gate(page.messages[index].exchange for index in page.open)

    async def _open_session(self) -> Session:
        """The session that is open, or a new one as soon as a broker gives one."""
        async with self._opening:
            attempt = 0
            while self._session is None or not self._session.is_open:
                try:
                    self._session = await self._broker.session()
                except BrokerUnavailable as error:
                    delay_s = self._backoff.delay_s(attempt, error.retry_after_s)
                    self._observer.publish_interrupted("unavailable", 0, retry_in_s=delay_s)
                    attempt += 1
                    await self._clock.sleep(delay_s)
            return self._session

    async def _parking_allowed(self, session: Session, outcomes: Sequence[Outcome]) -> bool:
        """Whether a returned message may be parked: by setting, and as long as the parked queue has room."""
        if Outcome.RETURNED not in outcomes or self._unroutable != "park":
            return False
        try:
            return await session.parked_count() < self._parked_limit
        except BrokerUnavailable:
            return False

    def _settle(
        self, page: _Page, indexes: Sequence[int], outcomes: Sequence[Outcome], *, parking_allowed: bool
    ) -> dict[str, int]:
        """Take in what became of a page's messages. Returns how many to send again after a pause, by cause."""
        again: dict[str, int] = {}
        routed: set[int] = set()
        for index, outcome in zip(indexes, outcomes, strict=True):
            if outcome is Outcome.ROUTED:
                routed.add(index)
                if reason := page.messages[index].parked_reason:
                    self._observer.parked(page.messages[index], reason)
            elif outcome is Outcome.UNKNOWN:
                self._lose_session(page, progressed=Outcome.ROUTED in outcomes)
                again["unknown"] = len(page.open) - len(routed)
                break  # all after it go again, whatever came of them: they must not stand before it
            elif cause := self._mend(page, index, outcome, parking_allowed=parking_allowed):
                again[cause] = again.get(cause, 0) + 1
        else:
            self._sessions_lost = 0
            self._show_held(page, UNROUTABLE if "held" in again else None)
        page.open = [index for index in page.open if index not in routed]
        return again

    def _mend(self, page: _Page, index: int, outcome: Outcome, *, parking_allowed: bool) -> str | None:
        """Replace a message by its parked form. Returns why it has to wait, where it is to go again as it is."""
        message = page.messages[index]
        match outcome:
            case Outcome.RETURNED if self._unroutable == "fail":
                raise Unroutable(message)
            case Outcome.RETURNED if message.parked_reason or not parking_allowed:
                return "held"
            case Outcome.RETURNED:
                page.messages[index] = self._park(message, "unroutable")
                page.session = None
            case Outcome.POISON:
                page.messages[index] = self._park(message, "poison")
                page.session, page.singly = None, False
            case _:
                return "refused"
        return None

    def _lose_session(self, page: _Page, *, progressed: bool) -> None:
        """Everything from the page's first open message on goes again, and every page after it from its start."""
        page.session = None
        position = self._line.index(page)
        for later in self._line[position + 1 :]:
            later.rewind()
        if position == 0:
            self._sessions_lost = 0 if progressed else self._sessions_lost + 1
            page.singly = page.singly or self._sessions_lost >= SINGLY_AFTER_LOST_SESSIONS

    def _show_held(self, page: _Page, why: str | None) -> None:
        """The stream is held as long as any of its pages is, and for the reason of the oldest."""
        page.held = why
        shown = next((each.held for each in self._line if each.held), None)
        if shown is not None and shown != self._held_shown:
            self._observer.held(shown, kind="unroutable" if shown == UNROUTABLE else "route-missing")
        elif shown is None and self._held_shown is not None:
            self._observer.released()
        self._held_shown = shown

    async def _pause(self, again: dict[str, int], attempt: int) -> None:
        delay_s = self._backoff.delay_s(attempt)
        for cause, count in again.items():
            self._observer.publish_interrupted(cause, count, retry_in_s=delay_s)
        await self._clock.sleep(delay_s)

    def _park(self, message: Message, reason: Reason) -> Message:
        """The parked form; of a parked form that the broker cannot take either, what can be kept of it."""
        at, exchange = self._clock.now(), self._parked_exchange
        if message.parked_reason:
            return park_remains(message, at=at)
        detail = {"unroutable": "no queue is bound for this routing key"}.get(reason, "the broker cannot take it")
        return park(message, exchange=exchange, reason=reason, detail=detail, at=at)

    async def _tell_line(self) -> None:
        async with self._line_moved:
            self._line_moved.notify_all()
