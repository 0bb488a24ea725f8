"""The bomb, without a network."""

import gzip
import json

import pytest

from bridge.sandbox.misbehaviour import gzip_bomb

PAGE = b'{"notifications":[]}'


@pytest.mark.parametrize("size_bytes", [20, 1000, 2**20, 5 * 2**20 + 20, 20 * 2**20 + 7])
def test_a_bomb_unpacks_to_an_empty_page_of_exactly_the_size_wanted(size_bytes: int) -> None:
    unpacked = gzip.decompress(b"".join(gzip_bomb(size_bytes, PAGE)))
    assert len(unpacked) == size_bytes
    assert json.loads(unpacked) == {"notifications": []}


def test_a_bomb_is_small_on_the_wire() -> None:
    assert sum(map(len, gzip_bomb(20 * 2**20, PAGE))) < 100_000
