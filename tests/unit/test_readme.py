"""The README says what the code says."""

from pathlib import Path

from bridge.settings import Setting, settings_reference

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_settings_is_the_code_s_own() -> None:
    rows = [_row(setting) for setting in settings_reference()]
    table = "| `BRIDGE_…` | default | |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    assert table in README.read_text(), f"the README needs this table:\n{table}"


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else ""
    return f"| `{setting.name.removeprefix('BRIDGE_')}` | {default} | {setting.doc} |"
