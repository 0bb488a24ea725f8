"""The answers' bodies, as Altinn writes them."""

import re
from typing import Any

import pytest

from bridge.sandbox.altinn.faults import AltinnFaultRule
from bridge.sandbox.altinn.lives import OrderLife
from bridge.sandbox.altinn.queries import FeedQuery
from bridge.sandbox.faults import FaultKind
from tests.unit.sandbox.altinn.makers import A_DAY_S, World

EMAILS = """{
  "orderId": "2daf469f-175b-4b6e-ada9-b2022feba2e9",
  "sendersReference": "ref-2023-12-01",
  "generated": 2,
  "succeeded": 0,
  "notifications": [
    {
      "id": "14ea6c23-eab2-46df-aac3-b58549508ad7",
      "succeeded": false,
      "recipient": {
        "emailAddress": "mottaker-235943703@example.com"
      },
      "sendStatus": {
        "status": "New",
        "description": "The email has been created, but has not been picked up for processing yet.",
        "lastUpdate": "2026-02-04T11:30:00Z"
      }
    },
    {
      "id": "c3b9a475-c129-4f2c-aac6-81025af1a0b2",
      "succeeded": false,
      "recipient": {
        "emailAddress": "",
        "nationalIdentityNumber": "06868899777"
      },
      "sendStatus": {
        "status": "Failed_RecipientReserved",
        "description": "The email was not sent because the recipient has reserved themselves from electronic \
communication.",
        "lastUpdate": "2026-02-04T11:30:00Z"
      }
    }
  ]
}"""
ABSENT = re.compile("null")


def test_the_emails_of_an_order_are_written_to_the_letter() -> None:
    world = World()
    order = world.create("reserved", "delivered", senders_reference="ref-2023-12-01", is_processed=True)
    answer = world.altinn.emails(order.id, "ttd")
    assert answer is not None
    assert (answer.body.decode(), answer.items) == (EMAILS, 2)


def test_what_is_null_is_absent() -> None:
    world = World()
    bodies = []
    for _ in range(40):
        order = world.create(emails=3, sms=1, is_processed=True)
        emails, shipment = world.altinn.emails(order.id, "ttd"), world.altinn.shipment(order.id, "ttd")
        assert emails is not None
        assert shipment is not None
        bodies += [emails.body, shipment.body]
    world.clock.advance(4 * A_DAY_S)
    bodies.append(world.altinn.feed(FeedQuery(), "ttd").body)
    assert not any(ABSENT.search(body.decode()) for body in bodies)
    assert any(b"sendersReference" not in body for body in bodies[:-1])


@pytest.mark.parametrize("life", ["sms-only", "cancelled", "condition-not-met"])
def test_an_order_without_emails_says_so_for_ever(life: str) -> None:
    world = World()
    order = world.create(life=OrderLife(life), senders_reference="r")
    for _ in range(5):
        assert world.emails(order) == {
            "orderId": order.id,
            "sendersReference": "r",
            "generated": 0,
            "succeeded": 0,
            "notifications": [],
        }
        world.clock.advance(A_DAY_S)


def test_an_empty_list_is_written_as_dotnet_writes_it() -> None:
    world = World()
    answer = world.altinn.emails(world.create().id, "ttd")
    assert answer is not None
    assert b'"notifications": []\n}' in answer.body
    assert world.altinn.feed(FeedQuery(), "ttd").body == b"[]"


def test_the_order_of_emails_changes_as_they_do() -> None:
    world = World()
    order = world.create(emails=8)
    orders = set()
    for _ in range(200):
        orders.add(tuple(email["id"] for email in world.emails(order)["notifications"]))
        world.clock.advance(1)
    assert len(orders) > 3


def test_the_count_of_successes_goes_down_when_one_becomes_a_failure() -> None:
    world = World()
    order = world.create("bounced", is_processed=True)
    counts = []
    for _ in range(300):
        counts.append(world.emails(order)["succeeded"])
        world.clock.advance(1)
    assert [counts[0], max(counts), counts[-1]] == [0, 1, 0]


def test_the_time_out_is_a_failure_with_a_sentence_of_its_own_and_has_its_name_in_the_shipment() -> None:
    world = World()
    order = world.create("expired")
    world.clock.advance(3 * A_DAY_S)
    (email,) = world.emails(order)["notifications"]
    assert email["sendStatus"]["status"] == "Failed"
    assert email["sendStatus"]["description"] == (
        "The email was in indefinite state Succeeded for too long (TTL), and was subsequently set to failed."
    )
    assert world.shipment(order)["recipients"][0]["status"] == "Email_Failed_TTL"


def test_a_shipment_has_what_is_documented() -> None:
    world = World()
    order = world.create("suppressed", sms=1, senders_reference="r")
    world.clock.advance(A_DAY_S)
    shipment = world.shipment(order)
    email, sms = shipment["recipients"]
    assert shipment == {
        "shipmentId": order.id,
        "sendersReference": "r",
        "type": "Notification",
        "status": "Order_Completed",
        "lastUpdate": world.altinn.order(order.id).history[-1].last_update,
        "recipients": [email, sms],
    }
    assert email == {
        "type": "Email",
        "destination": email["destination"],
        "status": "Email_Failed_SuppressedRecipient",
        "lastUpdate": world.altinn.order(order.id).notifications[0].history[-1].last_update,
    }
    assert email["destination"].endswith("@example.com")
    assert (sms["type"], sms["destination"][:6]) == ("SMS", "+47990")


def test_a_recipient_that_was_not_found_has_an_empty_address_and_a_number() -> None:
    world = World()
    order = world.create(*["not-identified"] * 40, is_processed=True)
    recipients = [email["recipient"] for email in world.emails(order)["notifications"]]
    assert {recipient["emailAddress"] for recipient in recipients} == {""}
    assert {name for recipient in recipients for name in recipient} == {
        "emailAddress",
        "nationalIdentityNumber",
        "organizationNumber",
    }
    assert {each["destination"] for each in world.shipment(order)["recipients"]} == {""}


def test_numbers_of_persons_are_recognisably_made_up() -> None:
    world = World()
    order = world.create(emails=200, is_processed=True)
    recipients = [email["recipient"] for email in world.emails(order)["notifications"]]
    numbers = [each["nationalIdentityNumber"] for each in recipients if "nationalIdentityNumber" in each]
    assert len(numbers) > 20
    assert all(len(number) == 11 and 81 <= int(number[2:4]) <= 92 for number in numbers)


@pytest.mark.parametrize(
    ("kind", "middle"),
    [
        (FaultKind.NOT_AN_OBJECT, "not a notification"),
        (FaultKind.WITHOUT_ID, {"succeeded", "recipient", "sendStatus"}),
        (FaultKind.MISSING_STATUS, {"id", "succeeded", "recipient"}),
        (FaultKind.WRONG_TYPES, {"id", "succeeded", "recipient", "sendStatus"}),
    ],
)
def test_one_notification_among_good_ones_can_be_malformed(kind: FaultKind, middle: Any) -> None:
    world = World()
    order = world.create(emails=3, is_processed=True)
    good = world.emails(order)["notifications"]
    wrong = world.emails(order, AltinnFaultRule(kind=kind))["notifications"]
    assert (wrong[0], wrong[2]) == (good[0], good[2])
    assert wrong[1] != good[1]
    assert (set(wrong[1]) if isinstance(wrong[1], dict) else wrong[1]) == middle


def test_every_notification_can_come_twice() -> None:
    world = World()
    order = world.create(emails=2, is_processed=True)
    first, second = world.emails(order)["notifications"]
    twice = world.emails(order, AltinnFaultRule(kind=FaultKind.DUPLICATE_ITEMS))
    assert twice["notifications"] == [first, first, second, second]
    assert twice["generated"] == 2
