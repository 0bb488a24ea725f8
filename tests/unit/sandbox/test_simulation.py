"""The whole simulation without a network, on a clock that stands still."""

import json
from collections.abc import Sequence

import pytest

from bridge.sandbox import pages
from bridge.sandbox.faults import FaultKind, FaultRule
from bridge.sandbox.feed import Row
from bridge.sandbox.poll import Poll
from bridge.sandbox.records import Creation, Request
from bridge.sandbox.simulation import NhnSimulation
from bridge.sandbox.supply import SupplyPlan
from tests.support.clock import FakeClock


class World:
    """A simulation, its clock and what an onlooker was told."""

    def __init__(
        self,
        *,
        her_ids: Sequence[int] = (1, 2),
        supply: SupplyPlan | None = None,
        faults: Sequence[FaultRule] = (),
        max_rows: int = 1000,
    ) -> None:
        self.clock = FakeClock()
        self.notices: list[str] = []
        self.nhn = NhnSimulation(
            self.clock,
            seed=1,
            her_ids=her_ids,
            supply=supply or SupplyPlan(),
            faults=faults,
            max_rows=max_rows,
            on_notice=self.notices.append,
        )

    def page(self, *her_ids: int, offset: int = 0, limit: int = 1000) -> list[Row]:
        return self.nhn.page(poll(*her_ids, offset=offset, limit=limit))


def poll(*her_ids: int, offset: int = 0, limit: int = 1000) -> Poll:
    return Poll(her_ids=frozenset(her_ids), offset=offset, limit=limit, api_version="3", source_system="x")


def items(rows: list[Row]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(pages.encode(rows))["notifications"]
    return found


def positions(rows: list[Row]) -> list[int]:
    return [row.position for row in rows]


def test_the_first_notification_is_the_pages_example_shown_below_its_hidden_position_only() -> None:
    world = World(her_ids=(6789,))
    assert items(world.page(6789)) == [
        {
            "id": "843eed10-6b56-496b-8664-ce71167c6b5c",
            "relatedMessageId": "0d5c8d05-ab57-4b2b-b480-c46c69cdf789",
            "type": "NewMessage",
            "notificationReceiverHerId": 6789,
            "notificationTriggeredByHerId": 9876,
            "description": "New message received. (EPIKRISE).",
            "createdAt": "2026-04-14T06:17:00+00:00",
        }
    ]
    assert world.page(6789, offset=1) == []


def test_the_example_is_there_only_for_its_receiver_and_counts_as_one_of_the_total() -> None:
    assert World(her_ids=(1, 2)).nhn.state().created == 0
    assert World(her_ids=(6789, 2), supply=SupplyPlan(total=0)).nhn.state().created == 0
    assert World(her_ids=(6789, 2), supply=SupplyPlan(total=10)).nhn.state().created == 10


def test_notifications_appear_as_time_passes_and_carry_the_time_at_which_they_were_due() -> None:
    world = World(her_ids=(1,), supply=SupplyPlan(rate_per_s=1.0))
    assert len(world.page(1)) == 1
    world.clock.advance(600)
    rows = world.page(1)
    assert len(rows) == 601
    times = [str(item["createdAt"])[14:19] for item in items(rows) if item.get("createdAt")]
    assert times[0] == "00:00"
    assert times[-1] == "10:00"


def test_each_notification_shows_its_position_as_its_offset() -> None:
    rows = World(her_ids=(1,), supply=SupplyPlan(total=5)).page(1)
    assert [item["offset"] for item in items(rows)] == [1, 2, 3, 5, 45]
    assert positions(rows) == [1, 2, 3, 5, 45]


def test_the_same_seed_and_times_give_the_same_notifications() -> None:
    first, second = (World(supply=SupplyPlan(rate_per_s=10.0, burst=5)) for _ in range(2))
    first.clock.advance(20)
    second.clock.advance(7)
    second.page(1)
    second.clock.advance(13)
    assert first.page(1, 2) == second.page(1, 2)


def test_a_paused_supply_makes_nothing_and_does_not_make_up_for_it() -> None:
    world = World(supply=SupplyPlan(rate_per_s=1.0))
    world.clock.advance(5)
    world.nhn.pause_supply()
    world.clock.advance(100)
    assert (world.nhn.state().created, world.nhn.state().supply_paused) == (6, True)
    world.nhn.resume_supply()
    world.clock.advance(1)
    assert (world.nhn.state().created, world.nhn.state().supply_paused) == (7, False)


def test_notifications_are_created_on_demand_in_turn_for_receivers_and_types() -> None:
    world = World()
    rows = world.nhn.create(Creation(count=4, her_ids=(8, 9), types=("NewMessage", "Odd", "RefusedMessage")))
    assert [(row.her_id, item["type"]) for row, item in zip(rows, items(rows), strict=True)] == [
        (8, "NewMessage"),
        (9, "Odd"),
        (8, "RefusedMessage"),
        (9, "NewMessage"),
    ]
    assert world.page(8, 9) == rows


def test_fields_are_shown_exactly_as_wished_and_left_out_as_wished() -> None:
    world = World()
    wanted = Creation(fields={"description": None, "offset": 77, "extra": [1]}, omit=("createdAt", "relatedMessageId"))
    item = items(world.nhn.create(wanted))[0]
    assert (item["description"], item["offset"], item["extra"]) == (None, 77, [1])
    assert {"createdAt", "relatedMessageId"} & set(item) == set()
    assert positions(world.page(1, offset=0)) == [1]


def test_a_position_can_be_wished_for_and_the_next_ones_follow() -> None:
    world = World()
    rows = world.nhn.create(Creation(count=3, position=2**31 - 2))
    assert positions(rows)[0] == 2147483646
    assert positions(rows) == sorted(set(positions(rows)))
    with pytest.raises(ValueError, match="is taken"):
        world.nhn.create(Creation(position=5))
    assert world.nhn.state().created == 3


def test_a_fault_of_notifications_shapes_those_of_its_receiver_as_they_are_created() -> None:
    world = World(faults=[FaultRule(kind=FaultKind.MISSING_TYPE, her_id=2, count=1)])
    rows = world.nhn.create(Creation(count=4, her_ids=(1, 2)))
    assert [row.fault for row in rows] == [None, "missing-type", None, None]
    assert "type" not in items(world.page(2))[0]


def test_a_late_row_is_seen_by_the_third_poll_of_its_receiver_below_what_was_seen_before() -> None:
    world = World()
    world.nhn.create(Creation(her_ids=(1,), fault=FaultRule(kind=FaultKind.LATE_ROW)))
    world.nhn.create(Creation(her_ids=(1,)))
    assert [positions(world.page(1)) for _ in range(3)] == [[2], [2], [1, 2]]


def test_a_late_row_is_seen_when_its_seconds_have_passed_and_listed_as_created_before() -> None:
    world = World()
    late = FaultRule(kind=FaultKind.LATE_ROW, visible_after_s=30.0)
    world.nhn.create(Creation(her_ids=(1,), fault=late))
    world.clock.advance(29)
    assert world.page(1) == []
    assert [(each.position, each.visible) for each in world.nhn.created()] == [(1, False)]
    world.clock.advance(1)
    assert positions(world.page(1)) == [1]
    assert [(each.position, each.visible) for each in world.nhn.created()] == [(1, True)]


def test_a_sticky_item_without_an_offset_is_in_every_page() -> None:
    world = World()
    world.nhn.create(Creation(her_ids=(1,), fault=FaultRule(kind=FaultKind.STICKY_WITHOUT_OFFSET)))
    world.nhn.create(Creation(her_ids=(1,)))
    assert positions(world.page(1)) == [1, 2]
    assert positions(world.page(1, offset=2)) == [1]
    assert "offset" not in items(world.page(1, offset=2))[0]


def test_a_fault_of_requests_cannot_be_wished_for_a_notification() -> None:
    with pytest.raises(ValueError, match="429 is a fault of requests"):
        World().nhn.create(Creation(fault=FaultRule(kind=FaultKind.TOO_MANY_REQUESTS)))


def test_faults_are_used_up_by_requests_and_can_be_seen_and_cleared() -> None:
    world = World(faults=[FaultRule(kind=FaultKind.TIMEOUT, count=2)])
    assert world.nhn.fault_for(poll(1)) == FaultRule(kind=FaultKind.TIMEOUT, count=2)
    assert [fault.times_left for fault in world.nhn.faults()] == [1]
    assert world.nhn.clear_faults() == 1
    assert world.nhn.fault_for(poll(1)) is None


def test_created_pages_follow_each_other_by_position() -> None:
    world = World(supply=SupplyPlan(total=250))
    first = world.nhn.created(limit=200)
    second = world.nhn.created(after=first[-1].position, limit=200)
    assert (len(first), len(second)) == (200, 50)
    assert [each.offset for each in first + second] == [each.position for each in first + second]
    assert len({each.id for each in first + second}) == 250


def test_the_state_counts_requests_by_status_and_keeps_the_last_fifty() -> None:
    world = World()
    for number in range(60):
        answered = Request(at=world.clock.now(), status="200", poll=poll(1, offset=number), items=2)
        world.nhn.record(answered)
    world.nhn.record(Request(at=world.clock.now(), status="400", poll=None, errors=("The Offset field is required.",)))
    state = world.nhn.state()
    assert (state.requests, state.statuses, state.items_served) == (61, {"200": 60, "400": 1}, 120)
    assert [each.poll.offset for each in state.recent_requests if each.poll] == list(range(11, 60))


def test_an_onlooker_is_told_what_happens_once() -> None:
    world = World(supply=SupplyPlan(rate_per_s=1.0, total=3))
    refused = Request(at=world.clock.now(), status="400", poll=None, errors=("The Offset field is required.",))
    world.nhn.record(refused)
    world.nhn.record(refused)
    world.nhn.record(Request(at=world.clock.now(), status="500", poll=poll(1), fault=FaultKind.SERVER_ERROR))
    world.clock.advance(10)
    world.page(1)
    assert world.notices == [
        "The first request for notifications arrived.",
        "Answered 400: The Offset field is required.",
        "Fault 500 met a request.",
        "The supply is finished: 3 notifications were created.",
    ]


def test_memory_is_bounded_the_oldest_are_purged_and_counted() -> None:
    world = World(supply=SupplyPlan(rate_per_s=10.0), max_rows=100)
    world.clock.advance(100)
    state = world.nhn.state()
    assert (state.created, state.purged) == (1001, 902)
    assert len(world.page(1, 2)) == 99


def test_a_total_that_would_be_purged_before_it_is_read_is_refused() -> None:
    with pytest.raises(ValueError, match="a total of 101 would lose the first"):
        World(supply=SupplyPlan(total=101), max_rows=100)


def test_a_simulation_without_receivers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one HER-id"):
        World(her_ids=())
