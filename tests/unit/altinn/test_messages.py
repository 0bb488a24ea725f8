"""From a verdict on an order to its messages (product.md §4, §5)."""

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.altinn.decode import Shipment, read_summary
from bridge.altinn.lifecycle import Missing, Observation, Seen, conclude
from bridge.altinn.messages import OrderMessageMaker
from bridge.altinn.schedule import PollSchedule
from bridge.checkpoints import EmailSeen
from bridge.events.altinn import RecipientDetail
from bridge.events.cloudevent import moment_of
from bridge.events.message import Message
from tests.support.altinn import ORDER, email, seen, summary, watched
from tests.support.clock import FakeClock
from tests.unit.altinn.test_decode import PAGE_EXAMPLE

COMPLETED = Shipment("Order_Completed", "2026-07-01T10:00:00Z", moment_of("2026-07-01T10:00:00Z"))


def messages(
    observation: Observation,
    before: Mapping[str, EmailSeen] | None = None,
    *,
    recipient: RecipientDetail = "address",
    order_closed_events: bool = False,
    now: float = 1100.0,
    **order: Any,
) -> list[Message]:
    maker = OrderMessageMaker(
        exchange="altinn.notifications",
        parked_exchange="bridge.parked",
        recipient=recipient,
        order_closed_events=order_closed_events,
        clock=FakeClock(),
    )
    verdict = conclude(
        watched(**order), before or {}, observation, now=now, schedule=PollSchedule(), dice=random.Random(1)
    )
    return list(maker.messages(verdict))


def test_the_example_of_the_apis_page_is_this_event() -> None:
    (made,) = messages(Seen(read_summary(PAGE_EXAMPLE, order_id=ORDER, recipient="address")))
    assert made.routing_key == "email-status.new"
    assert json.loads(made.body) == {
        "specversion": "1.0",
        "id": "e0197ec7-3d82-4917-8329-8c9ecc4c569b-New-2023-11-14T16:06:02.877361Z",
        "source": "/altinn/orders/f1a1cc30-197f-4f34-8304-006ce4945fd1",
        "type": "no.altinn.notification.email-status.v1",
        "subject": "e0197ec7-3d82-4917-8329-8c9ecc4c569b",
        "time": "2023-11-14T16:06:02.877361Z",
        "dataschema": "urn:notification-bridge:email-status:v1",
        "partitionkey": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
        "data": {
            "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
            "sendersReference": "ref-2023-12-01",
            "notificationId": "e0197ec7-3d82-4917-8329-8c9ecc4c569b",
            "status": "New",
            "previousStatus": None,
            "succeeded": False,
            "final": False,
            "description": "The email has been created, but has not been picked up for processing yet.",
            "lastUpdate": "2023-11-14T16:06:02.877361Z",
            "recipient": {"emailAddress": "recipient@domain.com", "organizationNumber": None},
        },
    }


def test_changes_come_first_then_what_is_parked_then_the_end() -> None:
    items = [
        email("b", "Delivered", "2026-07-01T10:00:02Z"),
        email("x", succeeded="?"),
        email("a", "Failed_Bounced", "2026-07-01T10:00:01Z"),
    ]
    made = messages(Seen(summary(*items), COMPLETED), seen("a", "Delivered"), order_closed_events=True)
    assert [each.routing_key for each in made] == [
        "email-status.failed-bounced",
        "email-status.delivered",
        "",
        "order-closed.completed",
    ]
    assert [json.loads(each.body)["data"]["previousStatus"] for each in made[:2]] == ["Delivered", None]


def test_an_order_that_has_ended_is_told_of_only_where_that_is_wanted() -> None:
    assert messages(Seen(summary(), COMPLETED)) == []
    (made,) = messages(Seen(summary(sendersReference="r", succeeded=0), COMPLETED), order_closed_events=True)
    assert json.loads(made.body)["data"] == {
        "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
        "sendersReference": "r",
        "reason": "completed",
        "generated": 0,
        "succeeded": 0,
        "lastUpdate": "2026-07-01T10:00:00Z",
    }


def test_an_order_that_was_never_found_is_told_of_without_what_nobody_knows() -> None:
    (made,) = messages(Missing(), order_closed_events=True, now=9000.0, missing_since=1000.0, senders_reference="r")
    assert made.routing_key == "order-closed.not-found"
    assert json.loads(made.body)["data"] == {
        "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
        "sendersReference": "r",
        "reason": "not-found",
        "generated": None,
        "succeeded": None,
        "lastUpdate": None,
    }


@pytest.mark.parametrize(("shown", "told"), [(..., "registered"), ("shown", "shown")])
def test_the_senders_reference_is_the_apis_or_else_the_registrations(shown: object, told: str) -> None:
    (made,) = messages(Seen(summary(email(), sendersReference=shown)), senders_reference="registered")
    assert json.loads(made.body)["data"]["sendersReference"] == told


@pytest.mark.parametrize(
    ("recipient", "kept"),
    [
        ("none", {}),
        ("address", {"recipient": {"emailAddress": "kari@example.no"}}),
        ("full", {"recipient": {"emailAddress": "kari@example.no", "nationalIdentityNumber": "01017012345"}}),
    ],
)
def test_an_item_that_is_not_understood_is_parked_with_as_much_of_its_recipient_as_events_carry(
    recipient: RecipientDetail, kept: dict[str, object]
) -> None:
    whom = {"emailAddress": "kari@example.no", "nationalIdentityNumber": "01017012345"}
    item = email("x", succeeded=None, recipient=whom, sendStatus={"status": "New"})
    (parked,) = messages(Seen(summary(item, recipient=recipient)), recipient=recipient)
    assert json.loads(parked.body) == {"id": "x", "sendStatus": {"status": "New"}} | kept
    assert (parked.exchange, parked.source, parked.parked_reason) == ("bridge.parked", "altinn", "invalid")
    assert dict(parked.headers) == {
        "x-parked-reason": "invalid",
        "x-parked-at": "2026-04-14T06:00:00+00:00",
        "x-original-exchange": "",
        "x-original-routing-key": "",
        "x-parked-detail": "order f1a1cc30-197f-4f34-8304-006ce4945fd1: Expected `bool`, got `null` - at `$.succeeded`",
    }
