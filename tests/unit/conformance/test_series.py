"""What the kit sends: each hazard that it promises, in the forms that the bridge gives its events."""

import re
from collections import Counter

import msgspec
import pytest

from bridge.conformance.hazards import Hazard
from bridge.conformance.series import KNOWN_EVENTS, Series, Step, make_series
from bridge.events import (
    EmailStatus,
    Event,
    InvalidEvent,
    OrderClosed,
    UnknownEvent,
    parse,
)

SERIES = make_series(1, ordinary=120, is_hostile=True)
STEPS = SERIES.steps


def at(series: Series, *hazards: Hazard) -> list[int]:
    """Where they are."""
    return [index for index, step in enumerate(series.steps) if step.hazard in hazards]


def events(*hazards: Hazard) -> list[Event]:
    return [parse(STEPS[index].message.body) for index in at(SERIES, *hazards)]


def same_before(index: int) -> tuple[int, Step]:
    """How far back the same event was for the last time, and that."""
    earlier = [i for i in range(index) if STEPS[i].message.id == STEPS[index].message.id]
    return index - earlier[-1], STEPS[earlier[-1]]


def test_the_same_seed_makes_the_same_series() -> None:
    assert make_series(7, ordinary=80, is_hostile=True) == make_series(7, ordinary=80, is_hostile=True)


def test_another_seed_has_other_ids_and_the_same_hazards() -> None:
    one, other = make_series(7, ordinary=80), make_series(8, ordinary=80)
    assert not one.firsts.keys() & other.firsts.keys()
    assert [step.hazard for step in one.steps] == [step.hazard for step in other.steps]


def test_there_are_so_many_of_each_hazard() -> None:
    counts = Counter(step.hazard for step in STEPS)
    assert counts.pop(Hazard.ORDINARY) == 154
    assert counts == {
        Hazard.REDELIVERED: 1,
        Hazard.ABSENT: 4,
        Hazard.NEW_FIELDS: 1,
        Hazard.NEW_STATUS: 1,
        Hazard.LONG_TEXT: 2,
        Hazard.BACK_FROM_FINAL: 3,
        Hazard.UNKNOWN_TYPE: 3,
        Hazard.NO_EVENT: 7,
        Hazard.REFUSED: 1,
        Hazard.LATE: 1,
        Hazard.RELEASED: 1,
        Hazard.MISSED: 3,
        Hazard.AT_ONCE: 10,
        Hazard.TAIL_AGAIN: 40,
        Hazard.REPLAYED: 15,
        Hazard.LONG_AFTER: 20,
    }


def test_every_event_that_is_known_comes_for_the_first_time() -> None:
    names = {STEPS[index].message.event for index in SERIES.firsts.values()}
    assert names == set(KNOWN_EVENTS)
    assert names == {
        "new-message",
        "refused",
        "sent-state",
        "apprec",
        "delivery-state",
        "other",
        "email-status",
        "order-closed",
    }


def test_every_body_is_an_event_whose_id_and_type_are_those_of_its_message() -> None:
    for step in STEPS:
        if step.hazard is not Hazard.NO_EVENT:
            event = parse(step.message.body)
            assert (event.id, event.type) == (step.message.id, step.message.type)
            assert isinstance(event, UnknownEvent) is (
                event.type
                in {
                    "no.nhn.notification.read-receipt.v1",
                    "no.nhn.notification.new-message.v2",
                    "no.altinn.notification.sms-status.v1",
                }
            )


def test_what_is_no_event_is_sent_on_demand_alone() -> None:
    for index in at(SERIES, Hazard.NO_EVENT):
        with pytest.raises(InvalidEvent):
            parse(STEPS[index].message.body)
    assert not at(make_series(1, ordinary=120), Hazard.NO_EVENT)


def test_a_repeat_at_once_and_one_after_a_lost_connection_are_the_very_same_message() -> None:
    for index in at(SERIES, Hazard.AT_ONCE):
        distance, before = same_before(index)
        assert distance == 1
        assert STEPS[index].message == before.message
    for index in at(SERIES, Hazard.TAIL_AGAIN, Hazard.LONG_AFTER):
        assert STEPS[index].message == same_before(index)[1].message


def test_after_a_lost_connection_the_tail_comes_again_in_its_order_and_without_a_gap() -> None:
    first, *_, last = again = at(SERIES, Hazard.TAIL_AGAIN)
    assert again == list(range(first, last + 1))
    ids = list(dict.fromkeys(step.message.id for step in STEPS[:first]))
    assert [STEPS[index].message.id for index in again] == ids[-40:]


def test_the_beginning_comes_again_at_the_very_end() -> None:
    again = at(SERIES, Hazard.LONG_AFTER)
    assert again == list(range(len(STEPS) - 21, len(STEPS) - 1))
    assert [STEPS[index].message.id for index in again] == list(SERIES.firsts)[1:21]


def test_the_first_message_which_may_be_redelivered_comes_no_second_time() -> None:
    assert [step.hazard for step in STEPS if step.message.id == STEPS[0].message.id] == [Hazard.REDELIVERED]


def test_the_last_message_is_an_event_that_never_came_before() -> None:
    assert SERIES.firsts[STEPS[-1].message.id] == len(STEPS) - 1


def test_more_ordinary_events_make_the_longest_distance_longer() -> None:
    series = make_series(1, ordinary=3000)
    second = series.steps[1].message.id
    places = [index for index, step in enumerate(series.steps) if step.message.id == second]
    assert places[-1] - places[0] > 3000


@pytest.mark.parametrize("hazard", [Hazard.REFUSED, Hazard.LATE, Hazard.RELEASED])
def test_it_comes_for_the_first_time_after_events_of_the_same_receiver_with_a_higher_sequence(hazard: Hazard) -> None:
    [index] = at(SERIES, hazard)
    event = parse(STEPS[index].message.body)
    assert SERIES.firsts[event.id] == index
    assert event.sequence is not None
    before = [parse(step.message.body) for step in STEPS[:index]]
    assert max(each.sequence or "" for each in before if each.partitionkey == event.partitionkey) > event.sequence


def test_where_order_is_judged_sequences_go_up() -> None:
    highest: dict[str, str] = {}
    for index in SERIES.firsts.values():
        step = STEPS[index]
        event = parse(step.message.body)
        if step.line is not None and event.sequence is not None:
            assert event.sequence > highest.get(step.line, "")
            highest[step.line] = event.sequence
    assert sorted(highest) == ["HER-id 8142520", "HER-id 8142530", "HER-id 8142540"]


def test_a_replay_marks_what_was_had_and_changes_nothing_else() -> None:
    replays = {event.replay for event in events(Hazard.REPLAYED, Hazard.MISSED)}
    assert len(replays) == 1
    assert None not in replays
    for index in at(SERIES, Hazard.REPLAYED):
        now, before = (msgspec.json.decode(step.message.body) for step in (STEPS[index], same_before(index)[1]))
        assert now.pop("replay")
        assert now == before


def test_a_replay_brings_what_was_missed_for_the_first_time() -> None:
    assert [SERIES.firsts[event.id] for event in events(Hazard.MISSED)] == at(SERIES, Hazard.MISSED)


def test_what_the_apis_may_leave_out_is_absent_or_null() -> None:
    sparse, nameless, placeless, reserved = events(Hazard.ABSENT)
    assert (sparse.subject, sparse.time) == (None, None)
    assert b'"description":null' in STEPS[at(SERIES, Hazard.ABSENT)[0]].message.body
    assert re.fullmatch(r"8142530-\d{5}", nameless.id)
    assert placeless.sequence is None
    assert isinstance(reserved, EmailStatus)
    assert (reserved.data.status, reserved.data.description) == ("Failed_RecipientReserved", None)
    assert reserved.data.recipient is not None
    assert reserved.data.recipient.email_address == ""


def test_a_newer_bridge_adds_attributes_and_fields() -> None:
    body = msgspec.json.decode(STEPS[at(SERIES, Hazard.NEW_FIELDS)[0]].message.body)
    assert body.keys() >= {"traceparent", "hops", "urgent"}
    assert body["data"].keys() >= {"priority", "attachments"}


def test_an_e_mail_s_status_is_new_or_goes_back_from_a_final_one() -> None:
    [new] = events(Hazard.NEW_STATUS)
    assert isinstance(new, EmailStatus)
    assert new.data.status == "Failed_Soon_to_be-known"
    back = [event.data for event in events(Hazard.BACK_FROM_FINAL) if isinstance(event, EmailStatus)]
    assert [(data.previous_status, data.status) for data in back] == [
        ("Delivered", "Failed_Bounced"),
        ("Failed_TTL", "Delivered"),
        ("Failed_Bounced", "Sending"),
    ]


def test_e_mails_have_recipients_of_each_detail_and_orders_end_with_and_without_a_time() -> None:
    statuses = [event for event in map(parse, _bodies()) if isinstance(event, EmailStatus)]
    assert {type(event.data.recipient).__name__ for event in statuses} >= {"NoneType", "EmailRecipient"}
    closed = [event for event in map(parse, _bodies()) if isinstance(event, OrderClosed)]
    assert [(event.data.reason, event.time is None) for event in closed[:3]] == [
        ("completed", False),
        ("cancelled", True),
        ("given-up", True),
    ]


def test_texts_are_long_and_of_any_letters() -> None:
    long, quoted = (STEPS[index].message.body.decode() for index in at(SERIES, Hazard.LONG_TEXT))
    assert len(long) > 70_000
    assert "Ålesund" in long
    assert "blåbærsyltetøy" in long
    assert 'Ærlig «svar» på \\"prøve\\"' in quoted


def _bodies() -> list[bytes]:
    return [step.message.body for step in STEPS if step.hazard is not Hazard.NO_EVENT]
