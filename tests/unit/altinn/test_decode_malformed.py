"""What is kept of an e-mail's item that cannot be understood: enough to park it, and nobody's number (G5, G8)."""

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.altinn.decode import InvalidEmail, NotUnderstood, read_summary
from bridge.events.altinn import RecipientDetail
from tests.support.altinn import EMAIL, ORDER, email, summary, summary_body

PERSON = {"emailAddress": "kari@example.no", "nationalIdentityNumber": "01017012345"}


def only_invalid(raw: bytes, recipient: RecipientDetail = "address") -> InvalidEmail:
    """What is kept of one item between two good ones."""
    good = json.dumps(email()).encode()
    body = b'{"orderId":"%b","generated":3,"succeeded":0,"notifications":[%b,%b,%b]}'
    found = read_summary(body % (ORDER.encode(), good, raw, good), order_id=ORDER, recipient=recipient)
    assert [each.notification.id for each in found.emails] == [EMAIL, EMAIL]
    (invalid,) = found.invalid
    return invalid


class TestAMalformedItemAmongGoodOnes:
    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"id": ...}, "Object missing required field `id`"),
            ({"id": None}, "Expected `str`, got `null` - at `$.id`"),
            ({"id": 17}, "Expected `str`, got `int` - at `$.id`"),
            ({"id": ""}, "Expected `str` of length >= 1 - at `$.id`"),
            ({"id": "x" * 101}, "Expected `str` of length <= 100 - at `$.id`"),
            ({"succeeded": ...}, "Object missing required field `succeeded`"),
            ({"succeeded": "yes"}, "Expected `bool`, got `str` - at `$.succeeded`"),
            ({"recipient": "kari@example.no"}, "Expected `object | null`, got `str` - at `$.recipient`"),
            (
                {"recipient": {"emailAddress": 17}},
                "Expected `str | null`, got `int` - at `$.recipient.emailAddress`",
            ),
            ({"sendStatus": ...}, "Object missing required field `sendStatus`"),
            ({"sendStatus": None}, "Expected `object`, got `null` - at `$.sendStatus`"),
            ({"sendStatus": {"status": "New"}}, "Object missing required field `lastUpdate` - at `$.sendStatus`"),
            (
                {"sendStatus": {"status": "", "lastUpdate": "2026-07-01"}},
                "Expected `str` of length >= 1 - at `$.sendStatus.status`",
            ),
            (
                {"sendStatus": {"status": "x" * 201, "lastUpdate": "2026-07-01"}},
                "Expected `str` of length <= 200 - at `$.sendStatus.status`",
            ),
            (
                {"sendStatus": {"status": "New", "lastUpdate": f"2026-07-01T10:00:00.{'1' * 40}Z"}},
                "Expected `str` of length <= 50 - at `$.sendStatus.lastUpdate`",
            ),
            (
                {"sendStatus": {"status": "New", "lastUpdate": "yesterday"}},
                "lastUpdate is no date, or it is not UTF-8 or nested too deeply",
            ),
        ],
        ids=str,
    )
    def test_is_set_aside_with_its_problem(self, changes: dict[str, Any], problem: str) -> None:
        raw = json.dumps(email(**changes)).encode()
        invalid = only_invalid(raw)
        assert invalid.problem == problem
        assert invalid.key == f"sha256:{hashlib.sha256(raw).hexdigest()}"

    def test_remains_as_its_documented_fields(self) -> None:
        raw = json.dumps(email(succeeded=None, recipient=PERSON | {"isReserved": True}, note="kari")).encode()
        assert json.loads(only_invalid(raw).remains) == {
            "id": "e0197ec7-3d82-4917-8329-8c9ecc4c569b",
            "sendStatus": {
                "status": "New",
                "description": "What it means.",
                "lastUpdate": "2023-11-14T16:06:02.877361Z",
            },
            "recipient": {"emailAddress": "kari@example.no"},
        }

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(b"null", id="null"),
            pytest.param(b'"kari@example.no 01017012345"', id="text"),
            pytest.param(b"[01017012345]".replace(b"0", b"1"), id="array"),
            pytest.param(b'{"nin":"01017012345"}', id="an object with nothing that is documented"),
            pytest.param(b'{"id":"01017012345","note":"\xff"}', id="not UTF-8"),
        ],
    )
    def test_that_cannot_be_read_remains_as_its_hash_and_its_order(self, raw: bytes) -> None:
        assert json.loads(only_invalid(raw, "full").remains) == {
            "orderId": "f1a1cc30-197f-4f34-8304-006ce4945fd1",
            "sha256": hashlib.sha256(raw).hexdigest(),
        }

    def test_that_is_nested_deeply_is_set_aside_or_makes_the_whole_not_understood(self) -> None:
        for depth in range(1, 1100, 3):
            raw = b'{"id":' + b"[" * depth + b"]" * depth + b"}"
            try:
                key = only_invalid(raw).key
            except NotUnderstood:
                assert depth > 500
            else:
                assert key == f"sha256:{hashlib.sha256(raw).hexdigest()}"

    def test_may_have_numbers_beyond_64_bits(self) -> None:
        assert json.loads(only_invalid(b'{"id":100000000000000000000000000000}').remains) == {"id": 10**29}

    @pytest.mark.parametrize("recipient", ["none", "address"])
    @pytest.mark.parametrize(
        "changes",
        [{"id": 17}, {"sendStatus": None}, {"sendStatus": {"status": "New", "lastUpdate": "yesterday"}}],
        ids=str,
    )
    def test_never_keeps_a_national_identity_number_nor_says_it(
        self, changes: dict[str, Any], recipient: RecipientDetail
    ) -> None:
        invalid = only_invalid(json.dumps(email(recipient=PERSON, **changes)).encode(), recipient)
        assert b"01017012345" not in invalid.remains
        assert "01017012345" not in invalid.problem
        assert (b"kari" in invalid.remains) == (recipient == "address")


TEXT = st.text(alphabet="aZ_-17 é\ud83d", max_size=5)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["id", "succeeded", "recipient", "sendStatus", "x"]), JSON_VALUES),
    st.sampled_from(["none", "address", "full"]),
)
def test_whatever_an_item_holds_it_is_an_e_mail_or_set_aside(
    changes: dict[str, Any], recipient: RecipientDetail
) -> None:
    found = summary(email(), email(**changes), email(), recipient=recipient)
    assert len(found.emails) + len(found.invalid) == 3
    for invalid in found.invalid:
        assert isinstance(msgspec.json.decode(invalid.remains), dict)


@given(st.binary(max_size=60))
def test_whatever_bytes_an_item_is_the_answer_is_read_or_not_understood_as_a_whole(raw: bytes) -> None:
    body = summary_body(email(), "?", email()).replace(b'"?"', raw)
    try:
        found = read_summary(body, order_id=ORDER, recipient="full")
    except NotUnderstood:
        return
    assert len(found.emails) >= 2
