import asyncio

import pytest

from bridge.rabbitmq.budget import InFlightBudget


async def ready(*tasks: asyncio.Task[None]) -> list[bool]:
    """Which of them are done, once everything that can go on has."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


def acquire(budget: InFlightBudget, count: int) -> asyncio.Task[None]:
    return asyncio.create_task(budget.acquire(count))


async def test_room_is_granted_up_to_the_limit_and_no_further() -> None:
    budget = InFlightBudget(3)
    first, second = acquire(budget, 2), acquire(budget, 2)
    assert await ready(first, second) == [True, False]

    budget.release(1)

    assert await ready(second) == [True]
    assert budget.in_flight == 3


async def test_a_large_page_that_waits_is_not_overtaken_by_a_small_one() -> None:
    budget = InFlightBudget(4)
    await budget.acquire(2)
    large, small = acquire(budget, 4), acquire(budget, 1)
    assert await ready(large, small) == [False, False]

    budget.release(2)
    assert await ready(large, small) == [True, False]
    budget.release(4)

    assert await ready(small) == [True]


async def test_who_stops_waiting_makes_way_for_those_behind() -> None:
    budget = InFlightBudget(2)
    await budget.acquire(1)
    large, small = acquire(budget, 2), acquire(budget, 1)
    await ready(large, small)

    large.cancel()

    assert await ready(large, small) == [True, True]
    assert budget.in_flight == 2


async def test_room_granted_in_the_moment_of_cancellation_is_given_back() -> None:
    budget = InFlightBudget(1)
    await budget.acquire()
    waiting = acquire(budget, 1)
    await ready(waiting)

    budget.release()
    waiting.cancel()

    assert await ready(waiting) == [True]
    assert budget.in_flight == 0


async def test_room_is_not_granted_to_one_that_was_cancelled_in_the_same_moment() -> None:
    budget = InFlightBudget(1)
    await budget.acquire()
    cancelled, behind = acquire(budget, 1), acquire(budget, 1)
    await ready(cancelled, behind)

    cancelled.cancel()
    budget.release()

    assert await ready(cancelled, behind) == [True, True]
    assert budget.in_flight == 1


@pytest.mark.parametrize("count", [0, 3])
async def test_what_can_never_fit_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"^{count} messages never fit into a budget of 2$"):
        await InFlightBudget(2).acquire(count)
