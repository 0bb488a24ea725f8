"""The file of `bridge offsets export`: stable, and read whole or not at all."""

import json
from datetime import UTC, datetime

import pytest

from bridge.errors import ConfigurationError
from bridge.offsets.document import Entry, read, written

AT = datetime(2026, 4, 14, 6, 0, 0, 123, tzinfo=UTC)

FILE = b"""\
{"format":"notification-bridge-offsets","version":1,"exportedAt":"2026-04-14T06:00:00Z","offsets":[
  {"tenant":"a","herId":2,"offset":0},
  {"tenant":"a","herId":10,"offset":9223372036854775807},
  {"tenant":"b","herId":2,"offset":7}
]}
"""
EMPTY = b"""\
{"format":"notification-bridge-offsets","version":1,"exportedAt":"2026-04-14T06:00:00Z","offsets":[

]}
"""


def entry(tenant: str, her_id: int, offset: int) -> Entry:
    return Entry(tenant=tenant, her_id=her_id, offset=offset)


def test_it_is_written_so_to_the_letter() -> None:
    assert written([entry("b", 2, 7), entry("a", 10, 2**63 - 1), entry("a", 2, 0)], at=AT) == FILE
    assert written([], at=AT) == EMPTY


def test_it_is_read_as_it_was_written() -> None:
    assert read(FILE) == {("a", 2): 0, ("a", 10): 2**63 - 1, ("b", 2): 7}
    assert read(EMPTY) == {}


def test_what_a_later_program_adds_is_passed_over() -> None:
    document = json.loads(FILE)
    document["more"] = 1
    document["offsets"][0]["more"] = 1
    assert read(json.dumps(document).encode()) == read(FILE)


def test_every_mistake_is_named() -> None:
    document = json.loads(FILE)
    document["offsets"] = [
        {"tenant": "a", "herId": 1, "offset": 5},
        {"tenant": "a", "herId": 1, "offset": 6},
        {"tenant": "A b", "herId": 2, "offset": 5},
        {"tenant": "a", "herId": 0, "offset": 5},
        {"tenant": "a", "herId": 3, "offset": -1},
        {"tenant": "a", "herId": 4},
        7,
    ]
    with pytest.raises(ConfigurationError) as raised:
        read(json.dumps(document).encode())
    assert [mistake.split(":")[0] for mistake in raised.value.mistakes] == [
        f"Entry {number} of `offsets`" for number in (2, 3, 4, 5, 6, 7)
    ]
    assert raised.value.mistakes[0].endswith("HER-id 1 of a is there twice.")
    assert "offset" in raised.value.mistakes[3]


def test_of_many_mistakes_the_first_are_named() -> None:
    document = json.loads(FILE)
    document["offsets"] = [7] * 25
    with pytest.raises(ConfigurationError) as raised:
        read(json.dumps(document).encode())
    assert len(raised.value.mistakes) == 21
    assert raised.value.mistakes[-1] == "5 more entries are wrong."


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (b"", "no file of `bridge offsets export`"),
        (b"\xff", "no file of `bridge offsets export`"),
        (b'{"offsets": []}', "no file of `bridge offsets export`"),
        (FILE.replace(b"bridge-offsets", b"bridge-orders"), "its format is not notification-bridge-offsets"),
        (FILE.replace(b'"version":1', b'"version":2'), "has version 2 of its format, this program reads 1"),
    ],
)
def test_another_file_is_refused(text: bytes, mistake: str) -> None:
    with pytest.raises(ConfigurationError, match=mistake):
        read(text)
