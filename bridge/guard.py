"""Nothing is published for a stream that is somebody else's by now: the last look before the broker."""

from collections.abc import Callable, Sequence

from bridge.errors import BrokerUnavailable
from bridge.events.message import Message
from bridge.ports import Broker, Outcome, Session


class GuardedBroker:
    """The port `Broker` for one stream. A process that slept longer than its lease wakes up in the middle of anything;
    whatever it does next, what it had not yet written it does not write.
    """

    def __init__(self, broker: Broker, *, is_ours: Callable[[], bool]) -> None:
        self._broker = broker
        self._is_ours = is_ours

    async def session(self) -> Session:
        """As the port says; none where the stream is not ours."""
        if not self._is_ours():
            raise BrokerUnavailable("this process does not own the stream any more")
        return _GuardedSession(await self._broker.session(), self._is_ours)


class _GuardedSession:
    def __init__(self, session: Session, is_ours: Callable[[], bool]) -> None:
        self._session = session
        self._is_ours = is_ours

    async def publish(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        if not self._is_ours():
            return [Outcome.UNKNOWN] * len(messages)
        return await self._session.publish(messages)

    async def parked_count(self) -> int:
        return await self._session.parked_count()

    @property
    def is_open(self) -> bool:
        return self._session.is_open and self._is_ours()

    async def close(self) -> None:
        await self._session.close()
