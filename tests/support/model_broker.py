"""A broker of a few lines whose every answer is a choice: what it takes, returns, refuses, and when it goes away."""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial

from bridge.errors import BrokerUnavailable
from bridge.events.message import Message
from bridge.ports import Outcome
from tests.support.choices import Choices


class Fate(Enum):
    """What happens to one message that is written."""

    ROUTED = "in its queue, confirmed"
    ROUTED_LATE = "in its queue, confirmed after everything else"
    RETURNED = "no queue is bound"
    REFUSED = "nack"
    CUT_BEFORE = "the connection ends before the broker has it"
    CUT_AFTER = "the connection ends after the queue has it"


class ModelBroker:
    """Sessions on one queue; `queue` is what a subscriber sees, in order."""

    def __init__(self, choices: Choices, fates: Sequence[Fate] = tuple(Fate)) -> None:
        self.choices = choices
        self.fates = fates
        self.queue: list[str] = []
        self.parked: list[str] = []
        self.has_parked_queue = True
        self.on_publish: Callable[[], None] = lambda: None
        """Called at each publish, before anything is written."""

    async def session(self) -> "ModelSession":
        if self.choices.pick([True, False]):
            return ModelSession(self)
        raise BrokerUnavailable("no broker takes a connection")


class ModelSession:
    """Writes in the order of the calls, as the port demands."""

    def __init__(self, broker: ModelBroker) -> None:
        self._broker = broker
        self._late: list[asyncio.Future[None]] = []
        self.is_open = True

    async def publish(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        self._broker.on_publish()
        outcomes: list[Outcome | asyncio.Future[None]] = [self._take(message) for message in messages]
        return [await self._known(outcome) for outcome in outcomes]

    async def parked_count(self) -> int:
        return len(self._broker.parked)

    async def close(self) -> None:
        self._end()

    def _take(self, message: Message) -> Outcome | asyncio.Future[None]:
        if not self.is_open:
            return Outcome.UNKNOWN
        match self._broker.choices.pick(self._broker.fates):
            case Fate.ROUTED:
                self._arrive(message)
                return Outcome.ROUTED
            case Fate.ROUTED_LATE:
                self._arrive(message)
                return self._confirm_later()
            case Fate.RETURNED:
                return Outcome.RETURNED
            case Fate.REFUSED:
                return Outcome.REFUSED
            case Fate.CUT_AFTER:
                self._arrive(message)
            case Fate.CUT_BEFORE:
                pass
        self._end()
        return Outcome.UNKNOWN

    def _arrive(self, message: Message) -> None:
        (self._broker.parked if message.parked_reason else self._broker.queue).append(message.id)

    def _confirm_later(self) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        self._late.append(future)
        _after_turns(20, partial(_confirm, future))
        return future

    async def _known(self, outcome: Outcome | asyncio.Future[None]) -> Outcome:
        if isinstance(outcome, Outcome):
            return outcome
        try:
            await outcome
        except ConnectionError:
            return Outcome.UNKNOWN
        return Outcome.ROUTED

    def _end(self) -> None:
        self.is_open = False
        for future in self._late:
            if not future.done():
                future.set_exception(ConnectionError())


def _confirm(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _after_turns(turns: int, call: Callable[[], None]) -> None:
    """Call once the event loop has turned so often: after everything that is ready now."""
    if turns:
        asyncio.get_running_loop().call_soon(_after_turns, turns - 1, call)
    else:
        call()
