"""One order asked for: which requests are made, and every race between them (product.md §7)."""

from collections.abc import Sequence

import pytest

from bridge.altinn.answers import OrderUnknown
from bridge.altinn.api import AltinnApi
from bridge.altinn.decode import EmailSummary, Shipment
from bridge.altinn.lifecycle import Missing, Seen
from bridge.altinn.poll import poll_order
from bridge.errors import AuthenticationError, BridgeError, RequestRejected, SourceUnavailable, TransientError
from tests.support.altinn import ORDER, email, summary

NONE = summary()
PENDING = summary(email("a", "Succeeded"))
FINAL = summary(email("a", "Delivered"))
UNREADABLE = summary(email("a", succeeded="?"))
PROCESSED = Shipment("Order_Processed", None, None)
COMPLETED = Shipment("Order_Completed", None, None)
CANCELLED = Shipment("Order_Cancelled", None, None)
DOWN = SourceUnavailable("the API answered 500")
REJECTED = RequestRejected("the API rejects the request itself (410): check URL and settings")
REFUSED = AuthenticationError("the API does not accept our sign-in (401)")
UNKNOWN = OrderUnknown("NOT-00003")
BARE_404 = OrderUnknown(None)

Answer = EmailSummary | Shipment | BridgeError


class ScriptedApi(AltinnApi):
    """Gives its answers in turn; each has to be of the kind that is asked for."""

    def __init__(self, *answers: Answer, is_proven: bool = True) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self._doubts = 0 if is_proven else 1000

    async def emails(self, order_id: str) -> EmailSummary:
        answer = self._next("emails", order_id)
        assert isinstance(answer, EmailSummary)
        return answer

    async def shipment(self, order_id: str) -> Shipment:
        answer = self._next("shipment", order_id)
        assert isinstance(answer, Shipment)
        return answer

    def _next(self, kind: str, order_id: str) -> Answer:
        assert order_id == ORDER
        self.asked.append(kind)
        answer = self.answers.pop(0)
        if isinstance(answer, BridgeError):
            raise answer
        return answer


async def polled(*answers: Answer, is_proven: bool = True) -> tuple[Seen | Missing, list[str]]:
    api = ScriptedApi(*answers, is_proven=is_proven)
    observation = await poll_order(api, ORDER)
    assert api.answers == []
    return observation, api.asked


class TestAPoll:
    async def test_asks_for_e_mails_alone_while_one_is_not_final(self) -> None:
        assert await polled(PENDING) == (Seen(PENDING), ["emails"])

    async def test_asks_for_the_order_where_there_are_no_e_mails(self) -> None:
        assert await polled(NONE, PROCESSED) == (Seen(NONE, PROCESSED), ["emails", "shipment"])

    async def test_asks_for_the_order_where_all_e_mails_are_final(self) -> None:
        assert await polled(FINAL, PROCESSED) == (Seen(FINAL, PROCESSED), ["emails", "shipment"])

    @pytest.mark.parametrize("ended", [COMPLETED, CANCELLED])
    async def test_asks_for_e_mails_once_more_where_the_order_has_ended(self, ended: Shipment) -> None:
        assert await polled(FINAL, ended, FINAL) == (Seen(FINAL, ended), ["emails", "shipment", "emails"])


class TestWhatHappensBetweenTwoRequests:
    async def test_e_mails_are_made_and_final_before_the_order_is_asked(self) -> None:
        observation, _ = await polled(NONE, COMPLETED, FINAL)
        assert observation == Seen(FINAL, COMPLETED)

    async def test_an_e_mail_goes_back_before_the_last_word(self) -> None:
        observation, _ = await polled(FINAL, COMPLETED, PENDING)
        assert observation == Seen(PENDING, COMPLETED)

    async def test_an_order_is_registered_after_its_e_mails_were_asked_for(self) -> None:
        api = ScriptedApi(BARE_404, PROCESSED)
        with pytest.raises(SourceUnavailable, match="the API knows an order, but not its e-mails"):
            await poll_order(api, ORDER)

    async def test_an_order_is_gone_before_it_is_asked(self) -> None:
        assert (await polled(FINAL, UNKNOWN))[0] == Seen(FINAL)
        assert (await polled(NONE, UNKNOWN))[0] == Missing()

    async def test_an_order_is_gone_before_the_last_word(self) -> None:
        assert (await polled(FINAL, COMPLETED, BARE_404))[0] == Seen(FINAL)

    @pytest.mark.parametrize("trouble", [DOWN, REJECTED])
    @pytest.mark.parametrize("known", [FINAL, UNREADABLE])
    async def test_the_order_fails_and_its_e_mails_are_shown_all_the_same(
        self, known: EmailSummary, trouble: TransientError
    ) -> None:
        assert (await polled(known, trouble))[0] == Seen(known, trouble=trouble)

    async def test_the_last_word_fails_and_the_first_is_shown_but_is_not_the_last(self) -> None:
        assert (await polled(FINAL, COMPLETED, DOWN))[0] == Seen(FINAL, trouble=DOWN)


class TestAFailedPoll:
    @pytest.mark.parametrize(
        "answers",
        [
            pytest.param((DOWN,), id="e-mails fail"),
            pytest.param((REJECTED,), id="e-mails are refused"),
            pytest.param((REFUSED,), id="sign-in is refused"),
            pytest.param((NONE, DOWN), id="the order fails and there are no e-mails"),
            pytest.param((NONE, COMPLETED, DOWN), id="the last word fails and there were no e-mails"),
            pytest.param((FINAL, REFUSED), id="sign-in is refused for the order"),
            pytest.param((BARE_404, DOWN), id="e-mails are unknown and the order fails"),
        ],
    )
    async def test_concludes_nothing(self, answers: Sequence[Answer]) -> None:
        with pytest.raises(TransientError) as raised:
            await polled(*answers)
        assert raised.value is answers[-1]


class TestAnOrderThatIsUnknown:
    async def test_is_missing_where_the_api_says_so(self) -> None:
        assert await polled(BARE_404, UNKNOWN, is_proven=False) == (Missing(), ["emails", "shipment"])

    async def test_is_missing_where_the_address_is_proven(self) -> None:
        assert (await polled(BARE_404, BARE_404))[0] == Missing()

    async def test_is_the_addresss_fault_where_it_is_not(self) -> None:
        api = ScriptedApi(BARE_404, BARE_404, is_proven=False)
        with pytest.raises(RequestRejected, match=r"^nothing is there \(404\): check BRIDGE_ALTINN__BASE_URL$"):
            await poll_order(api, ORDER)

    async def test_goes_on_where_only_the_newer_endpoint_is_not_there(self) -> None:
        assert (await polled(NONE, BARE_404))[0] == Seen(NONE)
