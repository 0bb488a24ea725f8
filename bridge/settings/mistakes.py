"""pydantic's findings as sentences that begin with the name as the user wrote it and end with what to do."""

from difflib import get_close_matches

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bridge.ops.redaction import redact_text
from bridge.settings import names
from bridge.settings.given import Spelling

MAX_QUOTED = 60
"""A longer value is not what was meant, and may be a secret in the wrong place."""


def setting_of(detail: ErrorDetails) -> names.SettingPath:
    """The setting that a finding is about: its location without the places inside the value."""
    location = tuple(str(part) for part in detail["loc"])
    return next(path for depth in range(len(location), 0, -1) if (path := location[:depth]) in names.FIELDS)


def sentence(detail: ErrorDetails, spell: Spelling) -> str:
    """One finding. A secret's value is never quoted, and no other that is long or looks like one."""
    path = setting_of(detail)
    inside = detail["loc"][len(path) :]
    steps = (f"[{part}]" if isinstance(part, int) else f".{redact_text(part)}" for part in inside)
    subject = spell(path, "".join(steps))
    rule = _rule(detail, *_place(path, inside))
    if rule.startswith("must ") and ", but " not in rule and not names.is_secret(path):
        rule += _but_is(detail["input"])
    return f"{subject} {rule}" if rule.endswith("?") else f"{subject} {rule}."


def _place(path: names.SettingPath, inside: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The model of the entry that a finding is in, where it is in one of a list, and the field that it is about."""
    model = names.item_model(path)
    if model is not None and inside and isinstance(inside[-1], str):
        return model, model.model_fields.get(inside[-1])
    return model, names.FIELDS[path]


_RULES = {
    "value_error": "{error}",
    "missing": "is missing",
    "extra_forbidden": "is not a setting{meant}",
    "literal_error": "must be {expected}",
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be on or off"),
    "model_type": "must be an entry of the form {form}",
    **dict.fromkeys(("string_type", "path_type"), "must be one text; in YAML write it in quotes"),
    **dict.fromkeys(("greater_than", "greater_than_equal", "less_than", "less_than_equal"), "must be {range}"),
    **dict.fromkeys(("int_parsing", "int_type", "int_parsing_size"), "must be a whole number {range}"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "must be a number {range}"),
}
"""pydantic's type of a finding → the rest of the sentence. Complete for the fields that there are; a test says so."""


def _rule(detail: ErrorDetails, model: type[BaseModel] | None, field: FieldInfo | None) -> str:
    context = detail.get("ctx", {})
    return _RULES.get(detail["type"], "is not valid").format(
        error=context.get("error"),
        expected=str(context.get("expected")).replace("'", ""),
        meant=_meant(str(detail["loc"][-1]), model),
        form="{" + ", ".join(model.model_fields if model is not None else ()) + "}",
        range=_range(field),
    )


def _meant(name: str, model: type[BaseModel] | None) -> str:
    found = get_close_matches(name.casefold(), model.model_fields if model is not None else (), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _range(field: FieldInfo | None) -> str:
    """`between 1 and 1000`, from the bounds that every numeric field has."""
    bounds: dict[str, object] = {}
    for constraint in field.metadata if field is not None else ():
        for kind in ("gt", "ge", "le"):
            if (bound := getattr(constraint, kind, None)) is not None:
                bounds[kind] = bound
    if "gt" in bounds:
        return f"more than {bounds['gt']} and at most {bounds['le']}"
    return f"between {bounds.get('ge')} and {bounds.get('le')}"


def _but_is(value: object) -> str:
    text = str(value) if isinstance(value, str | int | float) else ""
    if not text or len(text) > MAX_QUOTED or not text.isprintable() or text.startswith(("{", "[", "-----")):
        return ""
    return f", but is {redact_text(text)}"
