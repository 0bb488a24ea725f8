"""What a registration says, and what is wrong with one that says nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.altinn.registration_body import NotARegistration, read_registration
from bridge.checkpoints import Registration

ID = "9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d"


def registration(**fields: object) -> bytes:
    return json.dumps({"orderId": ID, **fields}).encode()


class TestWhatIsRead:
    def test_the_order_alone_is_enough(self) -> None:
        assert read_registration(registration()) == Registration(order_id="9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d")

    def test_reference_and_time_are_kept(self) -> None:
        assert read_registration(
            registration(sendersReference="Søk-17", requestedSendTime="2026-04-14T08:00:00+02:00")
        ) == Registration(
            order_id="9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d",
            senders_reference="Søk-17",
            requested_send_time=1_776_146_400.0,
        )

    def test_null_is_as_good_as_absent(self) -> None:
        assert read_registration(registration(sendersReference=None, requestedSendTime=None)) == Registration(
            order_id="9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d"
        )

    @pytest.mark.parametrize(
        "order_id",
        [
            "9F8FA0A4-6B30-4C57-8D0F-5F1C7A8B9C0D",
            "9f8FA0a4-6b30-4c57-8d0f-5f1c7a8b9c0d",
            "9f8fa0a46b304c578d0f5f1c7a8b9c0d",
        ],
    )
    def test_an_order_has_one_name_however_it_is_written(self, order_id: str) -> None:
        body = json.dumps({"orderId": order_id}).encode()
        assert read_registration(body).order_id == "9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d"

    @pytest.mark.parametrize(
        ("text", "epoch_s"),
        [
            ("2026-04-14T06:00:00Z", 1_776_146_400.0),
            ("2026-04-14T06:00:00.5Z", 1_776_146_400.5),
            ("2026-04-14T06:00:00.1234567Z", 1_776_146_400.123456),
            ("2026-04-14T06:00Z", 1_776_146_400.0),
            ("2026-04-14T03:00:00-0300", 1_776_146_400.0),
            ("1960-01-01T00:00:00Z", -315_619_200.0),
            ("0001-01-01T00:00:00+14:00", -62_135_647_200.0),
            ("9999-12-31T23:59:59-14:00", 253_402_351_199.0),
        ],
    )
    def test_a_time_is_taken_in_every_form_of_iso_8601_that_names_a_moment(self, text: str, epoch_s: float) -> None:
        assert read_registration(registration(requestedSendTime=text)).requested_send_time == epoch_s

    def test_unknown_fields_are_ignored(self) -> None:
        body = registration(orderid=1, creator={"orderId": 2}, recipients=[1, [2, {"a": None}]])
        assert read_registration(body) == Registration(order_id="9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d")

    def test_a_reference_of_4000_characters_is_kept(self) -> None:
        assert read_registration(registration(sendersReference="å" * 4000)).senders_reference == "å" * 4000


class TestWhatIsNone:
    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"", "Input data was truncated"),
            (b"{", "Input data was truncated"),
            (b"null", "Expected `object`, got `null`"),
            (b"[]", "Expected `object`, got `array`"),
            (b'"9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d"', "Expected `object`, got `str`"),
            (b"{}", "Object missing required field `orderId`"),
            (b'{"orderid":"9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d"}', "Object missing required field `orderId`"),
            (b'{"orderId":null}', "Expected `uuid`, got `null` - at `$.orderId`"),
            (b'{"orderId":17}', "Expected `uuid`, got `int` - at `$.orderId`"),
            (b'{"orderId":"17"}', "Invalid UUID - at `$.orderId`"),
            (b'{"orderId":"{9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d}"}', "Invalid UUID - at `$.orderId`"),
            (registration(sendersReference=17), "Expected `str | null`, got `int` - at `$.sendersReference`"),
            (registration(sendersReference="a\0b"), "sendersReference has a NUL character"),
            (registration(sendersReference="a" * 4001), "sendersReference has more than 4000 characters"),
            (
                registration(requestedSendTime=1_776_146_400),
                "Expected `str | null`, got `int` - at `$.requestedSendTime`",
            ),
            (registration(requestedSendTime="soon"), "requestedSendTime is no ISO 8601 time"),
            (registration(requestedSendTime="2026-02-30T00:00:00Z"), "requestedSendTime is no ISO 8601 time"),
            (registration(requestedSendTime="2026-04-14T06:00:00"), "requestedSendTime has no time zone"),
            (registration(requestedSendTime="2026-04-14"), "requestedSendTime has no time zone"),
            (registration() + b"x", "JSON is malformed: trailing characters (byte 52)"),
            (b"\xff\xfe{", "JSON is malformed: invalid character (byte 0)"),
            (
                '{"orderId":"9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d"}'.encode("utf-16-le"),
                "JSON is malformed: object keys must be strings (byte 1)",
            ),
            (b'{"orderId":"9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d","sendersReference":"S\xf8k"}', "not UTF-8"),
            (b'{"a":' + b"[" * 100_000, "nested too deeply"),
            (b"[" * 100_000, "Expected `object`, got `array`"),
        ],
    )
    def test_the_problem_is_said_in_one_clause(self, body: bytes, problem: str) -> None:
        with pytest.raises(NotARegistration) as caught:
            read_registration(body)
        assert str(caught.value) == problem

    @given(
        field=st.sampled_from(["orderId", "sendersReference", "requestedSendTime", "Kari Nordmann", "recipient"]),
        wrap=st.sampled_from(['"%s"', '["%s"]', '{"%s":1}', "%s", '"%s', '"%s\\ud800"', '"%s\\u0000"', '{"a":"%s"}']),
        cut=st.integers(0, 60),
    )
    def test_nothing_of_the_body_is_quoted(self, field: str, wrap: str, cut: int) -> None:
        text = f'{{"orderId":"9f8fa0a4-6b30-4c57-8d0f-5f1c7a8b9c0d","{field}":{wrap}}}'.replace(
            "%s", "kari@nordmann.no"
        )
        for body in (text, text[: len(text) - cut], text.replace("9f8f", "kari")):
            assert "kari" not in problem_of(body.encode()).lower()

    @given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
    def test_whatever_the_body_is_nothing_else_is_raised(self, body: bytes) -> None:
        assert problem_of(body)


def problem_of(body: bytes) -> str:
    """What is wrong with it, or that it is well."""
    try:
        read_registration(body)
    except NotARegistration as problem:
        return str(problem)
    return "nothing"
