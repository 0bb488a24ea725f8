"""A delivery at the gate of the route contract: it waits before it writes, says why, and goes on by itself."""

import asyncio
from collections.abc import Iterable

from bridge.delivery import GATE_LOOK_S, LOOKS_A_TELL
from bridge.ops.health import stall_reason
from bridge.ports import Outcome
from tests.support.ops import Ops
from tests.unit.test_delivery import Delivering, ScriptedBroker

RETURNED, ROUTED = Outcome.RETURNED, Outcome.ROUTED
WHY = "queue journal of the route contract: the queue is not there"


class Gate:
    """Closed for so many looks, with these reasons; then open."""

    def __init__(self, *reasons: str, exchange: str = "nhn.notifications") -> None:
        self.reasons = list(reasons)
        self.exchange = exchange

    def __call__(self, exchanges: Iterable[str]) -> str | None:
        is_concerned = self.exchange in exchanges
        return self.reasons.pop(0) if self.reasons and is_concerned else None


def told(delivering: Delivering) -> list[tuple[str, object]]:
    return [(name, *args[:1]) for name, args, _ in delivering.observer.told if name in {"held", "released"}]


async def test_a_page_waits_until_the_gate_opens_says_why_and_is_then_published_once() -> None:
    broker = ScriptedBroker()
    delivering = Delivering(broker, gate=Gate(*[WHY] * 3))
    await delivering.deliver("a", "b")
    assert broker.names() == [["a", "b"]]
    assert delivering.clock.slept == [GATE_LOOK_S] * 3
    assert told(delivering) == [("held", WHY), ("released",)]


async def test_while_it_waits_it_says_so_now_and_then_so_that_nobody_takes_it_for_stuck() -> None:
    delivering = Delivering(ScriptedBroker(), gate=Gate(*[WHY] * (2 * LOOKS_A_TELL)))
    await delivering.deliver("a")
    interrupted = [args for name, args, _ in delivering.observer.told if name == "publish_interrupted"]
    assert interrupted == [("route-missing", 0)] * 2


async def test_another_reason_is_told_too() -> None:
    delivering = Delivering(ScriptedBroker(), gate=Gate(WHY, WHY, "another", "another"))
    await delivering.deliver("a")
    assert told(delivering) == [("held", WHY), ("held", "another"), ("released",)]


async def test_an_exchange_that_the_page_does_not_go_to_holds_up_nothing() -> None:
    delivering = Delivering(ScriptedBroker(), gate=Gate(WHY, exchange="altinn.notifications"))
    await delivering.deliver("a")
    assert (delivering.clock.slept, told(delivering)) == ([], [])


async def test_what_the_gate_holds_after_a_return_is_the_event_and_not_what_was_parked_meanwhile() -> None:
    """The gate closes between two tries of a page: of what is still open only the exchanges count."""
    broker = ScriptedBroker([RETURNED, ROUTED])
    gate = Gate(exchange="bridge.parked")
    delivering = Delivering(broker, gate=gate)
    gate.reasons = [WHY]
    await delivering.deliver("a", "b")
    assert [[each.exchange for each in page] for page in broker.published] == [
        ["nhn.notifications"] * 2,
        ["bridge.parked"],
    ]
    assert told(delivering) == [("held", WHY), ("released",)]


async def test_pages_keep_their_order_behind_the_gate() -> None:
    broker = ScriptedBroker()
    delivering = Delivering(broker, gate=Gate(*[WHY] * 5))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(delivering.deliver("a"))
        tasks.create_task(delivering.deliver("b"))
    assert broker.names() == [["a"], ["b"]]
    assert told(delivering) == [("held", WHY), ("released",)]


async def test_a_session_that_was_lost_behind_the_gate_is_opened_anew() -> None:
    broker = ScriptedBroker()

    def gate(_: Iterable[str]) -> str | None:
        if len(delivering.clock.slept) < 2:
            broker.is_open = False
            return WHY
        return None

    delivering = Delivering(broker, gate=gate)
    await delivering.deliver("a")
    assert (broker.names(), broker.sessions) == ([["a"]], 2)


def test_a_stream_that_is_held_for_hours_is_not_started_again() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    stream.sent(1)
    stream.held(WHY)
    for _ in range(1000):
        stream.publish_interrupted("route-missing", 0, retry_in_s=GATE_LOOK_S)
        ops.clock.advance(GATE_LOOK_S * LOOKS_A_TELL)
        assert stall_reason(stream.progress, ops.clock.monotonic(), stream.progress.bounds) is None
