"""The table of library errors is complete, and says what to do."""

import asyncio
import inspect
import socket
import ssl

import aio_pika.exceptions
import aiormq.exceptions
import pytest

from bridge.errors import BrokerUnavailable
from bridge.rabbitmq.errors import SAYINGS, NoAnswer, ask, describe, is_library_error


def exceptions_of_the_libraries() -> list[type[BaseException]]:
    found = {
        each
        for module in (aiormq.exceptions, aio_pika.exceptions)
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, BaseException)
    }
    return sorted(found, key=lambda each: each.__name__)


@pytest.mark.parametrize("error", exceptions_of_the_libraries())
def test_every_exception_of_aiormq_and_aio_pika_has_a_line_of_its_own(error: type[BaseException]) -> None:
    assert error in [kind for kind, _ in SAYINGS]


def test_no_line_is_hidden_by_a_more_general_one_above_it() -> None:
    kinds = [kind for kind, _ in SAYINGS]

    assert [(above, below) for i, below in enumerate(kinds) for above in kinds[:i] if issubclass(below, above)] == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (aiormq.ChannelInvalidStateError("closed"), "the channel or connection has ended"),
        (aiormq.ProbableAuthenticationError("ACCESS_REFUSED"), "login refused: check user and password"),
        (ConnectionRefusedError(111, "refused"), "nothing listens there"),
        (socket.gaierror(-2, "Name or service not known"), "the host name is not known"),
        (
            ssl.SSLCertVerificationError(),
            "its certificate is not trusted or is for another name: check BRIDGE_BROKER__TLS__CA_FILE",
        ),
        (UnicodeError("label empty or too long"), "the host name is not one"),
        (TimeoutError(), "no answer in time"),
        (asyncio.IncompleteReadError(b"", 7), "the connection ended"),
        (Exception(), "the connection ended"),
        (
            aiormq.ConnectionNotAllowed("NOT_ALLOWED - access to vhost 'x' refused for user 'kari'"),
            (
                "not allowed: check that the vhost exists and that the user may use it "
                "(NOT_ALLOWED - access to vhost 'x' refused for the user)"
            ),
        ),
        (
            aiormq.ChannelAccessRefused("ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for user 'kari'"),
            (
                "the user lacks a permission: grant it, or set BRIDGE_BROKER__TOPOLOGY=check where it may not declare "
                "(ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for the user)"
            ),
        ),
        (
            aiormq.ChannelNotFoundEntity("NOT_FOUND - no exchange 'nhn.notifications' in vhost '/'"),
            "an exchange or queue is missing (NOT_FOUND - no exchange 'nhn.notifications' in vhost '/')",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_says_what_happened_and_names_no_user(error: BaseException, words: str) -> None:
    assert is_library_error(error)
    assert describe(error) == words


def test_a_reason_of_the_broker_is_cut_at_300_characters() -> None:
    assert describe(aiormq.ChannelClosed(320, "x" * 400)) == f"the channel was closed ({'x' * 300})"


@pytest.mark.parametrize("error", [TypeError(), ValueError(), KeyError(), AttributeError(), AssertionError()])
def test_a_defect_is_no_library_error(error: Exception) -> None:
    assert not is_library_error(error)


class TestAsk:
    async def test_the_answer_is_returned(self) -> None:
        async def answer() -> int:
            return 42

        assert await ask(answer(), address="host:5672", timeout_s=1) == 42

    async def test_a_library_error_becomes_broker_unavailable_with_its_cause(self) -> None:
        async def fail() -> None:
            raise aiormq.ChannelInvalidStateError("closed")

        with pytest.raises(BrokerUnavailable, match=r"^RabbitMQ at host:5672: the channel .* has ended$") as caught:
            await ask(fail(), address="host:5672", timeout_s=1)
        assert isinstance(caught.value.__cause__, aiormq.ChannelInvalidStateError)

    async def test_a_defect_passes_as_it_is(self) -> None:
        async def fail() -> None:
            raise KeyError("defect")

        with pytest.raises(KeyError):
            await ask(fail(), address="host:5672", timeout_s=1)

    async def test_silence_ends_with_the_timeout_and_leaves_nothing_behind(self) -> None:
        known = asyncio.all_tasks()

        with pytest.raises(NoAnswer, match=r"^RabbitMQ at host:5672: no answer within 0\.01 s$"):
            await ask(asyncio.sleep(60), address="host:5672", timeout_s=0.01)

        assert asyncio.all_tasks() == known

    async def test_a_cancellation_by_the_library_is_not_taken_for_one_of_the_caller(self) -> None:
        async def cancelled() -> None:
            raise asyncio.CancelledError

        with pytest.raises(BrokerUnavailable, match=r"^RabbitMQ at host:5672: the connection ended$"):
            await ask(cancelled(), address="host:5672", timeout_s=1)

    async def test_a_cancellation_of_the_caller_ends_the_call(self) -> None:
        known = asyncio.all_tasks()
        asking = asyncio.create_task(ask(asyncio.sleep(60), address="host:5672", timeout_s=60))
        await asyncio.sleep(0)

        asking.cancel()

        with pytest.raises(asyncio.CancelledError):
            await asking
        assert asyncio.all_tasks() == known
