"""`bridge contracts`: files for consumers, from any machine, without settings."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import main
from bridge.events.contracts import documents

FILES = [
    "asyncapi.yaml",
    "new-message.v1.schema.json",
    "refused.v1.schema.json",
    "sent-state.v1.schema.json",
    "apprec.v1.schema.json",
    "delivery-state.v1.schema.json",
    "other.v1.schema.json",
    "email-status.v1.schema.json",
    "order-closed.v1.schema.json",
]


def contracts(out: Path) -> Result:
    return CliRunner().invoke(main, ["contracts", "--out", str(out)])


def test_writes_the_documents_and_prints_what_it_wrote(tmp_path: Path) -> None:
    result = contracts(tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [f"{tmp_path}/{name}" for name in FILES]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == documents()


def test_makes_the_directory(tmp_path: Path) -> None:
    assert contracts(tmp_path / "new" / "contracts").exit_code == 0
    assert (tmp_path / "new" / "contracts" / "asyncapi.yaml").exists()


def test_overwrites_its_own_files_and_leaves_others_alone(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text("older")
    (tmp_path / "new-message.v2.schema.json").write_text("another's")
    assert contracts(tmp_path).exit_code == 0
    assert (tmp_path / "asyncapi.yaml").read_bytes() == documents()["asyncapi.yaml"]
    assert (tmp_path / "new-message.v2.schema.json").read_text() == "another's"


def test_needs_no_settings_and_minds_no_wrong_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_NO_SUCH_SETTING", "1")
    assert contracts(tmp_path).exit_code == 0


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_where_the_directory_should_be_is_wrong_usage(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    result = contracts(tmp_path / "file" / below)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").mkdir()
    result = contracts(tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"The contracts cannot be written to {tmp_path}/asyncapi.yaml (Is a directory): "
        "give --out a directory that can be written.\n"
    )
