"""What a poll means for its order: what to remember, whether it has ended, when it is next due (product.md §7)."""

import random
from typing import Any

import pytest

from bridge.altinn.decode import Shipment
from bridge.altinn.lifecycle import Missing, Observation, Seen, Verdict, all_final, conclude, has_ended
from bridge.altinn.schedule import PollSchedule
from bridge.checkpoints import ClosedState, EmailSeen, OrderPolled, WatchedOrder
from bridge.errors import SourceUnavailable
from tests.support.altinn import EMAIL, NEW_AT, ORDER, email, seen, summary, watched

SCHEDULE = PollSchedule(first_poll_s=5.0, max_poll_s=3600.0, give_up_after_s=345_600.0)
LATER = "2026-07-01T10:00:00Z"


class NoSpread(random.Random):
    """Dice without jitter."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def at_status(status: str, last_update: str | None = LATER) -> Shipment:
    return Shipment(status, last_update, None)


def verdict(
    observation: Observation,
    *,
    now: float = 1100.0,
    before: dict[str, EmailSeen] | None = None,
    order: WatchedOrder | None = None,
    **changes: Any,
) -> Verdict:
    """Of a poll of an order that was registered at second 1000."""
    return conclude(order or watched(**changes), before or {}, observation, now=now, schedule=SCHEDULE, dice=NoSpread())


SENT: dict[str, Any] = {"state": "sending", "left_registered_at": 1010.0, "changed_at": 1010.0}


class TestAnOrderThatIsRegistered:
    def test_stays_so_while_it_says_so_and_has_no_e_mails(self) -> None:
        found = verdict(Seen(summary(), at_status("Order_Registered")), now=1020.0)
        assert found.closed is None
        assert found.after == OrderPolled(order_id=ORDER, pokes=0, state="registered", due_at=1040.0)

    def test_is_polled_again_just_after_it_is_to_be_sent(self) -> None:
        found = verdict(Seen(summary(), at_status("Order_Registered")), now=1020.0, requested_send_time=5000.0)
        assert found.after.due_at == 5005.0

    def test_is_never_given_up(self) -> None:
        found = verdict(Seen(summary(), at_status("Order_Registered")), now=9e9, changed_at=None)
        assert (found.closed, found.after.state, found.after.due_at) == (None, "registered", 9e9 + 3600.0)

    @pytest.mark.parametrize(
        "observation",
        [
            pytest.param(Seen(summary(email())), id="it has e-mails"),
            pytest.param(Seen(summary(generated=3)), id="it has e-mails that are not shown"),
            pytest.param(Seen(summary(), at_status("Order_Processing")), id="it says so"),
            pytest.param(Seen(summary(), at_status("Order_Processed")), id="it is processed, as with SMS alone"),
            pytest.param(Seen(summary(), at_status("Order_Rejoicing")), id="it says what nobody knows"),
        ],
    )
    def test_has_left_that_as_soon_as_anything_shows_it(self, observation: Seen) -> None:
        after = verdict(observation).after
        assert (after.state, after.left_registered_at, after.changed_at) == ("sending", 1100.0, 1100.0)
        assert after.due_at == 1105.0

    def test_has_left_for_good(self) -> None:
        """The API puts an order back when it could not reach what it needs."""
        found = verdict(Seen(summary(), at_status("Order_Registered")), **SENT)
        assert (found.after.state, found.after.left_registered_at, found.closed) == ("sending", 1010.0, None)


class TestAnOrderThatIsSending:
    def test_remembers_what_is_new_and_is_polled_soon_again(self) -> None:
        items = [email("a", "Sending", LATER), email("b", "New")]
        found = verdict(Seen(summary(*items)), before=seen("a") | seen("b"), **SENT)
        assert found.after == OrderPolled(
            order_id=ORDER,
            pokes=0,
            state="sending",
            due_at=1105.0,
            left_registered_at=1010.0,
            changed_at=1100.0,
            emails=(EmailSeen("a", "Sending", LATER),),
        )

    def test_is_polled_ever_more_rarely_while_nothing_is_new(self) -> None:
        found = verdict(Seen(summary(email())), before=seen(), **SENT)
        assert (found.changes.changed, found.after.emails) == ((), ())
        assert (found.after.changed_at, found.after.due_at) == (1010.0, 1190.0)

    def test_is_not_hurried_by_an_item_that_is_not_understood(self) -> None:
        found = verdict(Seen(summary(email(succeeded="?"))), **SENT)
        assert len(found.changes.parked) == 1
        assert (found.after.changed_at, found.after.due_at) == (1010.0, 1190.0)
        assert found.after.emails == (EmailSeen(found.changes.parked[0].key, "invalid", ""),)

    def test_says_which_pokes_the_poll_found(self) -> None:
        assert verdict(Seen(summary(email())), pokes=3).after.pokes == 3

    def test_learns_its_senders_reference(self) -> None:
        assert verdict(Seen(summary(sendersReference="r"), at_status("Order_Processed"))).after.senders_reference == "r"

    def test_is_not_missing_any_more(self) -> None:
        found = verdict(Seen(summary(email())), before=seen(), **SENT | {"state": "missing", "missing_since": 1050.0})
        assert (found.after.state, found.after.missing_since) == ("sending", None)

    def test_names_the_statuses_that_nobody_knows(self) -> None:
        items = [email("a", "Expanded", LATER), email("b", "Failed_Oddly"), email("c", "Waiting")]
        found = verdict(Seen(summary(*items), at_status("Order_Rejoicing")), before=seen("c", "Waiting"), **SENT)
        assert found.unknown_statuses == ("Failed_Oddly", "Expanded", "Order_Rejoicing")


class TestTheEndOfAnOrder:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("Order_Completed", "completed"),
            ("Order_Cancelled", "cancelled"),
            ("Order_SendConditionNotMet", "condition-not-met"),
        ],
    )
    @pytest.mark.parametrize(
        "items", [(), (email("a", "Delivered"), email("b", "Failed_Unheard"))], ids=["none", "final"]
    )
    def test_is_what_the_order_says_once_all_its_e_mails_if_any_are_final(
        self, items: tuple[dict[str, Any], ...], status: str, state: ClosedState
    ) -> None:
        found = verdict(Seen(summary(*items), at_status(status)))
        assert found.closed == state
        assert (found.after.state, found.after.due_at) == (state, None)
        assert len(found.after.emails) == len(items)

    @pytest.mark.parametrize("status", ["New", "Sending", "Succeeded", "Failed_TransientError", "Unheard"])
    def test_is_not_there_while_an_e_mail_is_not_final(self, status: str) -> None:
        items = [email("a", "Delivered"), email("b", status)]
        found = verdict(Seen(summary(*items), at_status("Order_Completed")))
        assert (found.closed, found.after.state) == (None, "sending")

    @pytest.mark.parametrize("status", ["Order_Registered", "Order_Processing", "Order_Processed", "Order_Unheard"])
    def test_is_not_there_while_the_order_goes_on(self, status: str) -> None:
        assert verdict(Seen(summary(email("a", "Delivered")), at_status(status))).closed is None

    def test_is_not_there_while_the_order_was_not_asked_or_did_not_answer(self) -> None:
        assert verdict(Seen(summary(email("a", "Delivered")))).closed is None
        trouble = SourceUnavailable("the API answered 500")
        assert verdict(Seen(summary(email("a", "Delivered")), trouble=trouble)).closed is None

    def test_is_not_there_while_fewer_e_mails_are_shown_than_were_made(self) -> None:
        found = verdict(Seen(summary(email("a", "Delivered"), generated=2), at_status("Order_Completed")))
        assert found.closed is None

    def test_is_kept_off_by_no_item_that_is_not_understood(self) -> None:
        found = verdict(Seen(summary(email("a", "Delivered"), email(succeeded="?")), at_status("Order_Completed")))
        assert found.closed == "completed"
        assert len(found.changes.parked) == 1

    def test_is_judged_by_the_latest_of_items_that_show_one_e_mail(self) -> None:
        items = [email("a", "Delivered", LATER), email("a", "Sending", NEW_AT)]
        assert verdict(Seen(summary(*items, generated=1), at_status("Order_Completed"))).closed == "completed"

    def test_publishes_what_is_new_with_it(self) -> None:
        found = verdict(
            Seen(summary(email("a", "Failed_Bounced", LATER)), at_status("Order_Completed")),
            before=seen("a", "Delivered"),
            **SENT,
        )
        (change,) = found.changes.changed
        assert change.previous_status == "Delivered"
        assert found.after.emails == (EmailSeen("a", "Failed_Bounced", LATER),)


class TestGivingUp:
    @pytest.mark.parametrize(("now", "closed"), [(346_609.9, None), (346_610.0, "given-up"), (9e9, "given-up")])
    def test_comes_so_long_after_the_order_left_registered(self, now: float, closed: ClosedState | None) -> None:
        found = verdict(Seen(summary(email())), now=now, before=seen(), **SENT)
        assert found.closed == closed
        assert found.after.state == (closed or "sending")

    def test_counts_neither_from_the_registration_nor_from_a_change(self) -> None:
        found = verdict(Seen(summary(email())), now=346_700.0, left_registered_at=2000.0, changed_at=1.0)
        assert found.closed is None
        found = verdict(Seen(summary(email())), now=347_700.0, left_registered_at=2000.0, changed_at=347_600.0)
        assert found.closed == "given-up"

    def test_publishes_what_is_still_shown(self) -> None:
        found = verdict(Seen(summary(email("a", "Sending", LATER))), now=9e9, before=seen("a"), **SENT)
        assert [change.previous_status for change in found.changes.changed] == ["New"]
        assert found.after.emails == (EmailSeen("a", "Sending", LATER),)

    def test_is_not_said_of_an_order_that_has_ended(self) -> None:
        found = verdict(Seen(summary(email("a", "Failed_TTL")), at_status("Order_Completed")), now=9e9, **SENT)
        assert found.closed == "completed"

    def test_does_not_come_with_the_poll_that_first_sees_it_leave(self) -> None:
        assert verdict(Seen(summary(email())), now=9e9).closed is None


class TestAnOrderThatTheApiDoesNotKnow:
    def test_is_missing_and_asked_for_again_soon(self) -> None:
        found = verdict(Missing())
        assert found.after == OrderPolled(order_id=ORDER, pokes=0, state="missing", due_at=1105.0, missing_since=1100.0)
        assert found.closed is None

    @pytest.mark.parametrize(("now", "closed"), [(1999.9, None), (2000.0, "not-found")])
    def test_is_not_found_after_a_grace_time(self, now: float, closed: ClosedState | None) -> None:
        found = verdict(Missing(), now=now, state="missing", missing_since=1100.0)
        assert found.closed == closed
        assert found.after.state == (closed or "missing")
        assert (found.after.due_at is None) == (closed is not None)
        assert found.after.missing_since == 1100.0

    def test_keeps_what_is_known_of_it(self) -> None:
        after = verdict(Missing(), **SENT | {"pokes": 2}).after
        assert (after.left_registered_at, after.changed_at, after.pokes) == (1010.0, 1010.0, 2)
        assert (after.emails, after.senders_reference) == ((), None)


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ("Order_Completed", True),
        ("Order_Cancelled", True),
        ("Order_SendConditionNotMet", True),
        ("Order_Registered", False),
        ("Order_Processing", False),
        ("Order_Processed", False),
        ("Completed", False),
        ("Order_Unheard", False),
    ],
)
def test_an_order_has_ended_where_it_says_one_of_three(status: str, *, ended: bool) -> None:
    assert has_ended(at_status(status)) is ended
    assert not has_ended(None)


def test_all_is_final_where_nothing_was_made() -> None:
    assert all_final(summary())
    assert not all_final(summary(generated=1))
    assert not all_final(summary(email(EMAIL, "Succeeded")))
    assert all_final(summary(email(EMAIL, "Delivered")))
