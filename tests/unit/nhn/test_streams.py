"""Which stream a receiver belongs to: up to 1500 each, and nobody moves (G4)."""

from bridge.checkpoints import StreamState
from bridge.nhn.streams import MAX_RECEIVERS, Merge, plan


def stream(number: int, *her_ids: int, tenant: str = "acme", cursor: int = 0) -> StreamState:
    name = f"nhn/{tenant}/{number}"
    return StreamState(name=name, tenant=tenant, cursor=cursor, receivers=dict.fromkeys(her_ids))


def test_a_stream_takes_as_many_as_the_api_takes_in_a_request() -> None:
    assert MAX_RECEIVERS == 1500


def test_one_receiver_gets_one_stream() -> None:
    change = plan("acme", {7}, [])
    assert dict(change.enrol) == {"nhn/acme/1": (7,)}
    assert change.retire == frozenset()


def test_nothing_changes_where_everybody_is_in_place() -> None:
    change = plan("acme", {7, 8}, [stream(1, 7), stream(2, 8)])
    assert dict(change.enrol) == {}
    assert change.retire == frozenset()


def test_nobody_wanted_retires_everybody() -> None:
    change = plan("acme", set(), [stream(1, 7), stream(2, 8)])
    assert dict(change.enrol) == {}
    assert change.retire == {7, 8}


def test_1500_receivers_are_one_stream() -> None:
    change = plan("acme", range(1, 1501), [])
    assert list(change.enrol) == ["nhn/acme/1"]
    assert sorted(change.enrol["nhn/acme/1"]) == list(range(1, 1501))


def test_1501_receivers_are_spread_evenly_over_two() -> None:
    change = plan("acme", range(1, 1502), [])
    assert {name: len(her_ids) for name, her_ids in change.enrol.items()} == {"nhn/acme/1": 751, "nhn/acme/2": 750}
    assert sorted(sum(change.enrol.values(), ())) == list(range(1, 1502))


def test_10000_receivers_are_spread_evenly_over_seven() -> None:
    change = plan("acme", range(1, 10_001), [])
    assert [len(her_ids) for her_ids in change.enrol.values()] == [1429, 1429, 1429, 1429, 1428, 1428, 1428]
    assert sorted(sum(change.enrol.values(), ())) == list(range(1, 10_001))


def test_newcomers_fill_what_room_there_is_before_a_stream_is_added() -> None:
    change = plan("acme", range(1, 1503), [stream(3, *range(1, 1500))])
    assert dict(change.enrol) == {"nhn/acme/3": (1500,), "nhn/acme/4": (1501, 1502)}


def test_who_is_no_longer_wanted_makes_room() -> None:
    change = plan("acme", range(2, 1502), [stream(1, *range(1, 1501))])
    assert dict(change.enrol) == {"nhn/acme/1": (1501,)}
    assert change.retire == {1}


def test_a_full_stream_takes_nobody() -> None:
    change = plan("acme", range(1, 1502), [stream(1, *range(1, 1501)), stream(2)])
    assert dict(change.enrol) == {"nhn/acme/2": (1501,)}


def test_numbers_go_on_after_the_highest_even_beyond_nine() -> None:
    full = [stream(number, *range(number * 2000, number * 2000 + 1500)) for number in (2, 10)]
    placed = {her_id for state in full for her_id in state.receivers}
    assert dict(plan("acme", placed | {1}, full).enrol) == {"nhn/acme/11": (1,)}


class TestStreamsThatHaveBecomeSmall:
    def test_are_made_one_when_together_they_have_at_most_half_of_what_one_may(self) -> None:
        change = plan("acme", range(1, 751), [stream(1, *range(1, 401)), stream(2, *range(401, 751))])
        assert change.merge == Merge(dissolved="nhn/acme/2", into="nhn/acme/1")

    def test_stay_two_when_they_have_more(self) -> None:
        assert plan("acme", range(1, 752), [stream(1, *range(1, 401)), stream(2, *range(401, 752))]).merge is None

    def test_the_one_that_stands_further_on_remains_so_that_nobody_waits_ahead(self) -> None:
        change = plan("acme", {1, 2}, [stream(1, 1, cursor=40), stream(2, 2, cursor=41)])
        assert change.merge == Merge(dissolved="nhn/acme/1", into="nhn/acme/2")

    def test_only_the_two_smallest_at_a_time(self) -> None:
        streams = [stream(1, *range(1, 101)), stream(2, *range(101, 111)), stream(3, 200), stream(4, *range(300, 400))]
        everybody = {her_id for state in streams for her_id in state.receivers}
        assert plan("acme", everybody, streams).merge == Merge(dissolved="nhn/acme/3", into="nhn/acme/2")

    def test_who_leaves_with_this_very_plan_counts_no_more(self) -> None:
        streams = [stream(1, *range(1, 1001)), stream(2, *range(2001, 3001))]
        change = plan("acme", {*range(1, 301), *range(2001, 2301)}, streams)
        assert len(change.retire) == 1400
        assert change.merge == Merge(dissolved="nhn/acme/2", into="nhn/acme/1")

    def test_who_comes_is_placed_first(self) -> None:
        assert plan("acme", {1, 2, 3}, [stream(1, 1), stream(2, 2)]).merge is None

    def test_a_stream_of_nobody_is_not_merged(self) -> None:
        assert plan("acme", {1}, [stream(1, 1), stream(2)]).merge is None

    def test_after_a_merge_it_takes_as_many_newcomers_again_to_make_a_second_stream(self) -> None:
        after = [stream(1), stream(2, *range(1, 751))]
        assert dict(plan("acme", range(1, 1501), after).enrol) == {"nhn/acme/2": tuple(range(751, 1501))}
        change = plan("acme", range(1, 1502), after)
        assert dict(change.enrol) == {"nhn/acme/2": tuple(range(751, 1501)), "nhn/acme/1": (1501,)}
