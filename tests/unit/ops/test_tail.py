"""Listeners to confirmed events: what they get, and what they cannot cost."""

import json

import pytest

from bridge.events.message import Message
from bridge.ops.tail import MAX_BUFFERED_BYTES, Listener, Tail, TooManyListeners
from tests.support.ops import START, Ops, message


class Bell:
    """Counts how often a listener was woken."""

    def __init__(self) -> None:
        self.rung = 0

    def __call__(self) -> None:
        self.rung += 1


def listen(tail: Tail, pattern: str = "#") -> tuple[Listener, Bell]:
    bell = Bell()
    return tail.listen(pattern, bell), bell


def page(count: int, *, body: bytes = b"{}") -> list[Message]:
    return [message(f"event-{number}", body=body) for number in range(count)]


def lines(taken: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in taken.splitlines()]


def test_a_listener_gets_the_event_as_it_was_published() -> None:
    tail = Tail()
    listener, bell = listen(tail)
    tail.offer([message("event-1", body=b'{"id":"event-1","data":{}}')], at=START)

    assert bell.rung == 1
    assert listener.take(100) == (
        b'{"time":"2026-04-14T06:00:00Z","exchange":"nhn.notifications","routing_key":"new-message.8142520",'
        b'"id":"event-1","correlation_id":"related-1","event":{"id":"event-1","data":{}}}\n'
    )
    assert listener.take(100) == b""


def test_a_listener_gets_what_its_pattern_matches_and_is_woken_for_nothing_else() -> None:
    tail = Tail()
    listener, bell = listen(tail, "apprec.*")
    tail.offer([message("a"), message("b", routing_key="apprec.8142520")], at=START)
    tail.offer([message("c")], at=START)

    assert [line["id"] for line in lines(listener.take(100))] == ["b"]
    assert bell.rung == 1


def test_what_is_taken_is_bounded_and_the_rest_stays() -> None:
    tail = Tail()
    listener, _ = listen(tail)
    tail.offer(page(5), at=START)

    assert [line["id"] for line in lines(listener.take(2))] == ["event-0", "event-1"]
    assert [line["id"] for line in lines(listener.take(100))] == ["event-2", "event-3", "event-4"]


def test_a_slow_listener_is_told_how_many_it_missed_and_gets_the_newest() -> None:
    tail = Tail()
    slow, _ = listen(tail)
    tail.offer(page(1500), at=START)
    tail.offer(page(1500), at=START)

    first, *rest = lines(slow.take(10_000))
    assert first == {"dropped": 1000}
    assert len(rest) == 2000
    assert rest[0]["id"] == "event-1000"
    assert slow.take(100) == b""


def test_large_events_are_bounded_by_their_bytes() -> None:
    tail = Tail()
    slow, _ = listen(tail)
    mebibyte = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
    tail.offer(page(9, body=mebibyte), at=START)

    first, *rest = lines(slow.take(10_000))
    assert first == {"dropped": 5}
    assert len(rest) == 4
    assert MAX_BUFFERED_BYTES == 4 * 1024 * 1024


def test_a_slow_listener_costs_the_others_nothing() -> None:
    tail = Tail()
    slow, _ = listen(tail)
    quick, _ = listen(tail)
    received = []
    for _ in range(5):
        tail.offer(page(1000), at=START)
        received += lines(quick.take(1000))

    assert len(received) == 5000
    assert lines(slow.take(1))[0] == {"dropped": 3000}


def test_there_is_room_for_ten_and_a_place_given_back_is_free_again() -> None:
    tail = Tail()
    listeners = [listen(tail)[0] for _ in range(10)]
    with pytest.raises(TooManyListeners, match="All 10 places to listen are taken"):
        listen(tail)

    tail.leave(listeners[3])
    tail.leave(listeners[3])
    listen(tail)
    assert len(tail) == 10


def test_parked_messages_are_no_confirmed_events() -> None:
    ops = Ops()
    stream = ops.healthy_stream()
    listener, _ = listen(ops.tail)
    stream.sent(3)
    messages = [message("a"), message("b"), message("c", parked_reason="invalid", body=b"not \n json")]
    stream.parked(messages[1], "unroutable")
    stream.confirmed(messages, seconds=0.1)

    assert [line["id"] for line in lines(listener.take(100))] == ["a"]
