"""What the delivery does with each outcome: again, parked, held or passed."""

import asyncio
from collections.abc import Sequence
from typing import Literal, cast

import pytest

from bridge.delivery import Delivery, Gate, Unroutable, always_open
from bridge.errors import BrokerUnavailable
from bridge.events.message import Message
from bridge.ports import Broker, Outcome
from bridge.retry import Backoff
from tests.support.clock import FakeClock, LongestWait
from tests.support.observers import Recorder

ROUTED, RETURNED, REFUSED = Outcome.ROUTED, Outcome.RETURNED, Outcome.REFUSED
UNKNOWN, POISON = Outcome.UNKNOWN, Outcome.POISON


def message(name: str, *, body: bytes = b"{}") -> Message:
    return Message(
        id=name,
        source="nhn",
        event="new-message",
        type="no.nhn.notification.new-message.v1",
        exchange="nhn.notifications",
        routing_key="new-message.1",
        body=body,
    )


class ScriptedBroker:
    """Answers each publish from a list; what is not in it is routed. An UNKNOWN ends the session."""

    def __init__(self, *script: Sequence[Outcome], parked_count: int = 0, unavailable: int = 0) -> None:
        self._script = list(script)
        self._parked_count = parked_count
        self._unavailable = unavailable
        self.published: list[list[Message]] = []
        self.is_open = False
        self.sessions = 0

    async def session(self) -> "ScriptedBroker":
        if self._unavailable:
            self._unavailable -= 1
            raise BrokerUnavailable("no broker takes a connection")
        self.sessions += 1
        self.is_open = True
        return self

    async def publish(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        self.published.append(list(messages))
        outcomes = self._script.pop(0) if self._script else [ROUTED] * len(messages)
        self.is_open = UNKNOWN not in outcomes
        return outcomes

    async def parked_count(self) -> int:
        return self._parked_count

    async def close(self) -> None:
        self.is_open = False

    def names(self) -> list[list[str]]:
        """What was written at each publish; parked forms with a star."""
        return [[f"{m.id}{'*' if m.parked_reason else ''}" for m in messages] for messages in self.published]


class Delivering:
    """A delivery with its surroundings."""

    def __init__(
        self,
        broker: ScriptedBroker,
        *,
        unroutable: Literal["park", "hold", "fail"] = "park",
        limit: int = 10,
        gate: Gate = always_open,
    ) -> None:
        self.clock = FakeClock()
        self.observer = Recorder()
        self.delivery = Delivery(
            cast("Broker", broker),
            clock=self.clock,
            observer=self.observer,
            unroutable=unroutable,
            parked_exchange="bridge.parked",
            parked_limit=limit,
            backoff=Backoff(base_s=1.0, cap_s=8.0, dice=LongestWait()),
            gate=gate,
        )

    async def deliver(self, *names: str) -> None:
        await self.delivery.deliver([message(name) for name in names])


async def test_a_page_that_is_routed_goes_out_once() -> None:
    broker = ScriptedBroker()
    await Delivering(broker).deliver("a", "b")
    assert broker.names() == [["a", "b"]]


async def test_a_page_without_messages_asks_the_broker_for_nothing() -> None:
    broker = ScriptedBroker()
    await Delivering(broker).deliver()
    assert (broker.names(), broker.sessions) == ([], 0)


async def test_after_a_nack_only_the_refused_go_again_and_later_each_time() -> None:
    broker = ScriptedBroker([ROUTED, REFUSED, ROUTED], [REFUSED], [REFUSED])
    delivering = Delivering(broker)
    await delivering.deliver("a", "b", "c")
    assert broker.names() == [["a", "b", "c"], ["b"], ["b"], ["b"]]
    assert len(delivering.clock.slept) == 3
    told = next(args for name, args, _ in delivering.observer.told if name == "publish_interrupted")
    assert told == ("refused", 1)


async def test_after_a_lost_session_publishing_goes_on_at_the_first_unconfirmed_message() -> None:
    broker = ScriptedBroker([ROUTED, UNKNOWN, ROUTED, RETURNED])
    await Delivering(broker).deliver("a", "b", "c", "d")
    assert broker.names() == [["a", "b", "c", "d"], ["b", "c", "d"]]
    assert broker.sessions == 2


async def test_a_message_refused_before_the_session_was_lost_goes_again_too() -> None:
    broker = ScriptedBroker([REFUSED, ROUTED, UNKNOWN])
    await Delivering(broker).deliver("a", "b", "c")
    assert broker.names() == [["a", "b", "c"], ["a", "c"]]


async def test_a_returned_message_is_parked_whole_and_the_rest_is_not_sent_again() -> None:
    broker = ScriptedBroker([ROUTED, RETURNED, ROUTED])
    delivering = Delivering(broker)
    await delivering.deliver("a", "b", "c")
    assert broker.names() == [["a", "b", "c"], ["b*"]]
    parked = broker.published[1][0]
    assert (parked.exchange, parked.body) == ("bridge.parked", b"{}")
    assert dict(parked.headers) == {
        "x-parked-reason": "unroutable",
        "x-parked-at": "2026-04-14T06:00:00+00:00",
        "x-original-exchange": "nhn.notifications",
        "x-original-routing-key": "new-message.1",
        "x-parked-detail": "no queue is bound for this routing key",
    }
    assert [(args[0].id, args[1]) for name, args, _ in delivering.observer.told if name == "parked"] == [
        ("b", "unroutable")
    ]


async def test_a_returned_message_is_held_until_a_queue_is_bound_where_parking_is_off() -> None:
    broker = ScriptedBroker([ROUTED, RETURNED], [RETURNED])
    delivering = Delivering(broker, unroutable="hold")
    await delivering.deliver("a", "b")
    assert broker.names() == [["a", "b"], ["b"], ["b"]]
    told = delivering.observer.names()
    assert (told.count("held"), told.count("released")) == (1, 1)


async def test_a_returned_message_ends_the_delivery_where_that_is_wanted_and_is_not_parked() -> None:
    broker = ScriptedBroker([ROUTED, RETURNED])
    with pytest.raises(Unroutable, match=r"bound for new-message\.1 of the exchange nhn\.notifications"):
        await Delivering(broker, unroutable="fail").deliver("a", "b")
    assert broker.names() == [["a", "b"]]


async def test_parking_becomes_holding_at_its_limit() -> None:
    broker = ScriptedBroker([RETURNED], parked_count=10)
    await Delivering(broker, limit=10).deliver("a")
    assert broker.names() == [["a"], ["a"]]


async def test_a_parked_message_that_has_no_queue_either_is_held_and_never_dropped() -> None:
    broker = ScriptedBroker([RETURNED], [RETURNED], [RETURNED])
    await Delivering(broker).deliver("a")
    assert broker.names() == [["a"], ["a*"], ["a*"], ["a*"]]


async def test_a_body_that_is_too_large_is_parked_without_being_sent() -> None:
    broker = ScriptedBroker()
    delivering = Delivering(broker)
    await delivering.delivery.deliver([message("a"), message("b", body=b"x" * 1_048_577)])
    first, second = broker.published[0]
    assert (first.parked_reason, second.parked_reason) == (None, "poison")
    assert second.body == b"x" * 1_048_577


async def test_what_the_session_finds_that_amqp_cannot_carry_is_parked_as_far_as_it_can_be() -> None:
    broker = ScriptedBroker([ROUTED, POISON])
    await Delivering(broker).deliver("a", "b" * 300)
    ((_, found), (parked,)) = broker.published
    assert (found.id, parked.parked_reason, parked.body) == ("b" * 300, "poison", found.body)
    assert len(parked.id) < 256


async def test_what_even_the_parked_queue_cannot_take_leaves_its_hash() -> None:
    broker = ScriptedBroker([POISON], [POISON])
    await Delivering(broker).deliver("a")
    assert broker.names() == [["a"], ["a*"], ["a*"]]
    assert broker.published[2][0].body == (
        b'{"sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","bytes":2,"id":"a"}'
    )


async def test_a_message_that_makes_the_broker_close_the_channel_is_found_parked_and_passed() -> None:
    """The page is lost twice without a word; then its messages go one at a time, until one alone is the cause."""
    broker = ScriptedBroker([UNKNOWN] * 3, [UNKNOWN] * 3, [ROUTED], [POISON])
    await Delivering(broker).deliver("a", "b", "c")
    assert broker.names() == [["a", "b", "c"], ["a", "b", "c"], ["a"], ["b"], ["b*", "c"]]


async def test_no_broker_is_waited_for_with_backoff() -> None:
    broker = ScriptedBroker(unavailable=3)
    delivering = Delivering(broker)
    await delivering.deliver("a")
    assert len(delivering.clock.slept) == 3
    assert all(slept <= ceiling for slept, ceiling in zip(delivering.clock.slept, (1, 2, 4), strict=True))


async def test_a_page_is_done_only_after_the_pages_before_it() -> None:
    broker = ScriptedBroker([REFUSED], [ROUTED], [ROUTED])
    delivering = Delivering(broker)
    done: list[str] = []

    async def deliver(name: str) -> None:
        await delivering.deliver(name)
        done.append(name)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(deliver("first"))
        tasks.create_task(deliver("second"))
    assert broker.names() == [["first"], ["second"], ["first"]]
    assert done == ["first", "second"]


async def test_a_cancelled_page_does_not_hold_up_those_after_it() -> None:
    broker = ScriptedBroker([REFUSED])
    delivering = Delivering(broker)
    delivering.clock = FakeClock(auto=False)
    first = asyncio.create_task(delivering.deliver("first"))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await delivering.deliver("second")
    assert broker.names()[-1] == ["second"]
