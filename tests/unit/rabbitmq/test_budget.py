import asyncio

from bridge.rabbitmq.budget import InFlightBudget


async def ready(*tasks: asyncio.Task[int]) -> list[bool]:
    """Which of them are done, once everything that can go on has."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


def acquire(budget: InFlightBudget, count: int) -> asyncio.Task[int]:
    return asyncio.create_task(budget.acquire(count))


async def test_room_is_granted_up_to_the_limit_and_no_further() -> None:
    budget = InFlightBudget(3)
    assert [await budget.acquire(2), await budget.acquire(2)] == [2, 1]

    third = acquire(budget, 1)
    assert await ready(third) == [False]
    budget.release(1)

    assert await ready(third) == [True]
    assert budget.in_flight == 3


async def test_who_waits_is_served_once_there_is_room_for_all_of_it_or_for_a_quarter_of_the_limit() -> None:
    budget = InFlightBudget(400)
    await budget.acquire(400)
    large, small = acquire(budget, 300), acquire(budget, 7)

    budget.release(99)
    assert await ready(large, small) == [False, False]
    budget.release(1)
    assert await ready(large, small) == [True, False]
    budget.release(6)
    assert await ready(small) == [False]
    budget.release(1)

    assert await ready(small) == [True]
    assert [await large, await small] == [100, 7]


async def test_a_large_page_that_waits_is_not_overtaken_by_a_small_one() -> None:
    budget = InFlightBudget(40)
    await budget.acquire(40)
    large, small = acquire(budget, 10), acquire(budget, 1)

    budget.release(9)
    assert await ready(large, small) == [False, False]
    budget.release(1)
    assert await ready(large, small) == [True, False]
    budget.release(1)

    assert await ready(small) == [True]


async def test_who_stops_waiting_makes_way_for_those_behind() -> None:
    budget = InFlightBudget(40)
    await budget.acquire(40)
    large, small = acquire(budget, 10), acquire(budget, 1)
    budget.release(1)
    assert await ready(large, small) == [False, False]

    large.cancel()

    assert await ready(large, small) == [True, True]
    assert budget.in_flight == 40


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
