"""What becomes of e-mails and orders."""

import pytest

from bridge.sandbox.altinn.lives import EmailLife, OrderLife, Pace
from bridge.sandbox.altinn.records import OrderWish
from tests.unit.sandbox.altinn.makers import A_DAY_S, World

SENT = ["New", "Sending", "Succeeded"]


@pytest.mark.parametrize(
    ("life", "statuses", "end"),
    [
        ("delivered", [*SENT, "Delivered"], "Completed"),
        ("retried", ["New", "Sending", *SENT, "Delivered"], "Completed"),
        ("failed", [*SENT, "Failed"], "Completed"),
        ("failed-while-sending", ["New", "Sending", "Failed"], "Completed"),
        ("invalid-format", ["New", "Sending", "Failed_InvalidEmailFormat"], "Completed"),
        ("suppressed", [*SENT, "Failed_SupressedRecipient"], "Completed"),
        ("bounced", [*SENT, "Failed_Bounced"], "Completed"),
        ("filtered-spam", [*SENT, "Failed_FilteredSpam"], "Completed"),
        ("quarantined", [*SENT, "Failed_Quarantined"], "Completed"),
        ("invalid-sas-url", ["New", "Sending", "Failed_InvalidSasUrl"], "Completed"),
        ("payload-too-large", ["New", "Sending", "Failed_PayloadTooLarge"], "Completed"),
        ("reserved", ["Failed_RecipientReserved"], "Completed"),
        ("not-identified", ["Failed_RecipientNotIdentified"], "Completed"),
        ("expired", [*SENT, "Failed"], "Completed"),
        ("bounced-later", [*SENT, "Delivered", "Failed_Bounced"], "Completed"),
        ("delivered-later", [*SENT, "Failed_Bounced", "Delivered"], "Completed"),
        ("stuck-in-new", ["New"], None),
        ("stuck-in-sending", ["New", "Sending"], None),
        ("something-new", [*SENT, "Failed_SomethingNew"], "Completed"),
        ("paused", ["New", "Sending", "Paused", "Sending", "Succeeded", "Delivered"], "Completed"),
        (
            "transient-error",
            ["New", "Sending", "Failed_TransientError", *SENT, "Delivered"],
            "Completed",
        ),
    ],
)
def test_an_email_passes_through_these_statuses(life: str, statuses: list[str], end: str | None) -> None:
    world = World()
    order = world.create(life)
    world.clock.advance(4 * A_DAY_S)
    assert world.statuses(order) == statuses
    record = world.altinn.order(order.id)
    assert (record.ended, record.is_settled) == (end, True)


def test_every_life_is_tried_above() -> None:
    assert len(EmailLife) == 21


@pytest.mark.parametrize(
    ("life", "statuses"),
    [
        ("ordinary", ["Registered", "Processing", "Processed", "Completed"]),
        ("dated-ahead", ["Registered", "Processing", "Processed", "Completed"]),
        ("interrupted", ["Registered", "Processing", "Registered", "Processing", "Processed", "Completed"]),
        ("sms-too", ["Registered", "Processing", "Processed", "Completed"]),
        ("sms-only", ["Registered", "Processing", "Processed", "Completed"]),
        ("unreachable", ["Registered", "Processing", "Processed", "Completed"]),
        ("stuck-in-processing", ["Registered", "Processing"]),
        ("cancelled", ["Registered", "Cancelled"]),
        ("condition-not-met", ["Registered", "Processing", "SendConditionNotMet"]),
    ],
)
def test_an_order_passes_through_these_statuses(life: str, statuses: list[str]) -> None:
    world = World(email_lives={EmailLife.DELIVERED: 1})
    order = world.create(life=OrderLife(life))
    world.clock.advance(4 * A_DAY_S)
    assert world.order_statuses(order) == [f"Order_{status}" for status in statuses]


def test_an_order_is_complete_in_the_moment_in_which_its_last_email_becomes_final() -> None:
    world = World()
    order = world.create("delivered", "retried", "not-identified")
    while not (record := world.altinn.order(order.id)).ended:
        assert {email["sendStatus"]["status"] for email in world.emails(order)["notifications"]} != {
            "Delivered",
            "Failed_RecipientNotIdentified",
        }
        world.clock.advance(1)
    assert record.history[-1].status == "Order_Completed"


def test_an_order_waits_for_its_sms() -> None:
    world = World()
    order = world.create("reserved", sms=1, is_processed=True)
    assert world.order_statuses(order)[-1] == "Order_Processed"
    world.clock.advance(A_DAY_S)
    record = world.altinn.order(order.id)
    assert [each.channel for each in record.notifications] == ["Email", "SMS"]
    assert record.notifications[1].history[0].status.startswith("SMS_")
    assert record.ended == "Completed"


def test_an_unreachable_order_is_complete_as_soon_as_it_is_processed() -> None:
    world = World()
    order = world.create("reserved", "not-identified", is_processed=True)
    assert world.altinn.order(order.id).ended == "Completed"


def test_emails_come_all_at_once_when_the_order_is_processed() -> None:
    world = World()
    order = world.create(emails=50)
    seen = set()
    for _ in range(200):
        seen.add(world.emails(order)["generated"])
        world.clock.advance(1)
    assert seen == {0, 50}


def test_an_order_dated_ahead_stays_registered_until_its_time() -> None:
    world = World()
    order = world.create("delivered", requested_in_s=10 * A_DAY_S)
    assert order.requested_send_time == "2026-02-14T11:30:00Z"
    world.clock.advance(10 * A_DAY_S - 1)
    assert world.shipment(order)["status"] == "Order_Registered"
    world.clock.advance(200)
    assert world.shipment(order)["status"] != "Order_Registered"


def test_a_final_status_that_changes_once_more_does_so_after_its_order_has_ended() -> None:
    world = World()
    order = world.create("bounced-later")
    while not world.altinn.order(order.id).ended:
        world.clock.advance(1)
    assert world.statuses(order)[-1] == "Delivered"
    world.clock.advance(700)
    assert world.statuses(order)[-1] == "Failed_Bounced"


def test_an_email_times_out_48_hours_after_the_requested_time_and_some_minutes() -> None:
    world = World()
    order = world.create("expired", requested_in_s=A_DAY_S)
    world.clock.advance(3 * A_DAY_S + 299)
    assert world.statuses(order)[-1] == "Succeeded"
    world.clock.advance(901)
    assert world.statuses(order)[-1] == "Failed"


def test_at_the_pace_of_a_demo_whole_lives_take_no_longer_than_half_a_minute() -> None:
    world = World(pace=Pace(factor=0.15, expiry_s=10))
    order = world.create("retried", "delivered", "bounced", "expired")
    world.clock.advance(30 + 170)
    slow = world.altinn.order(order.id)
    assert slow.is_settled
    other = world.create("delivered", "bounced")
    world.clock.advance(30)
    assert world.altinn.order(other.id).is_settled


def test_at_the_pace_of_a_test_they_take_milliseconds() -> None:
    world = World(pace=Pace(factor=0.0001, expiry_s=0.001))
    order = world.create("retried", "delivered", "bounced", "expired")
    world.clock.advance(0.25)
    assert world.altinn.order(order.id).is_settled


@pytest.mark.parametrize("factor", [1.0, 0.001, 0.000_001])
def test_whatever_the_pace_no_two_statuses_of_an_email_are_shown_at_the_same_time(factor: float) -> None:
    world = World(pace=Pace(factor=factor, expiry_s=1))
    world.altinn.create(OrderWish(count=50))
    world.clock.advance(4 * A_DAY_S)
    for order in world.altinn.created():
        for each in order.notifications:
            times = [shown.last_update for shown in each.history]
            assert len(set(times)) == len(times)


def test_times_have_from_no_to_seven_digits_of_a_seconds_fraction() -> None:
    world = World()
    order = world.create(emails=300, is_processed=True)
    world.clock.advance(4 * A_DAY_S)
    texts = [shown.last_update for each in world.altinn.order(order.id).notifications for shown in each.history]
    assert {len(text.rstrip("Z").partition(".")[2]) for text in texts} == {0, 1, 2, 3, 4, 5, 6, 7}


def test_any_path_can_be_wished_for() -> None:
    world = World()
    order = world.altinn.create(OrderWish(email_paths=(("New", "Odd"), ("Failed_Oddly",)), is_processed=True))[0]
    world.clock.advance(100)
    record = world.altinn.order(order.id)
    assert [[shown.status for shown in each.history] for each in record.notifications] == [
        ["New", "Odd"],
        ["Failed_Oddly"],
    ]
