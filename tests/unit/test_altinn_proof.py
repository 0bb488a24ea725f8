"""The demo's proof of Altinn's half finds what it claims that there is not."""

import pytest

from bridge.demo.altinn_proof import ClosedReceived, CreatedOrder, StatusReceived, prove_altinn

NEW, SENT, DELIVERED = ("New", "t1"), ("Succeeded", "t2"), ("Delivered", "t3")
CREATED = [
    CreatedOrder(order_id="a", ended="completed", emails={"1": [NEW, SENT, DELIVERED], "2": [NEW, DELIVERED]}),
    CreatedOrder(order_id="b", ended=None, emails={"3": [NEW]}),
]
CLOSED = [
    ClosedReceived(event_id="a-closed", order_id="a", reason="completed"),
    ClosedReceived(event_id="b-closed", order_id="b", reason="given-up"),
]


def event(email: str, shown: tuple[str, str], **data: object) -> StatusReceived:
    order = "b" if email == "3" else "a"
    return StatusReceived(
        event_id=f"{email}-{shown}", order_id=order, notification_id=email, shown=shown, data={"status": shown, **data}
    )


ALL = [event("1", NEW), event("2", NEW), event("1", DELIVERED), event("2", DELIVERED), event("3", NEW)]


def broken(statuses: list[StatusReceived], closed: list[ClosedReceived] | None = None) -> list[str]:
    """The claims that do not hold."""
    claims = prove_altinn(CREATED, statuses, CLOSED if closed is None else closed)
    return [claim.text for claim in claims if not claim.holds]


def test_last_statuses_in_order_with_repeats_are_proved_though_an_intermediate_one_was_passed_over() -> None:
    assert broken([*ALL, ALL[-1], ALL[0]], [*CLOSED, CLOSED[0]]) == []


@pytest.mark.parametrize(
    ("statuses", "text"),
    [
        (ALL[:-1], "2 orders, 3 e-mails: the last status of each received, 1 missing"),
        ([*ALL, event("2", SENT)], "6 changes received, invented 1"),
        ([*ALL, event("9", NEW)], "6 changes received, invented 1"),
        ([*ALL, event("3", NEW, description="other")], "repeats 1, each the same event again"),
        ([*ALL, event("1", SENT)], "order kept for each of 3 e-mails, but not for 1"),
        (
            [*ALL[:-1], event("3", NEW, recipient={"emailAddress": "", "nationalIdentityNumber": None})],
            "no national identity number left the bridge",
        ),
    ],
)
def test_each_broken_promise_is_found(statuses: list[StatusReceived], text: str) -> None:
    assert broken(statuses) == [text]


@pytest.mark.parametrize(
    "closed",
    [CLOSED[:1], [CLOSED[0], ClosedReceived(event_id="b-closed", order_id="b", reason="completed")]],
    ids=["an order whose end was not told", "an order that ended otherwise"],
)
def test_each_wrong_end_is_found(closed: list[ClosedReceived]) -> None:
    assert broken(ALL, closed) == [f"{len(closed)} orders told to have ended, 1 wrongly or not"]


def test_nothing_created_proves_nothing() -> None:
    assert not prove_altinn([], [], [])[0].holds
