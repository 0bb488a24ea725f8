"""The settings that the YAML file gives.

The file is read as nodes, which keep every scalar's text as it was written, and its line: neither `0123` nor `on` nor
`1e3` means anything else here than in the environment.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from bridge.errors import ConfigurationError
from bridge.ops.redaction import redact_text
from bridge.settings import names
from bridge.settings.files import MAX_FILE_BYTES
from bridge.settings.given import Given

MAX_DEPTH = 12
"""Deeper than any setting; an alias in YAML can contain itself."""


def from_file(file: str) -> Given:
    """The settings of a YAML file. Raises ConfigurationError where it cannot be read as one."""
    given = Given(names.dotted_name)
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
        _take_group(given, file, (), _compose(data))
    except OSError as exc:
        raise ConfigurationError(f"{names.CONFIG_FILE} names {file}, which cannot be read ({exc.strerror}).") from exc
    except ValueError as exc:
        raise ConfigurationError(f"{names.CONFIG_FILE} names {file}, which {exc}.") from None
    return given


def _compose(data: bytes) -> yaml.Node | None:
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"is over {MAX_FILE_BYTES} bytes")
    try:
        node: yaml.Node | None = yaml.compose(data, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise ValueError(f"is not valid YAML{where}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    return node


def _take_group(given: Given, file: str, path: names.SettingPath, node: yaml.Node | None) -> None:
    if node is None or _is_null(node):
        return
    for key, line, value in _settings(node):
        here = (*path, key)
        name, where = names.dotted_name(here), f" (line {line} of {file})"
        if here in names.FIELDS:
            if (plain := _plain(value)) is not None:
                given.put(here, plain, name, where)
        elif here in names.GROUPS:
            _take_group(given, file, here, value)
        else:
            given.refuse(here, name + where)


def _settings(node: yaml.Node) -> Iterator[tuple[str, int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return _entries(node)
    raise ValueError(f"has on line {_line(node)} something else than settings and their values")


def _entries(node: yaml.MappingNode) -> Iterator[tuple[str, int, yaml.Node]]:
    """Name, line and value of each."""
    seen: set[str] = set()
    for key, value in node.value:
        name = str(key.value)
        if name in seen:
            raise ValueError(f"gives `{redact_text(name)}` a second time on line {_line(key)}")
        seen.add(name)
        yield name, _line(key), value


def _plain(node: yaml.Node, depth: int = 0) -> object:
    """Text, or lists and mappings of texts; None where nothing is written."""
    if depth > MAX_DEPTH:
        raise ValueError("is nested too deeply")
    if isinstance(node, yaml.SequenceNode):
        return [plain for child in node.value if (plain := _plain(child, depth + 1)) is not None]
    if isinstance(node, yaml.MappingNode):
        entries = ((key, _plain(value, depth + 1)) for key, _, value in _entries(node))
        return {key: plain for key, plain in entries if plain is not None}
    return None if _is_null(node) else str(node.value).strip() or None


def _is_null(node: yaml.Node) -> bool:
    return str(node.tag) == "tag:yaml.org,2002:null"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
