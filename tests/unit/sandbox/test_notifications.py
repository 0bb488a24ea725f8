"""What made-up notifications look like."""

import re
from collections import Counter
from datetime import UTC, datetime

from bridge.sandbox.notifications import PAGE_EXAMPLE, Composer, Fields, receivers

AT = datetime(2026, 4, 14, 6, 17, 0, 123456, tzinfo=UTC)
FULL = [
    "notificationId",
    "relatedMessageId",
    "type",
    "notificationReceiverHerId",
    "notificationTriggeredByHerId",
    "description",
    "createdAt",
]


def made(count: int, seed: int = 1) -> list[tuple[int, Fields]]:
    composer = Composer((6789, 8142520, 8142521), seed)
    return [composer.next(AT) for _ in range(count)]


def test_the_example_is_that_of_nhns_page_field_for_field() -> None:
    assert list(PAGE_EXAMPLE.items()) == [
        ("id", "843eed10-6b56-496b-8664-ce71167c6b5c"),
        ("relatedMessageId", "0d5c8d05-ab57-4b2b-b480-c46c69cdf789"),
        ("type", "NewMessage"),
        ("notificationReceiverHerId", 6789),
        ("notificationTriggeredByHerId", 9876),
        ("description", "New message received. (EPIKRISE)."),
        ("createdAt", "2026-04-14T06:17:00+00:00"),
    ]


def test_receivers_are_different_and_begin_with_that_of_the_example() -> None:
    assert receivers(3, seed=1) == (6789, 8163491, 8390236)
    assert len(set(receivers(1500, seed=1))) == 1500
    assert receivers(3, seed=2)[1:] != receivers(3, seed=1)[1:]


def test_the_same_seed_gives_the_same_notifications_and_another_seed_others() -> None:
    assert made(50) == made(50)
    assert made(50)[0] != made(50, seed=2)[0]


def test_fields_come_with_the_documented_names_in_the_documented_order() -> None:
    her_id, fields = made(1)[0]
    assert list(fields) == FULL
    assert fields["notificationReceiverHerId"] == her_id == 6789


def test_ids_are_guids_and_none_is_given_twice() -> None:
    ids = [fields["notificationId"] for _, fields in made(3000)]
    assert len(set(ids)) == 3000
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", each) for each in ids)


def test_all_five_types_occur_and_an_unknown_one_now_and_then() -> None:
    counts = Counter(fields["type"] for _, fields in made(3000))
    assert set(counts) == {
        "NewMessage",
        "RefusedMessage",
        "MessageSentStateUpdated",
        "MessageApprecInfoUpdated",
        "MessageDeliveryStateUpdated",
        "MessageRetentionUpdated",
    }
    assert counts["MessageRetentionUpdated"] < 60


def test_each_nullable_field_is_now_and_then_absent_and_now_and_then_null() -> None:
    items = [fields for _, fields in made(3000)]
    for name in ("relatedMessageId", "notificationTriggeredByHerId", "description", "createdAt"):
        assert any(name not in fields for fields in items)
        assert any(name in fields and fields[name] is None for fields in items)
    for name in ("notificationId", "type", "notificationReceiverHerId"):
        assert all(fields.get(name) is not None for fields in items)


def test_created_at_has_two_to_seven_digits_of_a_second_and_three_ways_to_say_the_zone() -> None:
    times = [fields["createdAt"] for _, fields in made(3000) if fields.get("createdAt")]
    parts = [re.fullmatch(r"2026-04-14T0([68]):17:00\.([0-9]+)(Z|\+00:00|\+02:00)", each) for each in times]
    found = [part for part in parts if part]
    assert len(found) == len(times)
    assert {len(part[2]) for part in found} == {2, 3, 4, 5, 6, 7}
    assert all("123456".startswith(part[2][:6]) for part in found)
    assert {(part[1], part[3]) for part in found} == {("6", "Z"), ("6", "+00:00"), ("8", "+02:00")}


def test_an_apprec_makes_two_notifications_for_the_same_receiver() -> None:
    items = made(3000)
    pairs = [(items[i], items[i + 1]) for i in range(2999) if items[i][1]["type"] == "MessageApprecInfoUpdated"]
    assert len(pairs) > 100
    for (her_id, fields), (next_her_id, raw) in pairs:
        assert raw["type"] == "NewMessage"
        assert raw["description"] == "New message received. (APPREC)."
        assert next_her_id == her_id
        assert raw.get("relatedMessageId") != fields.get("relatedMessageId") or raw.get("relatedMessageId") is None


def test_a_message_to_two_receivers_has_a_sent_state_for_each() -> None:
    messages = Counter(
        fields["relatedMessageId"]
        for _, fields in made(3000)
        if fields["type"] == "MessageSentStateUpdated" and fields.get("relatedMessageId")
    )
    assert max(messages.values()) == 2


def test_a_type_can_be_asked_for() -> None:
    composer = Composer((6789,), 1)
    refused, other = composer.compose(5, AT, "RefusedMessage"), composer.compose(5, AT, "Odd")
    assert re.fullmatch(r"Receiver does not support the message type: '[A-Z_]+'\.", refused["description"])
    assert (other["type"], other["notificationReceiverHerId"]) == ("Odd", 5)
