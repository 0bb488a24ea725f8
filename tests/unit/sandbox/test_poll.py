"""The rules that a request has to keep, from NHN's page and its headers' page."""

import pytest

from bridge.sandbox.poll import InvalidPoll, Poll, parse_poll


def parse(query: str) -> Poll:
    return parse_poll(query, api_version="3", source_system="My-EPJ, v1.0.2")


def errors(query: str) -> tuple[str, ...]:
    with pytest.raises(InvalidPoll) as caught:
        parse(query)
    return caught.value.errors


def test_the_documented_request_is_understood() -> None:
    assert parse("HerIds=42&HerIds=1337&Offset=2147483646&NotificationsToFetch=1000") == Poll(
        her_ids=frozenset({42, 1337}), offset=2147483646, limit=1000, api_version="3", source_system="My-EPJ, v1.0.2"
    )


def test_a_hundred_notifications_are_fetched_where_no_number_is_given() -> None:
    assert parse("HerIds=42&Offset=0").limit == 100


@pytest.mark.parametrize(
    "query", ["herids=42&HERIDS=43&offset=5", "HerIds=%34%32&hErIdS=43&Offset=%35", "HerIds=+42+&HerIds=43&Offset=5"]
)
def test_names_are_matched_without_regard_to_case_and_values_are_decoded(query: str) -> None:
    assert parse(query).her_ids == {42, 43}
    assert parse(query).offset == 5


def test_a_repeated_scalar_takes_its_first_value_and_unknown_names_are_ignored() -> None:
    assert parse("HerIds=1&Offset=5&Offset=6&Other=x&&NotificationsToFetch=7&NotificationsToFetch=8").offset == 5


def test_offsets_have_64_bits() -> None:
    assert parse("HerIds=1&Offset=9223372036854775807").offset == 9223372036854775807
    assert errors("HerIds=1&Offset=9223372036854775808") == (
        "The value '9223372036854775808' is not valid for Offset.",
    )


def test_her_ids_have_32_bits() -> None:
    assert parse("HerIds=2147483647&HerIds=-2147483648&Offset=0").her_ids == {2147483647, -2147483648}
    assert errors("HerIds=2147483648&Offset=0") == ("The value '2147483648' is not valid for HerIds.",)


def test_1500_her_ids_are_taken_and_1501_are_not() -> None:
    ids = [f"HerIds={2147480000 + number}" for number in range(1501)]
    assert len(parse("&".join([*ids[:1500], "Offset=0"])).her_ids) == 1500
    assert errors("&".join([*ids, "Offset=0"])) == ("HerIds: at most 1500 HER-ids can be provided in one request.",)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("Offset=0", "The HerIds field is required."),
        ("HerIds=1", "The Offset field is required."),
        ("HerIds=1&Offset=-1", "Offset must be 0 or greater."),
        ("HerIds=1&Offset=", "The value '' is not valid for Offset."),
        ("HerIds=1&Offset=1.5", "The value '1.5' is not valid for Offset."),
        ("HerIds=1,2&Offset=0", "The value '1,2' is not valid for HerIds."),
        ("HerIds=1&HerIds=abc&Offset=0", "The value 'abc' is not valid for HerIds."),
        ("HerIds=%D9%A3&Offset=0", "The value '٣' is not valid for HerIds."),
        (f"HerIds=1&Offset={'9' * 5000}", f"The value '{'9' * 40}' is not valid for Offset."),
        ("HerIds=1&Offset=0&NotificationsToFetch=0", "NotificationsToFetch must be between 1 and 1000."),
        ("HerIds=1&Offset=0&NotificationsToFetch=1001", "NotificationsToFetch must be between 1 and 1000."),
    ],
)
def test_what_breaks_a_rule_is_named(query: str, error: str) -> None:
    assert errors(query) == (error,)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidPoll) as caught:
        parse_poll("HerIds=x&NotificationsToFetch=0", api_version=None, source_system="")
    assert caught.value.errors == (
        "The api-version header is required.",
        "The nhn-source-system header is required.",
        "The value 'x' is not valid for HerIds.",
        "The Offset field is required.",
        "NotificationsToFetch must be between 1 and 1000.",
    )


def test_another_version_of_the_api_is_refused() -> None:
    with pytest.raises(InvalidPoll, match="api-version header must be 3"):
        parse_poll("HerIds=1&Offset=0", api_version="2", source_system="x")
