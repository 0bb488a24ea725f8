"""The events of Altinn's e-mails and orders, to the letter of product.md §4: other people's consumers depend on it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.events.altinn import (
    EmailNotification,
    Recipient,
    RecipientDetail,
    SendStatus,
    email_status_message,
    is_final,
    is_known,
    kebab_case,
    order_closed_message,
)
from bridge.events.cloudevent import moment_of
from bridge.events.message import Message

ORDER = "f1a1cc30-197f-4f34-8304-006ce4945fd1"
EMAIL = "e0197ec7-3d82-4917-8329-8c9ecc4c569b"
WHOM = Recipient(
    email_address="kari@example.no", organization_number="991825827", national_identity_number="01017012345"
)
STATUSES = {
    "New": ("new", False),
    "Sending": ("sending", False),
    "Succeeded": ("succeeded", False),
    "Delivered": ("delivered", True),
    "Failed": ("failed", True),
    "Failed_RecipientReserved": ("failed-recipient-reserved", True),
    "Failed_RecipientNotIdentified": ("failed-recipient-not-identified", True),
    "Failed_InvalidEmailFormat": ("failed-invalid-email-format", True),
    "Failed_SupressedRecipient": ("failed-supressed-recipient", True),
    "Failed_TransientError": ("failed-transient-error", False),
    "Failed_Bounced": ("failed-bounced", True),
    "Failed_FilteredSpam": ("failed-filtered-spam", True),
    "Failed_Quarantined": ("failed-quarantined", True),
    "Failed_TTL": ("failed-ttl", True),
    "Failed_InvalidSasUrl": ("failed-invalid-sas-url", True),
    "Failed_PayloadTooLarge": ("failed-payload-too-large", True),
}
"""The 16 that Altinn has: kebab-case, and whether they are final."""


def message(
    status: str = "Delivered",
    last_update: str = "2026-07-01T10:02:30.1Z",
    *,
    detail: RecipientDetail = "address",
    whom: Recipient | None = WHOM,
    previous: str | None = "Succeeded",
    reference: str | None = "ref-7",
    description: str | None = "It was delivered.",
    succeeded: bool = True,
) -> Message:
    email = EmailNotification(
        id=EMAIL, succeeded=succeeded, send_status=SendStatus(status, last_update, description), recipient=whom
    )
    return email_status_message(
        email,
        order_id=ORDER,
        senders_reference=reference,
        previous_status=previous,
        moment=moment_of(last_update),
        recipient=detail,
        exchange="altinn.notifications",
    )


def event(*args: Any, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(message(*args, **changes).body)
    return body


def closed(reason: str = "completed", last_update: str | None = "2026-07-01T10:02:30.1Z", **changes: Any) -> Message:
    fields: dict[str, Any] = {"senders_reference": "ref-7", "generated": 2, "succeeded": 1} | changes
    return order_closed_message(
        order_id=ORDER,
        reason=reason,
        last_update=last_update,
        moment=moment_of(last_update),
        exchange="altinn.notifications",
        **fields,
    )


class TestTheEnvelope:
    def test_every_attribute_and_every_field_of_data(self) -> None:
        assert event() == {
            "specversion": "1.0",
            "id": "e0197ec7-3d82-4917-8329-8c9ecc4c569b-Delivered-2026-07-01T10:02:30.1Z",
            "source": "/altinn/orders/f1a1cc30-197f-4f34-8304-006ce4945fd1",
            "type": "no.altinn.notification.email-status.v1",
            "subject": "e0197ec7-3d82-4917-8329-8c9ecc4c569b",
            "time": "2026-07-01T10:02:30.1Z",
            "dataschema": "urn:notification-bridge:email-status:v1",
            "partitionkey": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
            "data": {
                "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
                "sendersReference": "ref-7",
                "notificationId": "e0197ec7-3d82-4917-8329-8c9ecc4c569b",
                "status": "Delivered",
                "previousStatus": "Succeeded",
                "succeeded": True,
                "final": True,
                "description": "It was delivered.",
                "lastUpdate": "2026-07-01T10:02:30.1Z",
                "recipient": {"emailAddress": "kari@example.no", "organizationNumber": "991825827"},
            },
        }

    def test_what_the_api_does_not_give_is_null_in_data(self) -> None:
        assert event(whom=None, previous=None, reference=None, description=None, succeeded=False)["data"] == {
            "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
            "sendersReference": None,
            "notificationId": "e0197ec7-3d82-4917-8329-8c9ecc4c569b",
            "status": "Delivered",
            "previousStatus": None,
            "succeeded": False,
            "final": True,
            "description": None,
            "lastUpdate": "2026-07-01T10:02:30.1Z",
            "recipient": {"emailAddress": None, "organizationNumber": None},
        }

    def test_amqp_properties(self) -> None:
        made = message("Failed_InvalidSasUrl")
        assert made.id == "e0197ec7-3d82-4917-8329-8c9ecc4c569b-Failed_InvalidSasUrl-2026-07-01T10:02:30.1Z"
        assert made.source == "altinn"
        assert made.event == "email-status"
        assert made.type == "no.altinn.notification.email-status.v1"
        assert made.exchange == "altinn.notifications"
        assert made.routing_key == "email-status.failed-invalid-sas-url"
        assert made.content_type == "application/cloudevents+json; charset=utf-8"
        assert made.correlation_id == "f1a1cc30-197f-4f34-8304-006ce4945fd1"
        assert made.created_at == datetime(2026, 7, 1, 10, 2, 30, 100000, tzinfo=UTC)
        assert dict(made.headers) == {}
        assert made.parked_reason is None

    def test_a_last_update_that_is_no_moment_is_data_alone(self) -> None:
        made = message(last_update="0001-01-01T00:00:00Z")
        body = json.loads(made.body)
        assert "time" not in body
        assert body["data"]["lastUpdate"] == "0001-01-01T00:00:00Z"
        assert made.created_at is None
        assert made.id == "e0197ec7-3d82-4917-8329-8c9ecc4c569b-Delivered-0001-01-01T00:00:00Z"

    def test_the_same_change_makes_the_same_bytes(self) -> None:
        assert message() == message()

    def test_no_property_of_a_known_status_is_too_long_for_amqp(self) -> None:
        made = message("Failed_RecipientNotIdentified", "2026-07-01T10:02:30.1234567Z")
        assert len(made.id) == 95
        assert len(made.routing_key) < 255


class TestAStatus:
    @pytest.mark.parametrize(("status", "kebab", "final"), [(name, *facts) for name, facts in STATUSES.items()])
    def test_that_is_known_has_its_routing_key_and_is_final_by_our_own_table(
        self, status: str, kebab: str, *, final: bool
    ) -> None:
        made = message(status)
        body = json.loads(made.body)
        assert made.routing_key == f"email-status.{kebab}"
        assert body["data"]["status"] == status
        assert body["data"]["final"] is final
        assert is_known(status)

    def test_known_are_16(self) -> None:
        assert len(STATUSES) == 16

    @pytest.mark.parametrize(
        ("status", "final"),
        [
            ("Failed_EatenByDog", True),
            ("FailedOtherwise", True),
            ("Expanded", False),
            ("delivered", False),
            ("failed", False),
            ("new", False),
        ],
    )
    def test_that_nobody_knows_is_final_where_it_says_that_it_failed(self, status: str, *, final: bool) -> None:
        assert is_final(status) is final
        assert not is_known(status)

    @pytest.mark.parametrize("succeeded", [True, False])
    def test_succeeded_is_as_the_api_says(self, *, succeeded: bool) -> None:
        assert event("Failed_Bounced", succeeded=succeeded)["data"]["succeeded"] is succeeded

    @pytest.mark.parametrize(
        ("status", "kebab"),
        [
            ("Failed_InvalidSasUrl", "failed-invalid-sas-url"),
            ("ABCThing", "abcthing"),
            ("aB", "a-b"),
            ("a1B", "a1b"),
            ("Failed.By*Star#", "failed-by-star-"),
            ("Failed Blank", "failed-blank"),
            ("Mottatt_Å", "mottatt--"),
            ("__", "--"),
            ("x" * 300, "x" * 200),
            ("aB" * 100, "a-b" * 66 + "a-"),
        ],
    )
    def test_in_kebab_case(self, status: str, kebab: str) -> None:
        assert kebab_case(status) == kebab


class TestTheEndOfAnOrder:
    @pytest.mark.parametrize("reason", ["completed", "cancelled", "condition-not-met", "given-up", "not-found"])
    def test_has_its_reason_as_routing_key(self, reason: str) -> None:
        made = closed(reason)
        assert made.routing_key == f"order-closed.{reason}"
        assert made.id == f"f1a1cc30-197f-4f34-8304-006ce4945fd1-order-closed-{reason}"
        assert made.type == "no.altinn.notification.order-closed.v1"
        assert made.event == "order-closed"
        assert made.exchange == "altinn.notifications"
        assert made.correlation_id == "f1a1cc30-197f-4f34-8304-006ce4945fd1"

    def test_its_event(self) -> None:
        assert json.loads(closed().body) == {
            "specversion": "1.0",
            "id": "f1a1cc30-197f-4f34-8304-006ce4945fd1-order-closed-completed",
            "source": "/altinn/orders/f1a1cc30-197f-4f34-8304-006ce4945fd1",
            "type": "no.altinn.notification.order-closed.v1",
            "time": "2026-07-01T10:02:30.1Z",
            "dataschema": "urn:notification-bridge:order-closed:v1",
            "partitionkey": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
            "data": {
                "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
                "sendersReference": "ref-7",
                "reason": "completed",
                "generated": 2,
                "succeeded": 1,
                "lastUpdate": "2026-07-01T10:02:30.1Z",
            },
        }

    def test_of_one_that_the_api_does_not_know(self) -> None:
        body = json.loads(closed("not-found", None, senders_reference=None, generated=None, succeeded=None).body)
        assert "time" not in body
        assert body["data"] == {
            "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
            "sendersReference": None,
            "reason": "not-found",
            "generated": None,
            "succeeded": None,
            "lastUpdate": None,
        }
