"""The published contract: it is what the code publishes, and it breaks nobody who relies on the released one."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import yaml

from bridge.checkpoints import ClosedState
from bridge.events.contracts import documents
from bridge.events.contracts.asyncapi import CLOSED_REASONS, asyncapi
from bridge.events.contracts.schemas import schemas
from bridge.settings import Settings
from tests.support.breaking import breaking_routes, breaking_schema

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "deploy" / "contracts"
RELEASED = CONTRACTS / "v1"
EVENTS = ["new-message", "refused", "sent-state", "apprec", "delivery-state", "other", "email-status", "order-closed"]
FILES = ["asyncapi.yaml", *(f"{event}.v1.schema.json" for event in EVENTS)]


def files(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir() if file.suffix in {".json", ".yaml"}}


def references(part: Any) -> list[str]:
    """Every $ref in it."""
    match part:
        case dict():
            own = [part["$ref"]] if "$ref" in part else []
            return own + [each for value in part.values() for each in references(value)]
        case list():
            return [each for value in part for each in references(value)]
        case _:
            return []


def test_there_is_a_schema_of_each_event_and_a_document_of_all() -> None:
    assert list(documents()) == FILES


def test_the_committed_contract_is_what_the_code_publishes() -> None:
    assert files(CONTRACTS) == documents(), "the contract and the code differ: run `make generate`"


def test_nobody_who_relies_on_the_released_contract_is_broken() -> None:
    current = documents()
    found = breaking_routes(yaml.safe_load((RELEASED / "asyncapi.yaml").read_bytes()), asyncapi())
    for file in sorted(RELEASED.glob("*.json")):
        schema = json.loads(current.get(file.name, b"{}"))
        found += breaking_schema(json.loads(file.read_bytes()), schema, file.name)
    assert found == [], "this breaks consumers: see deploy/contracts/README.md"


def test_the_released_contract_is_whole() -> None:
    assert set(files(RELEASED)) >= set(FILES)


def test_a_release_has_its_contract_among_the_released_ones() -> None:
    (newest, *_) = re.findall(r"^## \d+\.\d+\.\d+.*", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    is_released = "not released yet" not in newest
    assert not is_released or files(RELEASED) == files(CONTRACTS), "copy deploy/contracts to deploy/contracts/v1"


class TestSchemas:
    def test_each_is_named_by_the_dataschema_of_its_events(self) -> None:
        assert {schema["$id"] for schema in schemas().values()} == {
            "urn:notification-bridge:new-message:v1",
            "urn:notification-bridge:refused:v1",
            "urn:notification-bridge:sent-state:v1",
            "urn:notification-bridge:apprec:v1",
            "urn:notification-bridge:delivery-state:v1",
            "urn:notification-bridge:other:v1",
            "urn:notification-bridge:email-status:v1",
            "urn:notification-bridge:order-closed:v1",
        }

    def test_each_stands_by_itself(self) -> None:
        assert [references(schema) for schema in schemas().values()] == [[]] * len(EVENTS)

    def test_none_is_closed_to_what_a_newer_bridge_adds(self) -> None:
        assert b"additionalProperties" not in b"".join(documents().values())

    def test_an_attribute_without_a_value_is_absent_and_never_null(self) -> None:
        for schema in schemas().values():
            attributes = schema["properties"]
            optional = {name: each["type"] for name, each in attributes.items() if name not in schema["required"]}
            assert optional == dict.fromkeys(("subject", "time", "sequence", "replay", "traceparent"), "string")

    def test_every_optional_attribute_and_every_field_that_may_be_null_says_what_that_means(self) -> None:
        for schema in schemas().values():
            data = schema["properties"]["data"]["properties"]
            assert [name for name, field in data.items() if "anyOf" in field and "description" not in field] == []


class TestAsyncapi:
    def test_the_channels_are_the_routing_keys(self) -> None:
        assert {event: channel["address"] for event, channel in asyncapi()["channels"].items()} == {
            "new-message": "new-message.{receiverHerId}",
            "refused": "refused.{receiverHerId}",
            "sent-state": "sent-state.{receiverHerId}",
            "apprec": "apprec.{receiverHerId}",
            "delivery-state": "delivery-state.{receiverHerId}",
            "other": "other.{receiverHerId}",
            "email-status": "email-status.{status}",
            "order-closed": "order-closed.{reason}",
        }

    def test_each_parameter_of_an_address_is_described(self) -> None:
        for channel in asyncapi()["channels"].values():
            assert re.findall(r"{(\w+)}", channel["address"]) == list(channel["parameters"])

    def test_the_exchanges_are_the_defaults_of_the_settings(self) -> None:
        bindings = asyncapi()["components"]["channelBindings"]
        broker = Settings().broker
        assert bindings["nhn"]["amqp"]["exchange"]["name"] == broker.exchange_nhn
        assert bindings["altinn"]["amqp"]["exchange"]["name"] == broker.exchange_altinn

    def test_the_reasons_are_the_ends_that_an_order_can_have(self) -> None:
        assert get_args(ClosedState) == CLOSED_REASONS

    def test_the_bridge_sends_every_message_once_from_its_channel(self) -> None:
        document = asyncapi()
        sent = [message["$ref"] for each in document["operations"].values() for message in each["messages"]]
        assert {each["action"] for each in document["operations"].values()} == {"send"}
        assert sent == [f"#/channels/{event}/messages/{event}" for event in EVENTS]
        assert list(document["components"]["messages"]) == EVENTS

    def test_every_reference_leads_somewhere(self) -> None:
        document = asyncapi()
        found = references(document)
        assert len(found) >= 5 * len(EVENTS)
        for reference in found:
            part: Any = document
            for step in reference.removeprefix("#/").split("/"):
                part = part[step]

    def test_the_payloads_are_the_schemas(self) -> None:
        beside = {"$schema", "$id", "examples"}
        assert asyncapi()["components"]["schemas"] == {
            event: {key: value for key, value in schema.items() if key not in beside}
            for event, schema in schemas().items()
        }

    def test_the_file_is_the_document(self) -> None:
        assert yaml.safe_load(documents()["asyncapi.yaml"]) == asyncapi()
