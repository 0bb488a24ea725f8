"""The contract with consumers, generated from the models: a JSON Schema of each event, an AsyncAPI document of all.

Imported by who writes them alone: consumers and the service need none of it. Pure: the command writes the files.
"""

from typing import Any

import msgspec
import yaml

from bridge.events.contracts.asyncapi import asyncapi
from bridge.events.contracts.schemas import schemas

ASYNCAPI_FILE = "asyncapi.yaml"


def schema_file(event: str) -> str:
    """The name of the file that holds an event's schema."""
    return f"{event}.v1.schema.json"


def documents() -> dict[str, bytes]:
    """File name → content, the same at every call."""
    files = {ASYNCAPI_FILE: _yaml(asyncapi())}
    for event, schema in schemas().items():
        files[schema_file(event)] = msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
    return files


class _Dumper(yaml.SafeDumper):
    """YAML for readers: what is said twice is written twice, and text of several lines as it is."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(document: dict[str, Any]) -> bytes:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, encoding="utf-8")
