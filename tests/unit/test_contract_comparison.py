"""What breaks consumers, and what does not: each kind of change to a small schema and a small document of routes."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.support.breaking import breaking_routes, breaking_schema

RELEASED: dict[str, Any] = {
    "$id": "urn:example:v1",
    "title": "Example",
    "type": "object",
    "properties": {
        "type": {"enum": ["no.example.v1"]},
        "time": {"type": "string", "format": "date-time"},
        "share": {"type": "number"},
        "data": {
            "type": "object",
            "properties": {
                "offset": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "name": {"type": "string", "minLength": 1},
                "whom": {
                    "anyOf": [
                        {"type": "object", "properties": {"address": {"type": "string"}}, "required": ["address"]},
                        {"type": "null"},
                    ]
                },
            },
            "required": ["offset", "name", "whom"],
        },
    },
    "required": ["type", "share", "data"],
}
EXCHANGE = {"name": "examples", "type": "topic"}
ROUTES: dict[str, Any] = {
    "channels": {
        "example": {"address": "example.{herId}", "bindings": {"$ref": "#/components/channelBindings/there"}},
    },
    "components": {
        "messages": {"example": {"contentType": "application/json", "x-amqp-properties": {"app_id": "bridge"}}},
        "channelBindings": {"there": {"amqp": {"exchange": EXCHANGE}}},
    },
}


def of_schema(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> list[str]:
    """What breaks by a change, which is given the attributes and the whole `data`."""
    current = deepcopy(RELEASED)
    change(current["properties"], current["properties"]["data"])
    return breaking_schema(RELEASED, current)


class TestWhatBreaks:
    def test_a_field_that_is_gone(self) -> None:
        assert of_schema(lambda _, data: data["properties"].pop("name")) == ["event.data.name is gone"]

    def test_an_attribute_that_is_gone_though_it_was_optional(self) -> None:
        assert of_schema(lambda top, _: top.pop("time")) == ["event.time is gone"]

    def test_a_field_that_may_be_absent(self) -> None:
        assert of_schema(lambda _, data: data["required"].remove("name")) == ["event.data.name may be absent now"]

    def test_a_field_that_may_be_null(self) -> None:
        nullable = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]}
        assert of_schema(lambda _, data: data["properties"].update(name=nullable)) == [
            "event.data.name may be null now"
        ]

    def test_a_field_that_may_be_null_by_a_list_of_types(self) -> None:
        nullable = {"type": ["string", "null"], "minLength": 1}
        assert of_schema(lambda _, data: data["properties"].update(name=nullable)) == [
            "event.data.name may be null now"
        ]

    def test_another_type(self) -> None:
        number = {"type": "integer"}
        assert of_schema(lambda _, data: data["properties"].update(name=number)) == [
            "event.data.name may be integer now"
        ]

    def test_a_type_that_is_wider(self) -> None:
        number = {"anyOf": [{"type": "number"}, {"type": "null"}]}
        assert of_schema(lambda _, data: data["properties"].update(offset=number)) == [
            "event.data.offset may be number now"
        ]

    def test_no_type_any_more(self) -> None:
        assert of_schema(lambda _, data: data["properties"].update(name={})) == ["event.data.name may be anything now"]

    def test_a_field_in_an_object_that_may_be_null(self) -> None:
        assert of_schema(lambda _, data: data["properties"]["whom"]["anyOf"][0]["required"].clear()) == [
            "event.data.whom.address may be absent now"
        ]

    def test_another_value_of_type(self) -> None:
        assert of_schema(lambda top, _: top.update(type={"enum": ["no.example.v2"]})) == [
            "event.type was one of ['no.example.v1'], is ['no.example.v2']"
        ]

    def test_any_value_of_type(self) -> None:
        assert of_schema(lambda top, _: top.update(type={"type": "string"})) == [
            "event.type was one of ['no.example.v1'], is anything"
        ]

    def test_a_format_that_is_promised_no_longer(self) -> None:
        assert of_schema(lambda top, _: top["time"].pop("format")) == ["event.time had format date-time, has none"]

    def test_all_that_breaks_is_told(self) -> None:
        assert of_schema(lambda top, data: (top.pop("time"), data["properties"].pop("name"))) == [
            "event.data.name is gone",
            "event.time is gone",
        ]


class TestWhatDoesNot:
    def test_nothing_changed(self) -> None:
        assert of_schema(lambda _, data: data) == []

    @pytest.mark.parametrize("required", [False, True], ids=["optional", "required"])
    def test_a_field_that_is_new(self, required: bool) -> None:
        def add(_: object, data: dict[str, Any]) -> None:
            data["properties"]["added"] = {"type": "string"}
            data["required"] += ["added"] if required else []

        assert of_schema(add) == []

    def test_a_field_that_is_never_null_any_more(self) -> None:
        assert of_schema(lambda _, data: data["properties"].update(offset={"type": "integer"})) == []

    def test_an_attribute_that_is_never_absent_any_more(self) -> None:
        current = deepcopy(RELEASED) | {"required": [*RELEASED["required"], "time"]}
        assert breaking_schema(RELEASED, current) == []

    def test_a_type_that_is_narrower(self) -> None:
        assert of_schema(lambda top, _: top.update(share={"type": "integer"})) == []

    def test_any_type_where_any_was_allowed(self) -> None:
        assert breaking_schema({}, {"type": "string"}) == []

    def test_words_for_people(self) -> None:
        told = {"type": "string", "minLength": 1, "description": "Who.", "examples": ["Kari"], "title": "Name"}
        assert of_schema(lambda _, data: data["properties"].update(name=told)) == []

    def test_one_more_promise(self) -> None:
        assert of_schema(lambda _, data: data["properties"]["name"].update(maxLength=200)) == []


def of_routes(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> list[str]:
    """What breaks by a change, which is given the channels and the components."""
    current = deepcopy(ROUTES)
    change(current["channels"], current["components"])
    return breaking_routes(ROUTES, current)


class TestRoutes:
    def test_nothing_changed(self) -> None:
        assert of_routes(lambda channels, _: channels) == []

    def test_another_routing_key_breaks(self) -> None:
        assert of_routes(lambda channels, _: channels["example"].update(address="example.{orderId}")) == [
            "example: routing key was example.{herId}, is example.{orderId}"
        ]

    def test_another_exchange_breaks(self) -> None:
        assert of_routes(lambda _, parts: parts["channelBindings"]["there"]["amqp"]["exchange"].update(name="x")) == [
            "example: exchange was examples, is x"
        ]

    def test_another_kind_of_exchange_breaks(self) -> None:
        assert of_routes(lambda _, parts: parts["channelBindings"]["there"]["amqp"]["exchange"].update(type="x")) == [
            "example: kind of exchange was topic, is x"
        ]

    def test_another_content_type_breaks(self) -> None:
        assert of_routes(lambda _, parts: parts["messages"]["example"].update(contentType="text/plain")) == [
            "example: content type was application/json, is text/plain"
        ]

    def test_another_amqp_property_breaks(self) -> None:
        assert of_routes(lambda _, parts: parts["messages"]["example"].update({"x-amqp-properties": {}})) == [
            "example: AMQP properties was {'app_id': 'bridge'}, is {}"
        ]

    def test_an_event_that_is_gone_breaks(self) -> None:
        assert of_routes(lambda channels, _: channels.clear()) == [
            "example: AMQP properties was {'app_id': 'bridge'}, is gone",
            "example: content type was application/json, is gone",
            "example: exchange was examples, is gone",
            "example: kind of exchange was topic, is gone",
            "example: routing key was example.{herId}, is gone",
        ]

    def test_an_event_that_is_new_does_not_break(self) -> None:
        def add(channels: dict[str, Any], parts: dict[str, Any]) -> None:
            channels["added"] = channels["example"] | {"address": "added.{herId}"}
            parts["messages"]["added"] = parts["messages"]["example"]

        assert of_routes(add) == []
