"""The demo's proof finds what it claims that there is not."""

import pytest

from bridge.demo.proof import NHN_EXAMPLE, Created, Received, prove

EXAMPLE = Received(event_id="example", her_id=6789, sequence=None, data=NHN_EXAMPLE)


def event(event_id: str, her_id: int, offset: int) -> Received:
    return Received(event_id=event_id, her_id=her_id, sequence=f"{offset:020d}", data={"offset": offset})


CREATED = [Created("example", None), Created("a", 3), Created("b", 5), Created("c", 9)]
A, B, C = event("a", 1, 3), event("b", 2, 5), event("c", 1, 9)


def broken(received: list[Received], cursors: dict[int, int] | None = None) -> list[str]:
    """The claims that do not hold."""
    claims = prove(CREATED, received, {1: 9, 2: 9} if cursors is None else cursors)
    return [claim.text for claim in claims if not claim.holds]


def test_everything_in_order_with_repeats_is_proved() -> None:
    assert broken([EXAMPLE, B, A, C, B, C]) == []


@pytest.mark.parametrize(
    ("received", "text"),
    [
        ([EXAMPLE, A, B], "created 4, received 3 distinct, 1 missing"),
        ([EXAMPLE, A, B, C, event("d", 1, 10)], "invented 1"),
        ([EXAMPLE, A, B, C, event("a", 1, 4)], "repeats 1, each the same event again"),
        ([EXAMPLE, C, B, A], "order kept for each of 3 HER-ids, but not for 1"),
        ([A, EXAMPLE, B, C], "the first event is the example of NHN's page, field for field"),
    ],
)
def test_each_broken_promise_is_found(received: list[Received], text: str) -> None:
    assert broken(received) == [text]


def test_a_cursor_that_is_not_at_the_end_is_found() -> None:
    assert broken([EXAMPLE, A, B, C], {1: 9, 2: 5}) == ["cursor 5, 9 = last offset 9"]


def test_nothing_created_proves_nothing() -> None:
    claims = prove([], [], {})
    assert not claims[0].holds
