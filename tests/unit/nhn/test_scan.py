"""The offset of an item that no body can hold is found as its bytes pass by, against a real decoder."""

import json
import random
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.nhn.scan import OffsetScanner


def scan(*pieces: bytes) -> int | None:
    scanner = OffsetScanner()
    for piece in pieces:
        if scanner.feed(piece):
            break
    return scanner.offset


def in_a_page(item: bytes) -> bytes:
    return b'{"notifications":[' + item + b"]}"


@pytest.mark.parametrize(
    ("item", "offset"),
    [
        pytest.param(b'{"offset":5}', 5, id="alone"),
        pytest.param(b'{"offset":0,"id":"a"}', 0, id="zero"),
        pytest.param(b'{ "offset" \r\n\t: \r\n\t 5 \r\n\t}', 5, id="with blanks"),
        pytest.param(b'{"offset":9223372036854775807}', 9223372036854775807, id="63 bits"),
        pytest.param(b'{"offset":9223372036854775808}', None, id="over 63 bits"),
        pytest.param(b'{"offset":' + b"9" * 100_000 + b"}", None, id="a number without end"),
        pytest.param(b'{"offset":-5}', None, id="negative"),
        pytest.param(b'{"offset":5.0}', None, id="a float"),
        pytest.param(b'{"offset":5e3}', None, id="with an exponent"),
        pytest.param(b'{"offset":"5"}', None, id="a string"),
        pytest.param(b'{"offset":null}', None, id="null"),
        pytest.param(b'{"offset":true}', None, id="a bool"),
        pytest.param(b'{"offset":[5]}', None, id="an array"),
        pytest.param(b'{"id":"a"}', None, id="absent"),
        pytest.param(b'{"description":"\\"offset\\": 5","offset":7}', 7, id="behind a string that looks like it"),
        pytest.param(b'{"description":"17\\" wide","offset":7}', 7, id="behind a string with a quote"),
        pytest.param(b'{"description":"\\\\","offset":7}', 7, id="behind a string that ends in a backslash"),
        pytest.param(b'{"description":"offset","n":5,"offset":7}', 7, id="behind a string that is its name"),
        pytest.param(b'{"data":{"offset":5},"offset":7}', 7, id="behind an object that has one"),
        pytest.param(b'{"data":[{"offset":5}],"offset":7}', 7, id="behind an array of objects that have one"),
        pytest.param(b'{"data":{"offset":5}}', None, id="only within an object"),
        pytest.param(b'{"Offset":5}', None, id="other capitals"),
        pytest.param(b'{"offset2":5,"xoffset":6}', None, id="longer names"),
        pytest.param(b'{"offset":"5","offset":7}', 7, id="twice, the first no number"),
        pytest.param(b'5,{"offset":7}', 7, id="of the second item where the first is no object"),
        pytest.param(b'{"offset":7},{"offset":8}', 7, id="of the first of two items"),
    ],
)
def test_the_first_items_own_offset_is_found_wherever_its_bytes_are_cut(item: bytes, offset: int | None) -> None:
    page = in_a_page(item)
    assert scan(page) == offset
    assert scan(*(bytes([byte]) for byte in page)) == offset


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(b'{"offset":5,"notifications":[]}', id="of the page"),
        pytest.param(b'{"other":[{"offset":5}]}', id="of another array"),
        pytest.param(b'{"notifications":[],"other":[{"offset":5}]}', id="of an array behind"),
        pytest.param(b'{"a":{"notifications":[{"offset":5}]}}', id="of a notifications array further down"),
        pytest.param(b'{"notifications":[[{"offset":5}]]}', id="of an item's item"),
        pytest.param(b'{"notifications":[{"offset":5', id="of an item that is cut off in its number"),
        pytest.param(b'<html>"offset":5</html>', id="of HTML"),
        pytest.param(b"]]]}}}" + in_a_page(b'{"offset":5}'), id="of no document"),
    ],
)
def test_an_offset_that_is_no_items_is_not_taken(page: bytes) -> None:
    assert scan(page) is None


def test_the_offset_is_found_at_once_and_what_follows_is_not_looked_at() -> None:
    scanner = OffsetScanner()
    assert scanner.feed(b'{"notifications":[{"offset":5,')
    assert scanner.feed(b'"offset":6}')
    assert scanner.offset == 5


@pytest.mark.parametrize(
    "filling",
    [
        pytest.param(b"x" * 65536, id="letters"),
        pytest.param(b"\\n" * 32768, id="escapes"),
        pytest.param(b"\\u0022" * 10922, id="escaped quotes"),
    ],
)
def test_a_huge_string_costs_no_memory(filling: bytes) -> None:
    scanner = OffsetScanner()
    scanner.feed(b'{"notifications":[{"description":"')
    tracemalloc.start()
    try:
        for _ in range(20):
            scanner.feed(filling)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000
    assert scanner.feed(b'","offset":45460}')
    assert scanner.offset == 45460


def test_an_escaped_name_is_not_taken_for_the_offsets_wherever_it_is_cut() -> None:
    assert scan(b'{"notifications":[{"offse\\', b't":5}]}') is None


def test_nesting_without_end_is_passed() -> None:
    depth = 100_000
    deep = b'{"data":' + b"[" * depth + b"]" * depth + b',"offset":5}'
    assert scan(in_a_page(deep)) == 5


NAMES = st.sampled_from(["offset", "id", "notifications", '"offset": 5', "offse\t", "\\", "æ", "x" * 100])
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 5, -5, 2**63 - 1, 2**63, 5.0, 1e300, ""]) | st.integers(0, 1000) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=3),
    st.sampled_from([None, 1]),
    st.sampled_from(["ascii", "utf-8"]),
    st.integers(0, 2**32),
)
def test_what_is_found_in_any_document_cut_anywhere_is_what_a_decoder_finds(
    page: dict[str, object], elements: list[dict[str, object]], indent: int | None, encoding: str, seed: int
) -> None:
    document = page | {"notifications": elements}
    found = [
        element["offset"]
        for element in elements
        if type(element.get("offset")) is int and 0 <= int(str(element["offset"])) < 2**63
    ]
    dice = random.Random(seed)
    body = json.dumps(document, indent=indent, ensure_ascii=encoding == "ascii").encode()
    cuts = sorted({0, len(body), *(dice.randint(0, len(body)) for _ in range(dice.randint(0, 8)))})
    assert scan(*(body[start:end] for start, end in pairwise(cuts))) == (found[0] if found else None)
