"""The page of a poll, in order and not."""

import json

import pytest

from bridge.sandbox import pages
from bridge.sandbox.faults import FaultKind
from bridge.sandbox.feed import Feed, Row
from bridge.sandbox.poll import Poll


def row(position: int, padding_bytes: int = 0) -> Row:
    encoded = b'{"offset":%d,"text":""}' % position
    return Row(
        position=position,
        her_id=1,
        id=str(position),
        offset=position,
        fault=None,
        encoded=encoded,
        pad_at=len(encoded) - 2,
        padding_bytes=padding_bytes,
    )


def shown(kind: FaultKind | None, offset: int, limit: int, last: int = 9) -> list[int]:
    feed = Feed(seed=1)
    for position in range(1, last + 1):
        feed.append(row(position))
    poll = Poll(her_ids=frozenset({1}), offset=offset, limit=limit, api_version="3", source_system="x")
    return [each.position for each in pages.rows_for(feed, poll, kind)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (None, [6, 7, 8, 9]),
        (FaultKind.HTML, [6, 7, 8, 9]),
        (FaultKind.UNSORTED_PAGE, [9, 8, 7, 6]),
        (FaultKind.REPEATED_PAGE, [2, 3, 4, 5]),
        (FaultKind.OFFSETS_GOING_BACK, [6, 3, 4, 5]),
        (FaultKind.NO_PROGRESS, [2, 3, 4, 5]),
        (FaultKind.DUPLICATE_ITEMS, [6, 6, 7, 7]),
    ],
)
def test_a_fault_of_pages_changes_the_page(kind: FaultKind | None, expected: list[int]) -> None:
    assert shown(kind, offset=5, limit=4) == expected


def test_no_progress_fills_the_page_with_what_little_is_old() -> None:
    assert shown(FaultKind.NO_PROGRESS, offset=2, limit=5) == [1, 2, 1, 2, 1]


@pytest.mark.parametrize("kind", [FaultKind.REPEATED_PAGE, FaultKind.NO_PROGRESS, FaultKind.OFFSETS_GOING_BACK])
def test_where_nothing_is_old_the_right_page_is_shown(kind: FaultKind) -> None:
    assert shown(kind, offset=0, limit=3) == [1, 2, 3]


def test_the_body_is_the_items_joined() -> None:
    assert pages.encode([]) == b'{"notifications":[]}'
    assert pages.encode([row(1), row(2)]) == b'{"notifications":[{"offset":1,"text":""},{"offset":2,"text":""}]}'


@pytest.mark.parametrize("rows", [[], [row(1)], [row(1), row(2), row(3)]])
def test_in_pieces_the_body_is_the_same(rows: list[Row]) -> None:
    body = b"".join(pages.chunks(rows))
    assert body == pages.encode(rows)
    assert pages.size_bytes(rows) == len(body)
    assert not pages.is_padded(rows)


@pytest.mark.parametrize("padding_bytes", [1, 65536, 200_001])
def test_padding_goes_into_the_item_in_small_pieces(padding_bytes: int) -> None:
    rows = [row(1), row(2, padding_bytes)]
    pieces = list(pages.chunks(rows))
    body = b"".join(pieces)
    assert pages.is_padded(rows)
    assert max(map(len, pieces)) <= 65536
    assert pages.size_bytes(rows) == len(body)
    assert json.loads(body)["notifications"][1] == {"offset": 2, "text": "x" * padding_bytes}
