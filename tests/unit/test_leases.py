"""Which replica is to hold what: the fair share."""

from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Deposed
from bridge.leases import Holdings, Lease, Process, Proof, Replica, Snapshot, assigned

PROCESS = Process(host="h", pid=1)


def snapshot(
    serving: dict[str, str], owners: dict[str, str | None] | None = None, called: dict[str, str] | None = None
) -> Snapshot:
    """`serving`: replica → its streams, a letter each. `owners`: stream → who holds it."""
    names = {*(owners or {}), *(called or {}), *"".join(serving.values())}
    return Snapshot(
        replicas=[Replica(id=each, process=PROCESS, serves=frozenset(streams)) for each, streams in serving.items()],
        leases={
            name: Lease(name=name, epoch=1, owner=(owners or {}).get(name), called_by=(called or {}).get(name))
            for name in names
        },
    )


def test_one_replica_takes_everything() -> None:
    assert assigned(snapshot({"1": "abc"})) == {"a": "1", "b": "1", "c": "1"}


def test_what_is_free_is_spread_evenly() -> None:
    assert assigned(snapshot({"1": "abcde", "2": "abcde"})) == {"a": "1", "b": "2", "c": "1", "d": "2", "e": "1"}


def test_who_holds_a_stream_keeps_it_where_that_is_fair() -> None:
    owners: dict[str, str | None] = {"a": "2", "b": "2", "c": "1"}
    assert assigned(snapshot({"1": "abc", "2": "abc"}, owners)) == {"a": "2", "b": "2", "c": "1"}


def test_a_newcomer_gets_its_share_and_no_stream_moves_that_need_not() -> None:
    owners: dict[str, str | None] = {"a": "1", "b": "1", "c": "2", "d": "2"}
    target = assigned(snapshot({"1": "abcd", "2": "abcd", "3": "abcd"}, owners))
    assert target == {"a": "1", "b": "3", "c": "2", "d": "2"}


def test_one_stream_more_is_no_reason_to_move_it() -> None:
    assert assigned(snapshot({"1": "a", "2": "a"}, {"a": "2"})) == {"a": "2"}


def test_what_a_dead_replica_held_is_shared_among_the_living() -> None:
    owners: dict[str, str | None] = {"a": "1", "b": "dead", "c": "dead"}
    assert assigned(snapshot({"1": "abc", "2": "abc"}, owners)) == {"a": "1", "b": "2", "c": "1"}


def test_a_replica_that_drains_is_to_hold_nothing() -> None:
    assert assigned(snapshot({"1": "", "2": "ab"}, {"a": "1", "b": "1"})) == {"a": "2", "b": "2"}


def test_a_stream_goes_only_to_those_that_serve_it() -> None:
    assert assigned(snapshot({"1": "ab", "2": "cdef"})) == {"a": "1", "b": "1", "c": "2", "d": "2", "e": "2", "f": "2"}


def test_what_is_no_stream_is_shared_by_itself() -> None:
    seen = snapshot({"1": "abx", "2": "abx"}, {"a": "1", "b": "2", "x": "1"})
    leases = {name: msgspec.structs.replace(lease, is_stream=name != "x") for name, lease in seen.leases.items()}
    assert assigned(msgspec.structs.replace(seen, leases=leases)) == {"a": "1", "b": "2", "x": "1"}


def test_a_stream_that_is_called_goes_to_the_caller_whatever_its_share() -> None:
    owners: dict[str, str | None] = {"a": "2", "b": "1"}
    assert assigned(snapshot({"1": "ab", "2": "ab"}, owners, called={"a": "1", "b": "1"})) == {"a": "1", "b": "1"}


def test_a_stream_called_by_a_dead_replica_is_shared_as_if_it_were_not() -> None:
    assert assigned(snapshot({"1": "a"}, {"a": "1"}, called={"a": "dead"})) == {"a": "1"}


@given(
    st.dictionaries(st.sampled_from("123"), st.sets(st.sampled_from("abcdef")), min_size=1),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1", "2", "3", "dead", None])),
)
def test_everything_that_is_served_is_assigned_to_one_that_serves_it_and_nobody_has_two_more_than_another(
    serving: dict[str, set[str]], owners: dict[str, str | None]
) -> None:
    seen = snapshot({each: "".join(streams) for each, streams in serving.items()}, owners)
    target = assigned(seen)
    assert target.keys() == set().union(*serving.values())
    assert all(stream in serving[replica] for stream, replica in target.items())
    shares = {each: {stream for stream, replica in target.items() if replica == each} for each in serving}
    for giver, taker in product(shares, shares):
        if shares[giver] & serving[taker]:
            assert len(shares[giver]) - len(shares[taker]) <= 1
    settled = snapshot({each: "".join(streams) for each, streams in serving.items()}, dict(target))
    assert assigned(settled) == target, "once so, nothing moves any more"


def test_a_commit_shows_the_lease_that_is_held_and_none_that_is_not() -> None:
    holdings = Holdings()
    holdings.put("a", Proof("1", 7))
    assert holdings.proof("a") == Proof("1", 7)
    assert "a" in holdings
    holdings.drop("a")
    with pytest.raises(Deposed, match="a: this process does not own it"):
        holdings.proof("a")
