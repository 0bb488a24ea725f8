"""Events as consumers in Python get them: typed, tolerant of a newer bridge, and with one error for what is none."""

import json
from typing import Any, assert_type

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET

from bridge.errors import BridgeError
from bridge.events import (
    Apprec,
    DeliveryState,
    EmailRecipient,
    EmailStatus,
    EmailStatusData,
    Event,
    InvalidEvent,
    NewMessage,
    NotificationData,
    OrderClosed,
    OrderClosedData,
    OtherNotification,
    Refused,
    SentState,
    UnknownEvent,
    parse,
)
from bridge.events.altinn import Recipient
from bridge.events.message import Message
from tests.support.events import bare, email_status, every_message, full, order_closed

UNKNOWN = {"specversion": "1.0", "id": "7", "source": "/elsewhere", "type": "no.nhn.notification.read.v1"}


def body(event: object) -> bytes:
    return json.dumps(event).encode()


def changed(message: Message, **changes: Any) -> bytes:
    """Its body with these attributes; `...` leaves one out."""
    event = json.loads(message.body) | changes
    return body({name: value for name, value in event.items() if value is not ...})


class TestWhatWentInComesOut:
    def test_of_a_notification_with_everything(self) -> None:
        assert parse(full(replay="replay-1").body) == NewMessage(
            specversion="1.0",
            id="17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",
            source="/nhn/her-id/8142520",
            type="no.nhn.notification.new-message.v1",
            dataschema="urn:notification-bridge:new-message:v1",
            partitionkey="8142520",
            data=NotificationData(
                notification_id="17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9",
                notification_type="NewMessage",
                message_id="733be787-0ad0-475a-98b7-00512caa9ccb",
                receiver_her_id=8142520,
                triggered_by_her_id=8142519,
                description="Ny melding på vei.",
                created_at="2026-05-08T08:32:15.31+00:00",
                offset=45460,
            ),
            subject="733be787-0ad0-475a-98b7-00512caa9ccb",
            time="2026-05-08T08:32:15.31+00:00",
            sequence="00000000000000045460",
            replay="replay-1",
        )

    def test_of_a_notification_with_nothing_that_may_be_left_out(self) -> None:
        assert parse(bare().body) == NewMessage(
            specversion="1.0",
            id="6789-7",
            source="/nhn/her-id/6789",
            type="no.nhn.notification.new-message.v1",
            dataschema="urn:notification-bridge:new-message:v1",
            partitionkey="6789",
            data=NotificationData(
                notification_id=None,
                notification_type="NewMessage",
                message_id=None,
                receiver_her_id=6789,
                triggered_by_her_id=None,
                description=None,
                created_at=None,
                offset=7,
            ),
            sequence="00000000000000000007",
        )

    def test_of_an_email_s_change(self) -> None:
        assert parse(email_status().body) == EmailStatus(
            specversion="1.0",
            id="e0197ec7-3d82-4917-8329-8c9ecc4c569b-Failed_Bounced-2026-07-01T10:02:30.1Z",
            source="/altinn/orders/f1a1cc30-197f-4f34-8304-006ce4945fd1",
            type="no.altinn.notification.email-status.v1",
            dataschema="urn:notification-bridge:email-status:v1",
            partitionkey="f1a1cc30-197f-4f34-8304-006ce4945fd1",
            data=EmailStatusData(
                order_id="f1a1cc30-197f-4f34-8304-006ce4945fd1",
                senders_reference="case-17",
                notification_id="e0197ec7-3d82-4917-8329-8c9ecc4c569b",
                status="Failed_Bounced",
                previous_status="Succeeded",
                succeeded=False,
                final=True,
                description="It bounced.",
                last_update="2026-07-01T10:02:30.1Z",
                recipient=EmailRecipient(email_address="kari@example.no", organization_number="991825827"),
            ),
            subject="e0197ec7-3d82-4917-8329-8c9ecc4c569b",
            time="2026-07-01T10:02:30.1Z",
        )

    def test_of_an_order_s_end(self) -> None:
        assert parse(order_closed().body) == OrderClosed(
            specversion="1.0",
            id="f1a1cc30-197f-4f34-8304-006ce4945fd1-order-closed-completed",
            source="/altinn/orders/f1a1cc30-197f-4f34-8304-006ce4945fd1",
            type="no.altinn.notification.order-closed.v1",
            dataschema="urn:notification-bridge:order-closed:v1",
            partitionkey="f1a1cc30-197f-4f34-8304-006ce4945fd1",
            data=OrderClosedData(
                order_id="f1a1cc30-197f-4f34-8304-006ce4945fd1",
                senders_reference="case-17",
                reason="completed",
                generated=2,
                succeeded=1,
                last_update="2026-07-01T10:02:30.1Z",
            ),
            time="2026-07-01T10:02:30.1Z",
        )

    @pytest.mark.parametrize("message", [pytest.param(each, id=name) for name, each in every_message().items()])
    def test_every_message_that_the_bridge_makes_is_the_same_event_again(self, message: Message) -> None:
        event = parse(message.body)
        assert not isinstance(event, UnknownEvent)
        assert msgspec.json.encode(event) == message.body

    @pytest.mark.parametrize(
        ("type_name", "model"),
        [
            ("NewMessage", NewMessage),
            ("RefusedMessage", Refused),
            ("MessageSentStateUpdated", SentState),
            ("MessageApprecInfoUpdated", Apprec),
            ("MessageDeliveryStateUpdated", DeliveryState),
            ("SomethingNew", OtherNotification),
        ],
    )
    def test_each_type_of_notification_has_its_class(self, type_name: str, model: type[Event]) -> None:
        assert type(parse(full(type_name).body)) is model


class TestTheRecipient:
    def test_none(self) -> None:
        assert recipient_of(email_status("none")) is None

    def test_address(self) -> None:
        assert recipient_of(email_status("address")) == EmailRecipient("kari@example.no", "991825827", UNSET)

    def test_full(self) -> None:
        assert recipient_of(email_status("full")) == EmailRecipient("kari@example.no", "991825827", "01017012345")

    def test_full_of_whom_the_api_says_nothing(self) -> None:
        assert recipient_of(email_status("full", Recipient())) == EmailRecipient(None, None, None)

    def test_its_repr_shows_nothing_of_whom_it_is(self) -> None:
        event = parse(email_status("full").body)
        assert isinstance(event, EmailStatus)
        assert "recipient=EmailRecipient(…)" in repr(event)
        assert [shown for shown in ("kari", "991825827", "01017012345") if shown in repr(event)] == []


def recipient_of(message: Message) -> EmailRecipient | None:
    event = parse(message.body)
    assert isinstance(event, EmailStatus)
    return event.data.recipient


class TestANewerBridge:
    def test_attributes_and_fields_that_are_new_are_passed_over(self) -> None:
        data = json.loads(full().body)["data"]
        newer = changed(full(), added={"an": "attribute"}, data=data | {"added": ["a field"]})
        assert parse(newer) == parse(full().body)

    def test_trace_context_is_kept(self) -> None:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        assert parse(changed(full(), traceparent=trace)).traceparent == trace

    def test_an_event_of_an_unknown_type_has_its_data_as_plain_values(self) -> None:
        event = parse(body(UNKNOWN | {"partitionkey": "6789", "data": {"read": True, "by": [1, 2.5, None]}}))
        assert event == UnknownEvent(
            specversion="1.0",
            id="7",
            source="/elsewhere",
            type="no.nhn.notification.read.v1",
            partitionkey="6789",
            data={"read": True, "by": [1, 2.5, None]},
        )

    def test_an_event_of_an_unknown_type_needs_only_what_cloudevents_asks_for(self) -> None:
        event = parse(body(UNKNOWN))
        assert (event.dataschema, event.partitionkey, event.data) == (None, None, None)


class TestTheOneError:
    @pytest.mark.parametrize(
        ("wrong", "what"),
        [
            (b"", "Input data was truncated"),
            (b"kari", "JSON is malformed: invalid character (byte 0)"),
            (b"[]", "Expected `object`, got `array`"),
            (b"[" * 100_000, "Expected `object`, got `array`"),
            (b'{"specversion":"1.0","type":"x","kari":' + b"[" * 100_000, "it is nested too deeply"),
            (b'{"specversion":"1.0","type":"\xff kari"}', "it is not UTF-8"),
            (body(UNKNOWN | {"specversion": "kari"}), "it is no CloudEvent of version 1.0"),
            (body(UNKNOWN | {"id": ""}), "Expected `str` of length >= 1 - at `$.id`"),
            (body({"specversion": "1.0", "type": "kari"}), "Object missing required field `id`"),
            (changed(full(), data=...), "Object missing required field `data`"),
            (changed(full(), data={"offset": "kari"}), "Expected `int | null`, got `str` - at `$.data.offset`"),
            (changed(full(), dataschema="kari"), "specversion, type or dataschema is not the one of this event"),
            (b'{"type":"kari",' + full().body[1:], "specversion, type or dataschema is not the one of this event"),
        ],
    )
    def test_says_what_is_wrong_and_quotes_nothing(self, wrong: bytes, what: str) -> None:
        with pytest.raises(InvalidEvent) as raised:
            parse(wrong)
        assert str(raised.value) == f"The body is no event: {what}."
        assert "kari" not in f"{raised.value!r}"

    def test_holds_no_other_error_that_quotes_the_body(self) -> None:
        with pytest.raises(InvalidEvent) as raised:
            parse(b'{"type":"\xff kari"}')
        assert (raised.value.__cause__, raised.value.__context__) == (None, None)

    def test_is_one_of_the_bridge_s_and_a_value_error(self) -> None:
        assert issubclass(InvalidEvent, BridgeError)
        assert issubclass(InvalidEvent, ValueError)

    @given(st.binary())
    @example(b'{"specversion":"1.0","type":"x","id":"1","source":"/","data":1e999}')
    @example(b'{"specversion":"1.0","type":"x","id":"1","source":"/","data":' + b"9" * 5000 + b"}")
    @example(b'{"specversion":"1.0","type":"x","id":"\\ud800","source":"/"}')
    def test_any_bytes_are_an_event_or_that_error(self, anything: bytes) -> None:
        assert is_event_or_refused(anything)

    @given(
        st.dictionaries(
            st.sampled_from([*json.loads(full(replay="r").body), "traceparent", "added"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            ),
        )
    )
    def test_any_values_of_attributes_are_an_event_or_that_error(self, attributes: dict[str, Any]) -> None:
        for whole in (UNKNOWN, json.loads(full().body), json.loads(email_status().body)):
            assert is_event_or_refused(body(whole | attributes))

    @given(st.data())
    def test_any_change_of_a_byte_is_an_event_or_that_error(self, data: st.DataObject) -> None:
        whole = bytearray(email_status("full").body)
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        assert is_event_or_refused(bytes(whole))


def is_event_or_refused(anything: bytes) -> bool:
    try:
        return isinstance(parse(anything), Event)
    except InvalidEvent:
        return True


def test_a_type_checker_knows_the_data_of_each_event() -> None:
    event = parse(full().body)
    match event:
        case EmailStatus():
            assert_type(event.data, EmailStatusData)
        case OrderClosed():
            assert_type(event.data, OrderClosedData)
        case UnknownEvent():
            assert_type(event.data, object)
        case NewMessage() | Refused() | SentState() | Apprec() | DeliveryState() | OtherNotification():
            assert_type(event.data, NotificationData)
