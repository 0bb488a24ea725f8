"""A broker in memory behind the ports Broker and Session, whose every answer a test decides.

    broker = FakeBroker()
    broker.script("id-1", Outcome.REFUSED, Outcome.ROUTED)   # what becomes of its first and its second try
    broker.script("id-2", Loss.AFTER)                        # it arrives, but the connection is lost before its confirm
    broker.hold(); ...; broker.confirm("id-3")               # confirms one by one, in any order

What is not scripted is routed. It passes the contract of tests/contract/test_session.py. It has no clock: a confirm
that never comes is `lose`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from bridge.errors import BrokerUnavailable
from bridge.events.message import Message
from bridge.ports import Outcome


class Loss(Enum):
    """How the connection, or the channel, is lost over a message."""

    BEFORE = "before"
    """It never reaches the broker; nor does what is written after it."""
    AFTER = "after"
    """It is in the queue, and its confirm never comes."""
    OVER_IT = "over it"
    """The broker closes the channel because of this very message: it is POISON where nothing else is in flight."""


Fate = Outcome | Loss


@dataclass(eq=False)
class _Sent:
    """One message that a session wrote."""

    message: Message
    session: "FakeSession"
    settle: Callable[[Outcome], None]
    fate: Fate | None = None
    """None until it reaches the broker."""


class FakeBroker:
    """See the module."""

    def __init__(self, *, max_in_flight: int = 4000) -> None:
        self.arrived: list[Message] = []
        """What is in the queues, in the order of arrival."""
        self.tried: list[Message] = []
        """Every message that a session wrote, in the order of writing, whatever became of it."""
        self.sessions: list[FakeSession] = []
        """Every session there was, the last one last."""
        self.unavailable = 0
        """So many of the next calls of `session` raise BrokerUnavailable."""
        self.parked = 0
        """What `parked_count` says."""
        self.bound_keys: set[str] | None = None
        """Routing keys that a queue is bound for; None: all."""
        self.refused_keys: set[str] = set()
        self.missing_exchanges: set[str] = set()
        self.max_in_flight = max_in_flight
        self._scripts: dict[str, deque[Fate]] = {}
        self._in_flight: list[_Sent] = []
        self._holds_confirms = False
        self._holds_messages = False
        self._changed = asyncio.Event()

    @property
    def in_flight(self) -> list[str]:
        """Ids of what is written and not settled, in the order of writing."""
        return [sent.message.id for sent in self._in_flight]

    def script(self, message_id: str, *fates: Fate) -> None:
        """What becomes of the next tries of a message, one after the other. UNKNOWN is `Loss.BEFORE`."""
        self._scripts.setdefault(message_id, deque()).extend(fates)

    def hold(self) -> None:
        """Confirms, returns and nacks come only when `confirm` or `release` says so."""
        self._holds_confirms = True

    def hold_messages(self) -> None:
        """What is written stays on its way until `release`."""
        self._holds_messages = True

    def confirm(self, *message_ids: str) -> None:
        """Let the answers to these messages come now."""
        for sent in [sent for sent in self._in_flight if sent.message.id in message_ids]:
            self._answer(sent)

    def release(self) -> None:
        """Hold nothing any more."""
        self._holds_confirms = self._holds_messages = False
        for sent in list(self._in_flight):
            self._arrive(sent)

    def lose(self) -> None:
        """The connection ends now: whatever has no answer yet is UNKNOWN."""
        for session in self.sessions:
            session.end()

    async def session(self) -> "FakeSession":
        """As `ports.Broker.session`."""
        await asyncio.sleep(0)
        if self.unavailable:
            self.unavailable -= 1
            raise BrokerUnavailable("the fake broker is unavailable, as scripted")
        self.sessions.append(FakeSession(self))
        return self.sessions[-1]

    async def close(self) -> None:
        """As `RabbitBroker.close`."""
        self.lose()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when it is so; looked at whenever anything changes here."""
        while not is_so():
            self._changed.clear()
            await self._changed.wait()

    def has_room(self, session: "FakeSession", message: Message) -> bool:
        """Whether the session may write the message now."""
        same = any(sent.session is session and sent.message.id == message.id for sent in self._in_flight)
        return len(self._in_flight) < self.max_in_flight and not same

    def write(self, sent: _Sent) -> None:
        self.tried.append(sent.message)
        self._in_flight.append(sent)
        asyncio.get_running_loop().call_soon(self._arrive, sent)

    def forget(self, session: "FakeSession") -> None:
        self._in_flight = [sent for sent in self._in_flight if sent.session is not session]
        self._changed.set()

    def _arrive(self, sent: _Sent) -> None:
        if sent not in self._in_flight or self._holds_messages:
            return
        if sent.fate is None:
            sent.fate = self._fate(sent.message)
            if sent.fate in {Outcome.ROUTED, Loss.AFTER}:
                self.arrived.append(sent.message)
                self._changed.set()
        if not self._holds_confirms or sent.fate in {Loss.BEFORE, Loss.OVER_IT, Outcome.UNKNOWN}:
            self._answer(sent)

    def _fate(self, message: Message) -> Fate:
        if script := self._scripts.get(message.id):
            return script.popleft()
        if message.exchange in self.missing_exchanges:
            return Outcome.UNKNOWN
        if message.routing_key in self.refused_keys:
            return Outcome.REFUSED
        is_bound = self.bound_keys is None or message.routing_key in self.bound_keys
        return Outcome.ROUTED if is_bound else Outcome.RETURNED

    def _answer(self, sent: _Sent) -> None:
        match sent.fate:
            case Loss.BEFORE | Loss.AFTER:
                self.lose()
            case Outcome.UNKNOWN | Loss.OVER_IT:
                if sent.fate is Loss.OVER_IT and len(self._in_flight) == 1:
                    sent.settle(Outcome.POISON)
                sent.session.end()
            case Outcome() as outcome:
                self._in_flight.remove(sent)
                sent.settle(outcome)
                self._changed.set()
            case None:
                pass  # on its way: no answer can come yet


class FakeSession:
    """One channel of a FakeBroker; see `ports.Session` for what it promises."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._turn = asyncio.Lock()
        self._is_open = True

    @property
    def is_open(self) -> bool:
        return self._is_open

    async def publish(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        outcomes: list[Outcome | None] = [None] * len(messages)
        try:
            async with self._turn:
                for index, message in enumerate(messages):
                    await self._broker.until(partial(self._may_go_on, message))
                    if self._is_open:
                        self._broker.write(_Sent(message, self, partial(outcomes.__setitem__, index)))
            await self._broker.until(lambda: None not in outcomes or not self._is_open)
        except asyncio.CancelledError:
            self.end()
            raise
        return [outcome or Outcome.UNKNOWN for outcome in outcomes]

    async def parked_count(self) -> int:
        if not self._is_open:
            raise BrokerUnavailable("the session has ended")
        return self._broker.parked

    async def close(self) -> None:
        self.end()

    def end(self) -> None:
        self._is_open = False
        self._broker.forget(self)

    def _may_go_on(self, message: Message) -> bool:
        return self._broker.has_room(self, message) or not self._is_open
