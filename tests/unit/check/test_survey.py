"""Asking the management API, and what is made of an exchange that it shows."""

import httpx
import pytest

from bridge.check.facts import Unseen
from bridge.check.survey import Asker, exchange_difference
from bridge.rabbitmq.management import Exchange, Management, ManagementRefused, ManagementUnavailable

MANAGEMENT = Management(httpx.AsyncClient(), vhost="/", address="rabbit:15672", timeout_s=1)


class Question:
    """Answers 1 when asked, or raises; counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times = 0
        self._error = error

    async def __call__(self, management: Management) -> int:
        assert management is MANAGEMENT
        self.times += 1
        if self._error is not None:
            raise self._error
        return 1


async def test_an_answer_is_passed_on() -> None:
    assert await Asker(MANAGEMENT).ask(Question()) == 1


async def test_without_a_management_api_nothing_is_asked_and_the_reason_is_given() -> None:
    question, why = Question(), Unseen("it is not set")
    assert await Asker(None, why).ask(question) == why
    assert question.times == 0


async def test_a_refusal_names_the_tag_that_is_needed_and_other_questions_are_still_asked() -> None:
    asker = Asker(MANAGEMENT)
    refused = await asker.ask(Question(ManagementRefused("401")), tag="monitoring")
    assert isinstance(refused, Unseen)
    assert refused.fix == (
        "Give the user of BRIDGE_BROKER__MANAGEMENT_URL the tag monitoring (rabbitmqctl set_user_tags)."
    )
    assert await asker.ask(Question()) == 1


async def test_one_that_gives_no_answer_is_not_asked_again() -> None:
    asker, later = Asker(MANAGEMENT), Question()
    why = Unseen("the management API gives no answer")
    assert await asker.ask(Question(ManagementUnavailable("no answer within 5 s"))) == why
    assert await asker.ask(later) == why
    assert later.times == 0


@pytest.mark.parametrize(
    ("exchange", "difference"),
    [
        (Exchange(type="topic", durable=True), None),
        (Exchange(type="direct", durable=False), "its type is direct"),
        (Exchange(type="topic", durable=False), "it is not durable"),
        (Exchange(type="topic", durable=True, internal=True), "it is internal: nobody may publish to it"),
    ],
)
def test_an_exchange_differs_in_type_durability_or_use(exchange: Exchange, difference: str | None) -> None:
    assert exchange_difference(exchange, "topic") == difference
