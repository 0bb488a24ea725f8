"""The chart's README: its text, and a table of all values that is made from the comments of values.yaml.

python -m deploy.chart.readme > helm/README.md
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

CHART = Path(__file__).parents[2] / "helm"
KEY = re.compile(r"( *)([A-Za-z]\w*):")


def rows(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, default and comment of every value of a values.yaml that has a comment above it, and of every leaf."""
    values = yaml.safe_load(text)
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip("# "))
        elif (key := KEY.match(line)) is not None:
            path = [*path[: len(key[1]) // 2], key[2]]
            value = values
            for name in path:
                value = value[name]
            is_group = line.rstrip().endswith(":") and isinstance(value, dict)
            if comment or not is_group:
                yield ".".join(path), "" if is_group else json.dumps(value), " ".join(comment)
            comment = []
        else:
            comment = []


def table(text: str) -> str:
    """All values, in the order of values.yaml."""
    lines = [f"| `{name}` | {_default(default)} | {comment} |" for name, default, comment in rows(text)]
    return "\n".join(["| value | default | |", "|---|---|---|", *lines])


def _default(text: str) -> str:
    return f"`{text}`" if text not in {"", '""', "null"} else ""


def rendered() -> str:
    """As it stands in the chart."""
    template = (Path(__file__).parent / "README.md.in").read_text()
    return template.replace("@VALUES@", table((CHART / "values.yaml").read_text()))


if __name__ == "__main__":
    print(rendered(), end="")  # noqa: T201 - for a file
