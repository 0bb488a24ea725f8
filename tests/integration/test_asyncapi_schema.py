"""The AsyncAPI document is one, by AsyncAPI's own schema; what that does not know is ours to test, in tests/unit."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bridge.events.contracts.asyncapi import asyncapi
from tests.support import asyncapi as packages
from tests.support.npm import npm_installed


@cache
def validator() -> jsonschema.Draft7Validator:
    specs = npm_installed(Path(packages.__file__).parent) / "node_modules" / "@asyncapi" / "specs"
    schema: dict[str, Any] = json.loads((specs / "schemas" / "3.0.0.json").read_bytes())
    return jsonschema.Draft7Validator(schema)


def test_the_document_is_what_asyncapi_says_it_has_to_be() -> None:
    assert [f"{each.json_path}: {each.message}" for each in validator().iter_errors(asyncapi())] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("channels", "refused", "messages"), []),
        (("operations", "send-refused", "action"), "publish"),
        (("components", "channelBindings", "nhn", "amqp", "is"), "exchange"),
        (("components", "operationBindings", "confirmed", "amqp", "deliveryMode"), 3),
        (("components", "messages", "refused", "correlationId"), "messageId"),
        (("components", "schemas", "refused", "type"), "record"),
    ],
)
def test_and_would_not_be_with_a_mistake(path: tuple[str, ...], value: object) -> None:
    document = asyncapi()
    part = document
    for step in path[:-1]:
        part = part[step]
    assert path[-1] in part
    part[path[-1]] = value
    assert not validator().is_valid(document)
