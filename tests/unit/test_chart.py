"""What in the chart is made from the code is the code's own. `make generate` makes it anew."""

from pathlib import Path

import yaml

import bridge
from deploy.chart import readme, values_schema
from deploy.chart.readme import rows

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"


def test_the_schema_of_the_values_has_the_settings_that_there_are() -> None:
    assert (CHART / "values.schema.json").read_text() == values_schema.rendered()


def test_the_readme_has_the_values_that_there_are() -> None:
    assert (CHART / "README.md").read_text() == readme.rendered()


def test_chart_and_image_have_the_bridge_s_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (bridge.__version__, bridge.__version__)


def test_the_chart_has_the_licence() -> None:
    assert (CHART / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_a_row_is_a_value_with_the_comment_above_it() -> None:
    text = """
# Not above a value.

image:
  # Where it is,
  # without a tag.
  repository: bridge
  tag: ""
# Both at once.
limits:
  cpu: {a: 1}
"""
    assert list(rows(text)) == [
        ("image.repository", '"bridge"', "Where it is, without a tag."),
        ("image.tag", '""', ""),
        ("limits", "", "Both at once."),
        ("limits.cpu", '{"a": 1}', ""),
    ]


def test_the_image_has_the_locked_versions_and_nothing_for_developers() -> None:
    locked = set(_pins(ROOT / "requirements.lock"))
    for name in ("requirements.lock", "build.lock"):
        assert set(_pins(ROOT / "deploy" / "image" / name)) <= locked, f"{name} is older than the lock: make lock"
    names = {pin.partition("==")[0] for pin in _pins(ROOT / "deploy" / "image" / "requirements.lock")}
    assert {"aio-pika", "httpx", "sqlalchemy"} <= names
    assert not names & {"pytest", "rich", "mypy", "hatchling"}


def _pins(lock: Path) -> list[str]:
    return [line.split()[0] for line in lock.read_text().splitlines() if "==" in line]
