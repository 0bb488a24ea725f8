"""The events of NHN notifications, to the letter of product.md §4: other people's consumers depend on it."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bridge.events.message import Message
from bridge.nhn.decode import read_page
from bridge.nhn.messages import MessageMaker
from tests.support.clock import FakeClock

FULL = {
    "notificationId": "17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",
    "relatedMessageId": "733be787-0ad0-475a-98b7-00512caa9ccb",
    "type": "NewMessage",
    "notificationReceiverHerId": 8142520,
    "notificationTriggeredByHerId": 8142519,
    "description": "Ny melding på vei.",
    "createdAt": "2026-05-08T08:32:15.31+02:00",
    "offset": 45460,
}


def messages(*fields: dict[str, Any], ignore: tuple[str, ...] = (), replay: str | None = None) -> tuple[Message, ...]:
    maker = MessageMaker(
        exchange="nhn.notifications",
        parked_exchange="bridge.parked",
        ignore=ignore,
        clock=FakeClock(),
        replay=replay,
    )
    return maker.messages(read_page(json.dumps({"notifications": fields}).encode()))


def message(**changes: Any) -> Message:
    """The message of `FULL` with these changes; `...` leaves a field out."""
    (made,) = messages({name: value for name, value in (FULL | changes).items() if value is not ...})
    return made


def event(**changes: Any) -> dict[str, Any]:
    return msgspec.json.decode(message(**changes).body, type=dict[str, Any])


class TestTheEnvelope:
    def test_every_attribute_of_a_full_notification(self) -> None:
        assert event() == {
            "specversion": "1.0",
            "id": "17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",
            "source": "/nhn/her-id/8142520",
            "type": "no.nhn.notification.new-message.v1",
            "subject": "733be787-0ad0-475a-98b7-00512caa9ccb",
            "time": "2026-05-08T08:32:15.31+02:00",
            "dataschema": "urn:notification-bridge:new-message:v1",
            "sequence": "00000000000000045460",
            "partitionkey": "8142520",
            "data": {
                "notificationId": "17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",
                "notificationType": "NewMessage",
                "messageId": "733be787-0ad0-475a-98b7-00512caa9ccb",
                "receiverHerId": 8142520,
                "triggeredByHerId": 8142519,
                "description": "Ny melding på vei.",
                "createdAt": "2026-05-08T08:32:15.31+02:00",
                "offset": 45460,
            },
        }

    def test_of_the_example_of_the_apis_page(self) -> None:
        (made,) = messages(
            {
                "id": "843eed10-6b56-496b-8664-ce71167c6b5c",
                "relatedMessageId": "0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
                "type": "NewMessage",
                "notificationReceiverHerId": 6789,
                "notificationTriggeredByHerId": 9876,
                "description": "New message received. (EPIKRISE).",
                "createdAt": "2026-04-14T06:17:00+00:00",
            }
        )
        assert json.loads(made.body) == {
            "specversion": "1.0",
            "id": "843eed10-6b56-496b-8664-ce71167c6b5c",
            "source": "/nhn/her-id/6789",
            "type": "no.nhn.notification.new-message.v1",
            "subject": "0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
            "time": "2026-04-14T06:17:00+00:00",
            "dataschema": "urn:notification-bridge:new-message:v1",
            "partitionkey": "6789",
            "data": {
                "notificationId": "843eed10-6b56-496b-8664-ce71167c6b5c",
                "notificationType": "NewMessage",
                "messageId": "0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
                "receiverHerId": 6789,
                "triggeredByHerId": 9876,
                "description": "New message received. (EPIKRISE).",
                "createdAt": "2026-04-14T06:17:00+00:00",
                "offset": None,
            },
        }

    @pytest.mark.parametrize("absent", [..., None], ids=["absent", "null"])
    def test_attributes_without_a_value_are_absent_and_data_without_a_value_is_null(self, absent: object) -> None:
        bare = event(
            notificationId=absent,
            relatedMessageId=absent,
            notificationTriggeredByHerId=absent,
            description=absent,
            createdAt=absent,
        )
        assert bare == {
            "specversion": "1.0",
            "id": "8142520-45460",
            "source": "/nhn/her-id/8142520",
            "type": "no.nhn.notification.new-message.v1",
            "dataschema": "urn:notification-bridge:new-message:v1",
            "sequence": "00000000000000045460",
            "partitionkey": "8142520",
            "data": {
                "notificationId": None,
                "notificationType": "NewMessage",
                "messageId": None,
                "receiverHerId": 8142520,
                "triggeredByHerId": None,
                "description": None,
                "createdAt": None,
                "offset": 45460,
            },
        }

    @pytest.mark.parametrize(
        ("api_type", "name"),
        [
            ("NewMessage", "new-message"),
            ("RefusedMessage", "refused"),
            ("MessageSentStateUpdated", "sent-state"),
            ("MessageApprecInfoUpdated", "apprec"),
            ("MessageDeliveryStateUpdated", "delivery-state"),
            ("MessageEaten", "other"),
            ("newmessage", "other"),
            ("", "other"),
        ],
    )
    def test_each_type_has_its_event_name_and_is_kept_as_the_api_wrote_it(self, api_type: str, name: str) -> None:
        made = message(type=api_type)
        assert made.event == name
        assert made.type == f"no.nhn.notification.{name}.v1"
        assert made.routing_key == f"{name}.8142520"
        body = json.loads(made.body)
        assert body["type"] == f"no.nhn.notification.{name}.v1"
        assert body["dataschema"] == f"urn:notification-bridge:{name}:v1"
        assert body["data"]["notificationType"] == api_type

    def test_a_replay_differs_by_its_mark_alone(self) -> None:
        (live,) = messages(FULL)
        (again,) = messages(FULL, replay="r-1")
        assert msgspec.structs.replace(again, body=live.body) == live
        assert json.loads(again.body) == {**json.loads(live.body), "replay": "r-1"}

    def test_the_body_is_utf8_and_not_escaped(self) -> None:
        assert "Ny melding på vei.".encode() in message().body

    @pytest.mark.parametrize(
        ("offset", "sequence"),
        [(0, "00000000000000000000"), (1, "00000000000000000001"), (2**63 - 1, "09223372036854775807")],
    )
    def test_the_sequence_has_20_digits_so_that_text_sorts_as_numbers_do(self, offset: int, sequence: str) -> None:
        assert event(offset=offset)["sequence"] == sequence

    @pytest.mark.parametrize(
        ("created_at", "time"),
        [
            pytest.param("2026-04-14T06:17:00Z", "2026-04-14T06:17:00Z", id="Z"),
            pytest.param("2026-04-14T06:17:00.31+00:00", "2026-04-14T06:17:00.31+00:00", id="2 fraction digits"),
            pytest.param("2026-04-14T06:17:00.1234567Z", "2026-04-14T06:17:00.1234567Z", id="7 fraction digits"),
            pytest.param("2026-04-14T06:17:00-03:30", "2026-04-14T06:17:00-03:30", id="west of UTC"),
            pytest.param("2026-04-14 06:17:00Z", "2026-04-14T06:17:00+00:00", id="a blank is not RFC 3339"),
            pytest.param("2026-04-14T06:17+02:00", "2026-04-14T04:17:00+00:00", id="nor are missing seconds"),
            pytest.param("20260414T061700Z", "2026-04-14T06:17:00+00:00", id="nor the basic form"),
            pytest.param("2026-04-14T06:17:00+01:00:30", "2026-04-14T05:16:30+00:00", id="nor seconds in the offset"),
        ],
    )
    def test_time_is_as_written_where_cloudevents_allows_that_form(self, created_at: str, time: str) -> None:
        made = event(createdAt=created_at)
        assert made["time"] == time
        assert made["data"]["createdAt"] == created_at

    @pytest.mark.parametrize(
        "created_at",
        [
            pytest.param("2026-04-14T06:17:00", id="no time zone"),
            pytest.param("2026-04-14", id="a day"),
            pytest.param("0001-01-01T00:00:00+01:00", id="year 1: no value"),
            pytest.param("9999-12-31T23:59:59-01:00", id="year 9999: no value"),
        ],
    )
    def test_a_creation_time_that_is_no_moment_is_data_alone(self, created_at: str) -> None:
        made = message(createdAt=created_at)
        body = json.loads(made.body)
        assert "time" not in body
        assert body["data"]["createdAt"] == created_at
        assert made.created_at is None


class TestTheMessage:
    def test_amqp_properties(self) -> None:
        made = message()
        assert made.id == "17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9"
        assert made.source == "nhn"
        assert made.type == "no.nhn.notification.new-message.v1"
        assert made.exchange == "nhn.notifications"
        assert made.routing_key == "new-message.8142520"
        assert made.content_type == "application/cloudevents+json; charset=utf-8"
        assert made.correlation_id == "733be787-0ad0-475a-98b7-00512caa9ccb"
        assert made.created_at == datetime(2026, 5, 8, 6, 32, 15, 310000, tzinfo=UTC)
        assert made.created_at.utcoffset() == UTC.utcoffset(None)
        assert dict(made.headers) == {}
        assert made.parked_reason is None

    def test_there_is_no_correlation_id_without_a_related_message(self) -> None:
        assert message(relatedMessageId=...).correlation_id is None

    def test_the_same_notification_makes_the_same_bytes(self) -> None:
        assert message() == message()

    def test_an_event_that_is_not_wanted_makes_no_message(self) -> None:
        kept = messages(FULL, FULL | {"type": "MessageSentStateUpdated"}, FULL, ignore=("sent-state", "apprec"))
        assert [made.event for made in kept] == ["new-message", "new-message"]

    def test_an_item_that_is_not_understood_is_parked_where_it_stands_and_never_ignored(self) -> None:
        first, parked, last = messages(FULL, FULL | {"type": 17}, FULL, ignore=("other",))
        assert (first.event, last.event) == ("new-message", "new-message")
        assert parked.event == "invalid"
        assert parked.exchange == "bridge.parked"
        assert json.loads(parked.body) == FULL | {"type": 17}
        assert parked.headers["x-parked-reason"] == "invalid"
        assert parked.headers["x-parked-detail"] == "Expected `str`, got `int` - at `$.type`"
        assert parked.headers["x-parked-at"] == "2026-04-14T06:00:00+00:00"
