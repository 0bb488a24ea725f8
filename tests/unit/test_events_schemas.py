"""What the bridge publishes is what its schemas say, by a validator that is not ours."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from bridge.events.contracts.schemas import schemas
from bridge.events.message import Message
from tests.support.events import email_status, every_message, full

SCHEMAS = schemas()
VALIDATORS = {event: Draft202012Validator(schema) for event, schema in SCHEMAS.items()}


def validate(message: Message, **changes: Any) -> None:
    event = json.loads(message.body) | changes
    VALIDATORS[message.event].validate({name: value for name, value in event.items() if value is not ...})


@pytest.mark.parametrize("event", SCHEMAS)
def test_each_schema_is_one_of_draft_2020_12(event: str) -> None:
    assert SCHEMAS[event]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMAS[event])


def test_the_messages_below_are_of_every_event() -> None:
    assert {message.event for message in every_message().values()} == set(SCHEMAS)


@pytest.mark.parametrize("message", [pytest.param(each, id=name) for name, each in every_message().items()])
def test_every_message_that_the_bridge_makes_is_valid(message: Message) -> None:
    validate(message)


@pytest.mark.parametrize("event", SCHEMAS)
def test_the_example_of_each_schema_is_valid(event: str) -> None:
    (example,) = SCHEMAS[event]["examples"]
    VALIDATORS[event].validate(example)


def test_what_a_newer_bridge_adds_is_valid() -> None:
    data = json.loads(full().body)["data"]
    validate(full(), added="attribute", data=data | {"added": {"field": 1}})


@pytest.mark.parametrize("absent", ["specversion", "id", "source", "type", "dataschema", "partitionkey", "data"])
def test_an_event_without_what_each_has_is_not_valid(absent: str) -> None:
    with pytest.raises(ValidationError, match=f"'{absent}' is a required property"):
        validate(full(), **{absent: ...})


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("specversion", "0.3"),
        ("type", "no.nhn.notification.refused.v1"),
        ("dataschema", "urn:notification-bridge:refused:v1"),
        ("id", ""),
        ("subject", None),
        ("time", None),
        ("sequence", "45460"),
        ("data", None),
        ("data", {}),
    ],
)
def test_an_event_with_another_value_is_not_valid(attribute: str, value: object) -> None:
    with pytest.raises(ValidationError):
        validate(full(), **{attribute: value})


def test_a_recipient_without_an_address_is_not_valid() -> None:
    data = json.loads(email_status().body)["data"]
    with pytest.raises(ValidationError):
        validate(email_status(), data=data | {"recipient": {"organizationNumber": "991825827"}})
