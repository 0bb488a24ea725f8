"""What becomes of a page, as telemetry shows it: routed, parked, sent again, held, committed."""

import re
from datetime import timedelta

import pytest
from structlog.typing import EventDict

from bridge.errors import StoreUnavailable
from tests.support.ops import START, Ops, message


def told(logs: list[EventDict], level: str) -> list[str]:
    return [entry["event"] for entry in logs if entry["log_level"] == level]


def test_every_event_has_its_age_at_the_confirm_in_the_histogram() -> None:
    ops = Ops()
    stream = ops.stream()
    stream.sent(4)
    page = [message("a", age_s=7200), message("b", age_s=20), message("c", age_s=-5), message("d", age_s=None)]
    stream.confirmed(page, seconds=1, at=START + timedelta(seconds=1))

    assert ops.sample("bridge_event_age_seconds_count") == 3
    assert ops.sample("bridge_event_age_seconds_sum") == 7201 + 21
    assert ops.sample("bridge_event_age_seconds_bucket", le="0.01") == 1
    assert ops.sample("bridge_event_age_seconds_bucket", le="30.0") == 2
    assert ops.sample("bridge_event_age_seconds_bucket", le="14400.0") == 3


def test_a_parked_message_is_counted_once_and_is_no_confirmed_event(logs: list[EventDict]) -> None:
    ops = Ops()
    stream = ops.stream()
    page = [message("a"), message("b"), message("c")]
    stream.sent(3)
    stream.parked(message("b", parked_reason="unroutable"), "unroutable")
    stream.parked(message("b", parked_reason="unroutable"), "unroutable")
    stream.confirmed(page, seconds=0.1)

    assert stream.progress.parked == {"unroutable": 1}
    assert stream.progress.confirmed == {"new-message": 2}
    assert ops.sample("bridge_events_parked_total", source="nhn", reason="unroutable") == 1
    assert ops.sample("bridge_event_age_seconds_count") == 2
    assert told(logs, "warning") == ["message.parked"]


@pytest.mark.parametrize("is_told", [True, False])
def test_what_its_source_parked_is_counted_once_whether_it_is_told_of_or_not(is_told: bool) -> None:
    stream = Ops().stream()
    invalid = message("hash", event="invalid", parked_reason="invalid", age_s=None)
    stream.sent(1)
    if is_told:
        stream.parked(invalid, "invalid")
    stream.confirmed([invalid], seconds=0.1)

    assert stream.progress.parked == {"invalid": 1}
    assert stream.progress.confirmed == {}


def test_a_poison_message_parked_under_another_id_is_no_confirmed_event() -> None:
    stream = Ops().stream()
    stream.sent(2)
    stream.parked(message("sha256:1234", parked_reason="poison"), "poison")
    stream.confirmed([message("x" * 256), message("a")], seconds=0.1)

    assert stream.progress.parked == {"poison": 1}
    assert stream.progress.confirmed == {"new-message": 1}


def test_an_interrupted_publish_is_counted_and_recovers_with_the_confirm(logs: list[EventDict]) -> None:
    ops = Ops()
    stream = ops.stream()
    stream.sent(10)
    stream.publish_interrupted("refused", 4, retry_in_s=0.5)
    stream.publish_interrupted("refused", 4, retry_in_s=1.5)
    ops.clock.advance(2)
    stream.confirmed([message(str(number)) for number in range(10)], seconds=2)

    assert ops.sample("bridge_publish_retries_total", source="nhn", outcome="refused") == 8
    assert told(logs, "warning") == ["publish.interrupted"]
    assert told(logs, "info") == ["stream.started", "publish.recovered"]


def test_a_held_stream_says_so_until_it_is_released(logs: list[EventDict]) -> None:
    stream = Ops().stream()
    stream.sent(1)
    stream.held("no queue is bound for an event.")
    stream.held("no queue is bound for an event.")
    held_reasons = [stream.progress.held_reason]
    stream.released()
    stream.released()
    held_reasons.append(stream.progress.held_reason)

    assert held_reasons == ["no queue is bound for an event", None]
    assert told(logs, "warning") == ["stream.held"]
    assert told(logs, "info") == ["stream.started", "stream.released"]


def test_a_failed_commit_shows_the_store_as_failing_until_one_works(logs: list[EventDict]) -> None:
    ops = Ops()
    stream = ops.stream()
    stream.sent(1)
    stream.confirmed([message()], seconds=0.1)
    stream.commit_failed(StoreUnavailable("disk full"), attempt=0)
    failing, pages = [ops.state.store.failure is not None], [len(stream.progress.uncommitted)]
    stream.committed(cursor=1, caught_up=True)
    failing.append(ops.state.store.failure is not None)
    pages.append(len(stream.progress.uncommitted))

    assert failing == [True, False]
    assert pages == [1, 0]
    assert told(logs, "warning") == ["commit.failed"]
    assert told(logs, "info") == ["stream.started", "commit.recovered"]


def test_a_checkpoint_without_messages_is_no_confirm() -> None:
    ops = Ops()
    stream = ops.stream()
    stream.sent(0)
    stream.confirmed((), seconds=0)
    assert len(stream.progress.uncommitted) == 1

    stream.committed(cursor=5, caught_up=True)
    assert stream.progress.confirm.succeeded_at is None
    assert ops.sample("bridge_publish_confirm_seconds_count") == 0
    assert stream.progress.cursor == 5


def test_no_line_and_no_recent_error_holds_what_an_event_says(logs: list[EventDict]) -> None:
    ops = Ops()
    stream = ops.stream()
    secret = message(body=b'{"description":"Kari Nordmann"}')
    stream.sent(1)
    stream.publish_interrupted("refused", 1, retry_in_s=0)
    stream.parked(secret, "unroutable")
    stream.confirmed([secret], seconds=0.1)

    assert not re.search("Kari|related-1|event-1", f"{logs} {ops.state.recent_errors}")
