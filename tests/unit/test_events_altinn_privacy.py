"""What of a recipient leaves, by setting, and that nothing else of a person ever does (product.md §4, §5, G8)."""

import json
from typing import Any

import pytest

from bridge.events.altinn import (
    EmailNotification,
    Recipient,
    RecipientDetail,
    SendStatus,
    email_status_message,
    reduced_item,
)
from bridge.events.message import Message

WHOM = Recipient(
    email_address="kari@example.no", organization_number="991825827", national_identity_number="01017012345"
)


def message(detail: RecipientDetail) -> Message:
    status = SendStatus("Delivered", "2026-07-01T10:02:30.1Z")
    return email_status_message(
        EmailNotification(id="1", succeeded=True, send_status=status, recipient=WHOM),
        order_id="f1a1cc30-197f-4f34-8304-006ce4945fd1",
        senders_reference=None,
        previous_status=None,
        moment=None,
        recipient=detail,
        exchange="altinn.notifications",
    )


def event(detail: RecipientDetail) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(message(detail).body)
    return body


class TestTheRecipient:
    @pytest.mark.parametrize(
        ("detail", "shown"),
        [
            ("none", None),
            ("address", {"emailAddress": "kari@example.no", "organizationNumber": "991825827"}),
            (
                "full",
                {
                    "emailAddress": "kari@example.no",
                    "organizationNumber": "991825827",
                    "nationalIdentityNumber": "01017012345",
                },
            ),
        ],
    )
    def test_is_shown_as_the_setting_says(self, detail: RecipientDetail, shown: object) -> None:
        assert event(detail)["data"]["recipient"] == shown

    @pytest.mark.parametrize("detail", ["none", "address"])
    def test_a_national_identity_number_is_nowhere_unless_all_is_wanted(self, detail: RecipientDetail) -> None:
        made = message(detail)
        assert b"01017012345" not in made.body
        assert "01017012345" not in repr(made)

    def test_with_none_no_address_is_anywhere(self) -> None:
        made = message("none")
        assert "kari" not in repr(made)
        assert "991825827" not in repr(made)

    def test_nobody_is_seen_in_a_repr(self) -> None:
        shown = repr(EmailNotification(id="1", succeeded=True, send_status=SendStatus("New", "?"), recipient=WHOM))
        assert "Recipient(…)" in shown
        assert "kari" not in shown
        assert "01017012345" not in shown


MALFORMED = {
    "id": "1",
    "succeeded": "yes",
    "recipient": {
        "emailAddress": "kari@example.no",
        "organizationNumber": "991825827",
        "nationalIdentityNumber": "01017012345",
        "mobileNumber": "+4799999999",
    },
    "sendStatus": {"status": 17, "description": "?", "lastUpdate": None, "note": "kari"},
    "note": "kari",
}


class TestAnItemThatIsNotUnderstood:
    @pytest.mark.parametrize(
        ("detail", "whom"),
        [
            ("none", {}),
            ("address", {"recipient": {"emailAddress": "kari@example.no", "organizationNumber": "991825827"}}),
            (
                "full",
                {
                    "recipient": {
                        "emailAddress": "kari@example.no",
                        "organizationNumber": "991825827",
                        "nationalIdentityNumber": "01017012345",
                    }
                },
            ),
        ],
    )
    def test_keeps_the_documented_fields_and_the_recipient_as_events_do(
        self, detail: RecipientDetail, whom: dict[str, object]
    ) -> None:
        kept = {"id": "1", "succeeded": "yes", "sendStatus": {"status": 17, "description": "?"}}
        assert reduced_item(MALFORMED, detail) == kept | whom

    @pytest.mark.parametrize("item", [None, 17, "kari@example.no", ["kari@example.no"], True])
    def test_that_is_no_object_keeps_nothing(self, item: object) -> None:
        assert reduced_item(item, "full") is None

    def test_keeps_no_value_that_hides_more(self) -> None:
        item = {"id": {"nin": "01017012345"}, "sendStatus": ["01017012345"], "recipient": {"emailAddress": ["kari"]}}
        assert reduced_item(item, "full") == {"recipient": {}}
