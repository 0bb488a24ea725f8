"""One token for all, fetched once, renewed before it ends, and never fetched in a rush."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bridge.auth.cache import TokenCache
from bridge.auth.diagnosis import Diagnosis, Problem, SignInError
from bridge.auth.token import Grant
from bridge.retry import Backoff
from tests.support.clock import FakeClock
from tests.support.sign_in import RecordingObserver

DOWN = Diagnosis(Problem.UNAVAILABLE, "the issuer is down")


class Midway(random.Random):
    """Draws the middle."""

    def random(self) -> float:
        return 0.5

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class Issuer:
    """Gives `token-1`, `token-2`, … of 101 s, of which 100 are sure, when it is let."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    async def fetch(self) -> Grant:
        self.asked += 1
        number, requested_at_s = self.asked, self.clock.monotonic()
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return Grant(value=f"token-{number}", lifetime_s=101, requested_at_s=requested_at_s)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def observer() -> RecordingObserver:
    return RecordingObserver()


@pytest.fixture
def issuer(clock: FakeClock) -> Issuer:
    return Issuer(clock)


@pytest.fixture
async def cache(issuer: Issuer, clock: FakeClock, observer: RecordingObserver) -> AsyncIterator[TokenCache]:
    cache = TokenCache(
        "https://issuer.example",
        issuer.fetch,
        clock=clock,
        observer=observer,
        dice=Midway(),
        backoff=Backoff(base_s=1.0, cap_s=30.0, dice=Midway()),
    )
    yield cache
    await cache.aclose()


async def turns(count: int = 5) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_hundred_tasks_at_once_cause_one_fetch(cache: TokenCache, issuer: Issuer) -> None:
    tokens = await asyncio.gather(*(cache.token() for _ in range(100)))
    assert {token.value for token in tokens} == {"token-1"}
    assert issuer.asked == 1


async def test_the_fetch_survives_the_cancellation_of_the_task_that_caused_it(
    cache: TokenCache, issuer: Issuer
) -> None:
    issuer.may_answer.clear()
    first = asyncio.create_task(cache.token())
    second = asyncio.create_task(cache.token())
    await turns()
    first.cancel()
    await turns()
    issuer.may_answer.set()
    assert (await second).value == "token-1"
    assert first.cancelled()
    assert issuer.asked == 1


async def test_the_token_is_used_until_its_renewal_is_due(cache: TokenCache, issuer: Issuer, clock: FakeClock) -> None:
    await cache.token()
    clock.advance(84.9)
    assert (await cache.token()).value == "token-1"
    await turns()
    assert issuer.asked == 1


async def test_renewal_makes_nobody_wait(cache: TokenCache, issuer: Issuer, clock: FakeClock) -> None:
    await cache.token()
    issuer.may_answer.clear()
    clock.advance(86)
    assert [(await cache.token()).value for _ in range(3)] == ["token-1", "token-1", "token-1"]
    await turns()
    assert issuer.asked == 2
    issuer.may_answer.set()
    await turns()
    assert (await cache.token()).value == "token-2"


async def test_an_issuer_that_is_down_stops_nobody_while_the_token_lives(
    cache: TokenCache, issuer: Issuer, clock: FakeClock, observer: RecordingObserver
) -> None:
    await cache.token()
    issuer.error = SignInError(DOWN)
    clock.advance(86)
    for _ in range(9):
        assert (await cache.token()).value == "token-1"
        await turns()
        clock.advance(1)
    # tried after 0, 1, 2, 4 and 8 s, each failure told
    assert issuer.asked == 1 + 5
    assert observer.troubles == [DOWN] * 5
    with pytest.raises(SignInError, match="the issuer is down"):
        await cache.token()


async def test_a_renewal_succeeds_after_failures(cache: TokenCache, issuer: Issuer, clock: FakeClock) -> None:
    await cache.token()
    issuer.error = SignInError(DOWN)
    clock.advance(86)
    await cache.token()
    await turns()
    issuer.error = None
    clock.advance(0.5)
    await cache.token()
    await turns()
    assert (await cache.token()).value == "token-3"


async def test_a_failed_fetch_is_not_repeated_before_its_time_however_many_ask(
    cache: TokenCache, issuer: Issuer, clock: FakeClock
) -> None:
    issuer.error = SignInError(DOWN, retry_after_s=20)
    errors = await asyncio.gather(*(cache.token() for _ in range(10)), return_exceptions=True)
    assert [str(error) for error in errors] == ["the issuer is down"] * 10
    assert len({id(error) for error in errors}) == 10
    clock.advance(20.4)
    with pytest.raises(SignInError) as caught:
        await cache.token()
    assert caught.value.retry_after_s == pytest.approx(0.1)
    assert caught.value.diagnosis == DOWN
    assert issuer.asked == 1
    clock.advance(0.1)
    issuer.error = None
    assert (await cache.token()).value == "token-2"


async def test_a_token_that_has_ended_is_waited_for(cache: TokenCache, issuer: Issuer, clock: FakeClock) -> None:
    await cache.token()
    clock.advance(95)
    assert (await cache.token()).value == "token-2"
    assert issuer.asked == 2


async def test_life_counts_from_the_request_and_not_from_the_answer(
    cache: TokenCache, issuer: Issuer, clock: FakeClock, observer: RecordingObserver
) -> None:
    issuer.may_answer.clear()
    asked = asyncio.create_task(cache.token())
    await turns()
    clock.advance(40)
    issuer.may_answer.set()
    token = await asked
    assert token.renew_at_s == pytest.approx(85)
    assert token.ends_at_s == pytest.approx(95)
    assert observer.tokens == [("https://issuer.example", datetime(2026, 4, 14, 6, 1, 41, tzinfo=UTC))]


async def test_a_refused_token_is_replaced_at_once_and_by_one_fetch(cache: TokenCache, issuer: Issuer) -> None:
    refused = await cache.token()
    assert cache.replace(refused)
    assert cache.replace(refused)
    assert [(await cache.token()).value for _ in range(2)] == ["token-2", "token-2"]
    assert issuer.asked == 2


async def test_tokens_that_are_refused_one_after_the_other_are_replaced_ever_more_slowly(
    cache: TokenCache, issuer: Issuer, clock: FakeClock
) -> None:
    for _ in range(300):
        cache.replace(await cache.token())
        clock.advance(0.1)
    # in half a minute at 0, 1, 3, 7 and 15 s
    assert issuer.asked == 1 + 5


async def test_a_token_that_worked_is_replaced_at_once_again(
    cache: TokenCache, issuer: Issuer, clock: FakeClock
) -> None:
    for _ in range(4):
        token = await cache.token()
        cache.accepted(token)
        assert cache.replace(token)
    assert not cache.replace(await cache.token())
    assert issuer.asked == 5


async def test_the_success_of_an_old_token_says_nothing_of_the_new_one(cache: TokenCache) -> None:
    old = await cache.token()
    cache.replace(old)
    new = await cache.token()
    cache.accepted(old)
    assert not cache.replace(new)


async def test_a_defect_in_fetching_reaches_the_next_who_asks(
    cache: TokenCache, issuer: Issuer, clock: FakeClock
) -> None:
    await cache.token()
    issuer.error = ZeroDivisionError("a defect")
    clock.advance(86)
    await cache.token()
    await turns()
    with pytest.raises(ZeroDivisionError, match="a defect"):
        await cache.token()


async def test_no_task_outlives_the_cache(cache: TokenCache, issuer: Issuer) -> None:
    before = asyncio.all_tasks()
    issuer.may_answer.clear()
    asked = asyncio.create_task(cache.token())
    await turns()
    assert len(asyncio.all_tasks() - before) == 2
    await cache.aclose()
    await asyncio.wait([asked])
    assert asyncio.all_tasks() == before
