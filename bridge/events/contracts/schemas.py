"""The JSON Schema of each event, whole as it is published: envelope and data."""

from typing import Any, get_args

import msgspec

from bridge.events.contracts.examples import examples
from bridge.events.models import KnownEvent

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, Schema]:
    """Event name → its schema, without references, so that each can be read and used by itself."""
    known = examples()
    return {name: _schema(model) | {"examples": [known[name]]} for name, model in _models().items()}


def _models() -> dict[str, type[KnownEvent]]:
    return {_urn(model).split(":")[2]: model for model in get_args(KnownEvent)}


def _urn(model: type[KnownEvent]) -> str:
    """`urn:notification-bridge:<event name>:v1`, as the model's `dataschema` says."""
    (urn,) = (get_args(field.type)[0] for field in msgspec.structs.fields(model) if field.name == "dataschema")
    return str(urn)


def _schema(model: type[KnownEvent]) -> Schema:
    (reference,), definitions = msgspec.json.schema_components([model], ref_template="{name}")
    whole: Schema = _inlined(reference, definitions)
    whole["properties"] = {name: _never_null(each) for name, each in whole["properties"].items()}
    return {"$schema": DIALECT, "$id": _urn(model)} | whole


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """The part with every reference replaced by what it names."""
    match part:
        case {"$ref": str(name), **beside}:
            return _inlined(definitions[name], definitions) | beside
        case dict():
            return {key: _inlined(value, definitions) for key, value in part.items()}
        case list():
            return [_inlined(value, definitions) for value in part]
        case _:
            return part


def _never_null(attribute: Schema) -> Schema:
    """An attribute of the envelope as it is in JSON: what the model has as None is left out there, never null."""
    if "default" not in attribute:
        return attribute
    kept = {key: value for key, value in attribute.items() if key not in {"default", "anyOf"}}
    alternative: Schema
    (alternative,) = (each for each in attribute["anyOf"] if each != {"type": "null"})
    return kept | alternative
