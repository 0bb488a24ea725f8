"""What a request may ask for."""

import pytest

from bridge.sandbox.altinn.queries import FeedQuery, Invalid, parse_feed_query, parse_id

ID = "f1a1cc30-197f-4f34-8304-006ce4945fd1"


@pytest.mark.parametrize("text", [ID, ID.upper(), ID.replace("-", ""), f"{{{ID}}}", f"({ID})", f" {ID} "])
def test_an_id_is_taken_in_every_form_that_net_reads(text: str) -> None:
    assert parse_id(text) == ID


@pytest.mark.parametrize("text", ["", "1337;1=1", ID[:-1], f"{ID}0", f"{{{ID})", "g" * 32, "urn:uuid:1"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_id(text)
    assert caught.value.errors == {"id": f"The value '{text}' is not valid."}


def test_without_parameters_the_feed_is_read_from_its_start_in_full_pages() -> None:
    assert parse_feed_query([]) == FeedQuery(seq=0, page_size=500, is_descending=False)


def test_names_count_without_regard_to_case_and_the_first_value_holds() -> None:
    pairs = [("SEQ", "7"), ("pagesize", "3"), ("OrderBy", "DESC"), ("seq", "9")]
    assert parse_feed_query(pairs) == FeedQuery(seq=7, page_size=3, is_descending=True)


@pytest.mark.parametrize(("text", "page_size"), [("0", 1), ("-5", 1), ("1", 1), ("500", 500), ("501", 500)])
def test_a_page_size_out_of_bounds_is_brought_within(text: str, page_size: int) -> None:
    assert parse_feed_query([("pageSize", text)]).page_size == page_size


@pytest.mark.parametrize(
    ("pairs", "errors"),
    [
        ([("seq", "-1")], {"Seq": "The field Seq must be between 0 and 9223372036854775807."}),
        ([("seq", "x")], {"Seq": "The value 'x' is not valid."}),
        ([("seq", "9223372036854775808")], {"Seq": "The value '9223372036854775808' is not valid."}),
        ([("pageSize", "1.5")], {"PageSize": "The value '1.5' is not valid."}),
        ([("orderBy", "up")], {"OrderBy": "The value 'up' is not valid."}),
        ([("orderBy", "")], {"OrderBy": "The value '' is not valid."}),
    ],
)
def test_what_makes_no_sense_is_told(pairs: list[tuple[str, str]], errors: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_feed_query(pairs)
    assert caught.value.errors == errors
