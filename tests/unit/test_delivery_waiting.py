"""What waits in a delivery: refused messages for room in a full queue, pages without a queue to be shown as held."""

import asyncio

from bridge.ports import Outcome
from tests.unit.test_delivery import Delivering, ScriptedBroker

ROUTED, RETURNED, REFUSED, UNKNOWN = Outcome.ROUTED, Outcome.RETURNED, Outcome.REFUSED, Outcome.UNKNOWN


async def test_after_nacks_no_more_goes_at_a_time_than_twice_what_fitted_the_last_time() -> None:
    """A healthy queue gets a copy of each message that a full one refuses: a slow subscriber must not flood it."""
    broker = ScriptedBroker(
        [ROUTED, *[REFUSED] * 7],
        [ROUTED, REFUSED],
        [ROUTED, ROUTED],
    )
    await Delivering(broker).deliver(*"abcdefgh")
    assert broker.names() == [[*"abcdefgh"], [*"bc"], [*"cd"], [*"efgh"]]


async def test_a_queue_that_takes_nothing_is_tried_with_one_message_alone() -> None:
    broker = ScriptedBroker([REFUSED] * 4, [REFUSED], [REFUSED], [ROUTED])
    delivering = Delivering(broker)
    await delivering.deliver(*"abcd")
    assert broker.names() == [[*"abcd"], ["a"], ["a"], ["a"], [*"bc"], ["d"]]
    assert len(delivering.clock.slept) == 3, "no pause after a try that fitted"


async def test_a_page_with_refused_messages_does_not_hold_back_the_pages_after_it() -> None:
    broker = ScriptedBroker([REFUSED] * 3, [ROUTED], [REFUSED])
    delivering = Delivering(broker)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(delivering.deliver("a", "b", "c"))
        tasks.create_task(delivering.deliver("d"))
    assert broker.names() == [["a", "b", "c"], ["d"], ["a"], ["a"], ["b", "c"]]


async def test_what_a_lost_session_leaves_open_goes_before_the_pages_after_it() -> None:
    broker = ScriptedBroker([REFUSED] * 3, [UNKNOWN], [ROUTED], [ROUTED, ROUTED])
    delivering = Delivering(broker)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(delivering.deliver("a", "b", "c"))
        tasks.create_task(delivering.deliver("d"))
    assert broker.names() == [["a", "b", "c"], ["d"], ["a"], ["b", "c"], ["d"]]


async def test_a_stream_is_shown_as_held_until_the_last_of_its_held_pages_goes_on() -> None:
    broker = ScriptedBroker([RETURNED], [RETURNED], [ROUTED], [RETURNED], [RETURNED])
    delivering = Delivering(broker, unroutable="hold")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(delivering.deliver("a"))
        tasks.create_task(delivering.deliver("b"))
    told = [name for name in delivering.observer.names() if name in {"held", "released"}]
    assert told == ["held", "released"]
    assert {args[0] for name, args, _ in delivering.observer.told if name == "publish_interrupted"} == {"held"}
    assert broker.names()[-1] == ["b"]
