"""What one place, the environment or a file, gives: known names with their texts, a mistake for each other name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bridge.ops.redaction import redact_text
from bridge.settings import names


@dataclass(frozen=True)
class Given:
    """Empty values count as not given."""

    spell: Callable[[names.SettingPath], str]
    """How names are spelt in this place."""
    tree: dict[str, Any] = field(default_factory=dict)
    """Nested as the settings are; every value is the text that was written, or lists and mappings of such texts."""
    written: dict[names.SettingPath, tuple[str, str]] = field(default_factory=dict)
    """How the user wrote each name, and where, if there is more to say than the name."""
    mistakes: list[str] = field(default_factory=list)
    meant: set[names.SettingPath] = field(default_factory=set)
    """Settings that an unknown name was probably meant to be: nothing is concluded from their absence."""

    def put(self, path: names.SettingPath, value: object, written: str = "", where: str = "") -> None:
        """Take over one setting."""
        branch = self.tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value
        self.written[path] = (written, where)

    def refuse(self, path: names.SettingPath, written: str) -> None:
        """Note a name that is no setting's."""
        sentence = f"{redact_text(written)} is not a setting; the README lists them all."
        if path in names.GROUPS:
            first = next(name for name in names.FIELDS if name[: len(path)] == path)
            sentence = f"{written} is a group of settings: give each by itself, e.g. {self.spell(first)}."
        elif (meant := names.nearest(path)) is not None:
            sentence = f"{redact_text(written)} is not a setting; did you mean {self.spell(meant)}?"
            self.meant.add(meant)
        self.mistakes.append(sentence)


class Spelling:
    """Names settings in sentences: as the user wrote them, else as environment variables."""

    def __init__(self, *places: Given) -> None:
        """`places`: the first that gives a setting is the one that counts."""
        self._places = places

    def __call__(self, setting: names.SettingPath | str, inside: str = "") -> str:
        """`setting` as a path or dotted; `inside`: which part of its value, e.g. `[0].name`."""
        path = tuple(setting.split(".")) if isinstance(setting, str) else setting
        for place in self._places:
            if path in place.written:
                name, where = place.written[path]
                return f"{name}{inside}{where}"
        return f"{names.environment_name(path)}{inside}"


class GivenSource(PydanticBaseSettingsSource):
    """A `Given` as one of the places that pydantic-settings merges, deeply, the first before the second."""

    def __init__(self, settings: type[BaseSettings], given: Given) -> None:
        super().__init__(settings)
        self._given = given

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One top-level group or setting, its key, and that nothing is left to decode."""
        return self._given.tree.get(field_name), field.alias or field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._given.tree
