"""Which requests the check makes of the API, and what it says of the clock."""

from datetime import UTC, datetime

import pytest

from bridge.check.api import requests_of
from bridge.check.report import Verdict
from bridge.check.witness import clock_finding
from bridge.store import ReceiverOffset


def standing(her_id: int, offset: int, stream: str | None = "nhn/default/1") -> ReceiverOffset:
    moment = datetime(2026, 4, 14, tzinfo=UTC)
    return ReceiverOffset(
        tenant="default", her_id=her_id, stream=stream, state="sharing", offset=offset, updated_at=moment
    )


def test_without_a_store_everybody_is_asked_for_from_the_start() -> None:
    assert list(requests_of({7002, 7001}, [])) == [([7001, 7002], 0)]


def test_each_stream_is_asked_for_from_where_it_stands() -> None:
    receivers = [standing(7001, 40), standing(7002, 40), standing(7003, 90, "nhn/default/2")]
    assert list(requests_of({7001, 7002, 7003}, receivers)) == [([7001, 7002], 40), ([7003], 90)]


def test_a_straggler_takes_its_stream_back_to_where_it_stands() -> None:
    assert list(requests_of({7001, 7002}, [standing(7001, 40), standing(7002, 12)])) == [([7001, 7002], 12)]


def test_newcomers_and_those_who_return_are_asked_for_from_the_start() -> None:
    receivers = [standing(7001, 40), standing(7002, 12, stream=None)]
    assert list(requests_of({7001, 7002, 7003}, receivers)) == [([7002, 7003], 0), ([7001], 40)]


def test_who_is_not_wanted_is_not_asked_for() -> None:
    assert list(requests_of({7001}, [standing(7001, 40), standing(7009, 3)])) == [([7001], 40)]


def test_no_request_has_more_than_1500_her_ids() -> None:
    assert [(len(her_ids), offset) for her_ids, offset in requests_of(range(1, 3202), [])] == [
        (1500, 0),
        (1500, 0),
        (201, 0),
    ]


@pytest.mark.parametrize(
    ("ahead", "verdict", "found"),
    [
        ([], Verdict.NOT_VERIFIABLE, "no answer of the API says what time it is"),
        ([None, None], Verdict.NOT_VERIFIABLE, "no answer of the API says what time it is"),
        ([0.0, None], Verdict.OK, "within 30 s of the API's"),
        ([30.0], Verdict.OK, "within 30 s of the API's"),
        ([1.0, 31.0], Verdict.WARNING, "31 s ahead of the API's"),
        ([-3600.4, 5.0], Verdict.WARNING, "3600 s behind the API's"),
    ],
)
def test_a_clock_that_is_off_by_more_than_30_s_is_a_warning(
    ahead: list[float | None], verdict: Verdict, found: str
) -> None:
    finding = clock_finding(ahead)
    assert (finding.verdict, finding.found) == (verdict, found)
