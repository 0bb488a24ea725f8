"""The README says what the code says."""

import re
from pathlib import Path

import pytest

from bridge.cli import COMMANDS
from bridge.settings import Setting, settings_reference

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_settings_is_the_code_s_own() -> None:
    rows = [_row(setting) for setting in settings_reference()]
    table = "| `BRIDGE_…` | default | |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    assert table in README.read_text(), f"the README needs this table:\n{table}"


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else ""
    return f"| `{setting.name.removeprefix('BRIDGE_')}` | {default} | {setting.doc} |"


def test_the_table_of_commands_has_them_all() -> None:
    _, _, rest = README.read_text().partition("| command | does |\n|---|---|\n")
    table, _, _ = rest.partition("\n\n")
    first_columns = "".join(row.split("|")[1] for row in table.splitlines())
    assert sorted(re.findall(r"`bridge ([a-z]+)", first_columns)) == sorted(COMMANDS)


def test_the_example_in_python_does_what_it_says_with_the_examples_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(from bridge.events .*?)```", README.read_text(), re.DOTALL)
    for body in re.findall(r'```json\n(\{\n  "specversion.*?)```', README.read_text(), re.DOTALL):
        exec(code, {"body": body.encode()})  # noqa: S102 - ours
    assert capsys.readouterr().out == (
        "to be fetched: 733be787-0ad0-475a-98b7-00512caa9ccb for 8142520\ne-mail of case-17 delivered\n"
    )
