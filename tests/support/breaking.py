"""What of a change to the contract with consumers breaks one that relies on the released contract. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TELLING = frozenset({"$schema", "$id", "title", "description", "examples", "default"})
"""Keywords that are for people, or say which schema it is."""
_COMPARED = frozenset({"type", "anyOf", "enum", "properties", "required"})


def breaking_schema(released: Schema, current: Schema, at: str = "event") -> list[str]:
    """How an event by `current` may be none by `released`, a sentence each. `at`: the name of what is compared."""
    before, now = _by_type(released), _by_type(current)
    found = [f"{at} may be {kind} now" for kind in now if not _is_allowed(kind, before)]
    for kind in before.keys() & now.keys():
        found += _breaking_type(before[kind], now[kind], at)
    return sorted(found)


def breaking_routes(released: Schema, current: Schema) -> list[str]:
    """What of one AsyncAPI document is not so in another: the events, where they are published, and as what."""
    return sorted(
        f"{event}: {what} was {promised}, is {is_now}"
        for event, promises in _promises(released).items()
        for what, promised in promises.items()
        if (is_now := _promises(current).get(event, {}).get(what, "gone")) != promised
    )


def _is_allowed(kind: str, before: Mapping[str, Schema]) -> bool:
    return kind in before or "anything" in before or (kind == "integer" and "number" in before)


def _by_type(schema: Schema) -> dict[str, Schema]:
    """Each JSON type that the schema allows, with what it says of it."""
    beside = {key: value for key, value in schema.items() if key != "anyOf"}
    if "anyOf" in schema:
        return {kind: found for each in schema["anyOf"] for kind, found in _by_type(beside | each).items()}
    if "type" in schema:
        kinds = schema["type"]
        return dict.fromkeys([kinds] if isinstance(kinds, str) else kinds, schema)
    if "enum" in schema:
        return {"string" if isinstance(value, str) else type(value).__name__: schema for value in schema["enum"]}
    return {"anything": schema}


def _breaking_type(before: Schema, now: Schema, at: str) -> Iterator[str]:
    """The same of a value of one JSON type."""
    if "enum" in before and not set(now.get("enum", ["anything"])) <= set(before["enum"]):
        yield f"{at} was one of {before['enum']}, is {now.get('enum', 'anything')}"
    for keyword in before.keys() - _TELLING - _COMPARED:
        if now.get(keyword) != before[keyword]:
            yield f"{at} had {keyword} {before[keyword]}, has {now.get(keyword, 'none')}"
    properties = now.get("properties", {})
    for name, promised in before.get("properties", {}).items():
        if name not in properties:
            yield f"{at}.{name} is gone"
            continue
        if name in before.get("required", ()) and name not in now.get("required", ()):
            yield f"{at}.{name} may be absent now"
        yield from breaking_schema(promised, properties[name], f"{at}.{name}")


def _promises(asyncapi: Schema) -> dict[str, dict[str, Any]]:
    found = {}
    for event, channel in asyncapi["channels"].items():
        message = asyncapi["components"]["messages"][event]
        _, _, _, binding = channel["bindings"]["$ref"].split("/")
        exchange = asyncapi["components"]["channelBindings"][binding]["amqp"]["exchange"]
        found[event] = {
            "routing key": channel["address"],
            "exchange": exchange["name"],
            "kind of exchange": exchange["type"],
            "content type": message["contentType"],
            "AMQP properties": message["x-amqp-properties"],
        }
    return found
