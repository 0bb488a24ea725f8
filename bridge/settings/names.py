"""The names of all settings, as the model has them: the one list that reading, mistakes and reference go by."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bridge.settings.model import Settings

SettingPath = tuple[str, ...]
"""Where a setting is in the model, e.g. ("nhn", "auth", "method")."""

PREFIX = "BRIDGE_"
CONFIG_FILE = "BRIDGE_CONFIG_FILE"
"""Names the YAML file; not itself a setting."""


def environment_name(path: SettingPath) -> str:
    """`BRIDGE_NHN__AUTH__METHOD` of ("nhn", "auth", "method")."""
    return PREFIX + "__".join(path).upper()


def _leaves(model: type[BaseModel], above: SettingPath = ()) -> Iterator[tuple[SettingPath, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _leaves(field.annotation, (*above, name))
        else:
            yield (*above, name), field


FIELDS: dict[SettingPath, FieldInfo] = dict(_leaves(Settings))
"""Every setting, in the model's order."""
GROUPS: frozenset[SettingPath] = frozenset(path[:depth] for path in FIELDS for depth in range(1, len(path)))
"""Everything that has settings under it."""


def dotted_name(path: SettingPath) -> str:
    """`nhn.auth.method` of ("nhn", "auth", "method"): how a file is spoken of."""
    return ".".join(path)


def nearest(path: SettingPath) -> SettingPath | None:
    """The setting that may have been meant by an unknown name."""
    known = {dotted_name(field): field for field in FIELDS}
    found = get_close_matches(dotted_name(path).casefold(), known, n=1)
    return known[found[0]] if found else None


def is_secret(path: SettingPath) -> bool:
    """Whether the setting's value must never be shown."""
    return _mentions(FIELDS[path].annotation, SecretStr)


def item_model(path: SettingPath) -> type[BaseModel] | None:
    """The model of one entry of a list of groups, such as NHN__TENANTS; None for other settings."""
    for argument in get_args(FIELDS[path].annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return None


def _mentions(annotation: object, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(argument, wanted) for argument in get_args(annotation))
