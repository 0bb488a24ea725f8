"""The API fails to answer usefully (product.md §8): named, retried, counted as failed, and nothing is lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bridge.sandbox.faults import FaultKind, FaultRule
from tests.support import signed_in
from tests.support.system import assert_delivered
from tests.support.world import AT_THE_START, Bridged

SMALL_BODY = {"BRIDGE_HTTP__MAX_BODY_BYTES": "65536"}
QUICK = {"BRIDGE_HTTP__TIMEOUT_S": "0.1"}
MIB = 1_048_576


@dataclass(frozen=True)
class Failure:
    """A way not to answer, and what the bridge says of it."""

    rule: FaultRule
    cause: str
    settings: Mapping[str, str] = field(default_factory=dict)


FAILURES = (
    Failure(FaultRule(kind=FaultKind.SERVER_ERROR), "the API answered 500"),
    Failure(FaultRule(kind=FaultKind.UNAVAILABLE), "the API answered 503"),
    Failure(FaultRule(kind=FaultKind.TOO_MANY_REQUESTS), "the API answered 429"),
    Failure(FaultRule(kind=FaultKind.TIMEOUT), "no answer in time", QUICK),
    Failure(FaultRule(kind=FaultKind.SLOW_DRIP, interval_s=0.01), "no complete answer within 0.4 s", QUICK),
    Failure(FaultRule(kind=FaultKind.CONNECTION_RESET), "the connection failed (ReadError)"),
    Failure(FaultRule(kind=FaultKind.CONTENT_LENGTH_TOO_LONG), "the answer was cut off or is no HTTP"),
    Failure(FaultRule(kind=FaultKind.BODY_CUT), "the answer was cut off or is no HTTP"),
    Failure(FaultRule(kind=FaultKind.CHUNKED_BODY_CUT), "the answer was cut off or is no HTTP"),
    Failure(FaultRule(kind=FaultKind.JSON_CUT), "the API's answer is no page: not the documented JSON"),
    Failure(FaultRule(kind=FaultKind.HTML), "the API's answer is no JSON, so it is no page"),
    Failure(FaultRule(kind=FaultKind.WRONG_CONTENT_TYPE), "the API's answer is no JSON, so it is no page"),
    Failure(FaultRule(kind=FaultKind.GZIP_BOMB, size_bytes=4 * MIB), "the body is over 65536 bytes", SMALL_BODY),
    Failure(FaultRule(kind=FaultKind.NESTED_JSON), "nested too deeply"),
)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.rule.kind.value)
async def test_a_failed_poll_is_named_retried_and_never_taken_for_an_empty_one(
    bridged: Bridged, failure: Failure
) -> None:
    async with bridged(total=30, faults=[failure.rule], settings=failure.settings) as world:
        await world.until(lambda: world.log("poll.failed"))

        assert failure.cause in await world.until_reason("no-poll-yet")
        assert failure.cause in world.log("poll.failed")[0]["error"]
        assert await world.metric("bridge_polls_total", outcome="unavailable") >= 1
        for outcome in ("full", "partial", "empty"):
            assert await world.metric("bridge_polls_total", outcome=outcome) == 0
        assert await world.offsets() == AT_THE_START

        world.mend()
        await world.until_committed()
        await world.until_ready()
        assert_delivered(await world.arrived(), world.created_ids())


async def test_a_body_over_the_limit_is_asked_for_again_at_once_as_a_smaller_page(bridged: Bridged) -> None:
    async with bridged(total=30, start=False, settings=SMALL_BODY) as world:
        world.fault("oversized-body", size_bytes=MIB, count=1)
        await world.start()
        await world.until_committed()

        assert [each.poll.limit for each in world.requests[:4] if each.poll] == [20, 2, 4, 8]
        assert await world.metric("bridge_polls_total", outcome="unavailable") == 1
        assert [event.id for event in await world.arrived()] == world.created_ids()


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "429", "retry_after_s": 1},
        {"kind": "503", "retry_after_s": 1, "retry_after_as": "date"},
    ],
    ids=["429 seconds", "503 date"],
)
async def test_retry_after_holds_every_stream_of_the_host(bridged: Bridged, rule: dict[str, Any]) -> None:
    async with bridged(start=False) as world:
        del world.environment["BRIDGE_NHN__HER_IDS"]
        world.environment["BRIDGE_NHN__TENANTS"] = (
            '[{"name": "north", "her_ids": [7001, 7002]}, {"name": "south", "her_ids": [7003, 7004]}]'
        )
        await world.start()
        await world.until_ready()

        world.fault(count=1, **rule)
        await world.until(lambda: world.log("poll.failed"))
        world.create(8)
        await world.until_waiting(8)

        asked_at = next(each.at for each in world.requests if each.status == rule["kind"])
        held = [each for each in world.requests if asked_at < each.at < asked_at + timedelta(seconds=1)]
        assert len(held) <= 1, "only what was on its way already"
        assert 0 < world.log("poll.failed")[0]["retry_after_s"] <= 2
        assert_delivered(await world.arrived(), world.created_ids())


async def test_a_refused_sign_in_is_a_reason_not_to_be_ready(bridged: Bridged) -> None:
    async with bridged(total=30) as world:
        await world.until_committed()
        world.fault("401")

        sentence = await world.until_reason("sign-in-failing")

        cause = "refuses a fresh token" if signed_in.is_wanted else "does not accept our sign-in (401, error 0:"
        assert cause in sentence
        assert await world.metric("bridge_polls_total", outcome="sign-in") >= 1
        world.create(10)
        world.mend()
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids()


async def test_an_address_that_nobody_serves_is_a_reason_not_to_be_ready(bridged: Bridged) -> None:
    """404 without problem details comes from a gateway: no HER-id is to blame."""
    async with bridged(total=30) as world:
        await world.until_committed()
        world.fault("404-html")

        sentence = await world.until_reason("request-rejected")

        assert "the API rejects the request itself (404): check URL and settings" in sentence
        assert "(404)" in world.log("poll.failed")[0]["error"]
        assert await world.metric("bridge_polls_total", outcome="rejected") >= 1
        assert (await world.stream())["refused"] == []
        world.create(10)
        world.mend()
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids()


async def test_a_request_refused_whatever_it_asks_for_is_shown_with_its_error_code_and_hardly_repeated(
    bridged: Bridged,
) -> None:
    async with bridged(total=30, settings={"BRIDGE_NHN__RETRY_REFUSED_S": "0.7"}) as world:
        await world.until_committed()
        world.fault("400")

        sentence = await world.until_reason("request-rejected")

        assert "the API refuses every HER-id (400, error 1001: Bad Request)" in sentence
        assert "(400, error 1001: Bad Request)" in world.log("poll.failed")[0]["error"]
        assert (await world.stream())["refused"] == []
        world.mend()
        world.create(10)
        await world.until_committed()
        await world.until_ready()
        refused = [each.at for each in world.requests if each.status == "400"]
        assert len(refused) == 7, "the group, its halves, and each HER-id by itself"
        resumed_at = next(each.at for each in world.requests if each.at > refused[-1])
        assert resumed_at - refused[-1] >= timedelta(seconds=0.7)
        assert [event.id for event in await world.arrived()] == world.created_ids()


@pytest.mark.parametrize("kind", ["414", "431"])
async def test_a_request_found_too_long_names_fewer_her_ids_from_then_on(bridged: Bridged, kind: str) -> None:
    async with bridged(her_ids=range(7001, 7021), total=100, start=False) as world:
        world.fault(kind, above_her_ids=5)
        await world.start()
        await world.until_committed()
        await world.until_polled(8)

        asked = [len(each.poll.her_ids) for each in world.requests if each.poll]
        assert asked[:4] == [20, 10, 5, 5]
        assert set(asked[2:]) == {5}
        assert await world.reasons() == {}
        assert_delivered(await world.arrived(), world.created_ids())
