"""Who is meant by an operator, and what moves."""

from datetime import UTC, datetime

import pytest

from bridge.errors import ConfigurationError
from bridge.offsets.moves import Move, cursors_of, moves_to, rows, select
from bridge.store import ReceiverOffset

STORED = datetime(2026, 4, 14, tzinfo=UTC)


def standing(tenant: str, her_id: int, offset: int = 40, *, retired: bool = False) -> ReceiverOffset:
    return ReceiverOffset(
        tenant=tenant,
        her_id=her_id,
        stream=None if retired else f"nhn/{tenant}/1",
        state="retired" if retired else "sharing",
        offset=offset,
        updated_at=STORED,
    )


RECEIVERS = [standing("a", 1), standing("a", 2, retired=True), standing("b", 2), standing("b", 3)]


def who(tenant: str | None, *her_ids: int, everybody: bool = False) -> list[tuple[str, int]]:
    found = select(RECEIVERS, tenant=tenant, her_ids=her_ids, everybody=everybody)
    return [(each.tenant, each.her_id) for each in found]


def test_everybody_is_who_is_in_a_stream() -> None:
    assert who(None, everybody=True) == [("a", 1), ("b", 2), ("b", 3)]
    assert who("a", everybody=True) == [("a", 1)]


def test_who_is_named_may_be_retired() -> None:
    assert who("a", 2, 1) == [("a", 1), ("a", 2)]


def test_every_her_id_that_means_nobody_or_several_is_told() -> None:
    with pytest.raises(ConfigurationError) as raised:
        who(None, 1, 2, 9)
    assert raised.value.mistakes == (
        "HER-id 2 is in the tenants a and b: add --tenant.",
        "HER-id 9 is not in the store: it has no cursor yet.",
    )


def test_a_tenant_that_nobody_is_of_is_told() -> None:
    with pytest.raises(ConfigurationError, match="knows no receiver of a tenant c"):
        who("c", everybody=True)


def test_who_stands_there_does_not_move() -> None:
    selected = [standing("a", 1, 40), standing("a", 4, 50)]
    moves = moves_to(selected, {("a", 1): 40, ("a", 4): 40})
    assert moves == [Move(tenant="a", her_id=4, stream="nhn/a/1", before=50, to=40)]
    assert cursors_of(moves) == {"a": {4: 40}}


def test_where_nobody_is_served_everybody_is_nobody() -> None:
    with pytest.raises(ConfigurationError, match="No HER-id is in a stream yet"):
        select([standing("a", 1, retired=True)], tenant=None, her_ids=(), everybody=True)


def test_those_that_move_alike_are_a_row() -> None:
    alike = [Move(tenant="a", her_id=her_id, stream="nhn/a/1", before=9, to=0) for her_id in range(1, 7)]
    others = [
        Move(tenant="a", her_id=7, stream="nhn/a/1", before=8, to=0),
        Move(tenant="a", her_id=8, before=None, to=5),
    ]
    assert list(rows([*alike, *others])) == [
        ("a", "nhn/a/1", "6 HER-ids", "9", "0"),
        ("a", "nhn/a/1", "7", "8", "0"),
        ("a", "-", "8", "-", "5"),
    ]
