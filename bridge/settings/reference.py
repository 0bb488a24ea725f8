"""All settings for whoever documents or checks them: the README's table, the chart's tests."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import SecretStr

from bridge.settings.names import FIELDS, environment_name


@dataclass(frozen=True)
class Setting:
    """One setting."""

    name: str
    """Of the environment variable."""
    default: str
    """As a user would write it; empty where there is none."""
    doc: str
    """What it means, its unit, why this default."""


def settings_reference() -> Iterator[Setting]:
    """Every setting that there is, in the order of the groups."""
    for path, field in FIELDS.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        yield Setting(environment_name(path), _written(default), " ".join((field.description or "").split()))


def _written(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else "off"
        case SecretStr():
            # A default is public.
            return value.get_secret_value()
        case tuple() | frozenset():
            return ",".join(map(_written, value))
        case _:
            return str(value)
