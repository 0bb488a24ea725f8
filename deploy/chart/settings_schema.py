"""The JSON schema of the chart's `settings`, made from the bridge's own model, so that the two cannot differ.

Secrets are not in it: what is given there would be readable in a ConfigMap.
"""

from typing import Any

from bridge.settings.model import Settings

Schema = dict[str, Any]

DROPPED = ("title", "default", "format", "uniqueItems", "required")
"""`required` is the bridge's own to check, in sentences; a default there would be shown where none is applied."""


def settings_schema() -> Schema:
    """The schema of the whole tree."""
    whole = Settings.model_json_schema()
    schema = _simplified(whole, whole["$defs"])
    if schema is None:
        raise ValueError("the settings have no schema")
    return schema


def _simplified(schema: Schema, definitions: Schema) -> Schema | None:
    """Without references, nulls and secrets; None where nothing is left."""
    if "$ref" in schema:
        return _simplified(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    kept = {key: value for key, value in schema.items() if key not in (*DROPPED, "$defs")}
    if "description" in kept:
        kept["description"] = " ".join(kept["description"].split())
    if kept.get("writeOnly"):
        return None
    if "anyOf" in kept:
        return _choice(kept, definitions)
    if "properties" in kept:
        properties = {name: _simplified(each, definitions) for name, each in kept["properties"].items()}
        kept["properties"] = {name: each for name, each in properties.items() if each is not None}
    if kept.get("type") == "array":
        return _list(kept, definitions)
    return kept


def _choice(schema: Schema, definitions: Schema) -> Schema | None:
    choices = [each for each in schema.pop("anyOf") if each.get("type") != "null"]
    simplified = [each for each in (_simplified(choice, definitions) for choice in choices) if each is not None]
    if not simplified:
        return None
    return schema | (simplified[0] if len(simplified) == 1 else {"anyOf": simplified})


def _list(schema: Schema, definitions: Schema) -> Schema | None:
    """A list is a list here: the comma-separated texts and the JSON of environment variables are not for YAML."""
    items = _simplified(schema.get("items", {}), definitions)
    return None if items is None else schema | {"items": items}
