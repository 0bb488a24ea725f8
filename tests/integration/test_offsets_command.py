"""`bridge offsets` as its users run it, on a store of its own that no bridge runs on."""

import asyncio
import json
import os
import pty
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.checkpoints import Enrol
from bridge.cli import main
from bridge.store import open_store
from tests.support.clock import FakeClock
from tests.support.command import end_of, start_command


class Bench:
    """A store with the tenants a (1 and 2 share 40, 3 is behind, 4 ahead, 5 retired) and b, and the command on it."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"

    async def fill(self) -> None:
        async with open_store(self.url, clock=FakeClock(), is_owner=False) as stores:
            await stores.nhn.commit(Enrol(stream="nhn/a/1", tenant="a", cursors={1: 40, 2: 40}))
            await stores.nhn.commit(Enrol(stream="nhn/a/1", tenant="a", cursors={3: 7, 4: 90, 5: 40}))
            await stores.nhn.retire("a", frozenset({5}))
            await stores.nhn.commit(Enrol(stream="nhn/b/1", tenant="b", cursors={1: 5}))

    async def run(self, *arguments: str, given: str | None = None) -> Result:
        """In a thread, with no setting but the store's."""
        environment = {"BRIDGE_STORE__URL": self.url}
        return await asyncio.to_thread(CliRunner().invoke, main, ["offsets", *arguments], input=given, env=environment)

    async def offsets(self) -> dict[tuple[str, int], int]:
        async with open_store(self.url, clock=FakeClock(), is_owner=False) as stores:
            return {(each.tenant, each.her_id): each.offset for each in await stores.nhn.receivers()}

    async def in_a_terminal(self, answer: str, *arguments: str) -> tuple[int, str]:
        """(exit code, standard output) of a process that asks somebody who types `answer`."""
        leader, follower = pty.openpty()
        try:
            process = await start_command({"BRIDGE_STORE__URL": self.url}, "offsets", *arguments, stdin=follower)
            os.write(leader, f"{answer}\n".encode())
            ended = await end_of(process)
        finally:
            os.close(leader)
            os.close(follower)
        return ended.code, ended.stdout


@pytest.fixture
async def bench(migrated_store: Path, tmp_path: Path) -> Bench:
    bench = Bench(Path(shutil.copy(migrated_store, tmp_path)))
    await bench.fill()
    return bench


UNKNOWN = "an unknown number of notifications"
WHERE_ALL_STAND = {("a", 1): 40, ("a", 2): 40, ("a", 3): 7, ("a", 4): 90, ("a", 5): 40, ("b", 1): 5}


class TestList:
    async def test_every_her_id_is_shown_with_its_offset_stream_and_state(self, bench: Bench) -> None:
        result = await bench.run("list")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.splitlines() == [
            "TENANT  HER-ID  OFFSET  STREAM   STATE        STORED (UTC)",
            "a       1       40      nhn/a/1  sharing      2026-04-14 06:00:00",
            "a       2       40      nhn/a/1  sharing      2026-04-14 06:00:00",
            "a       3       7       nhn/a/1  catching-up  2026-04-14 06:00:00",
            "a       4       90      nhn/a/1  ahead        2026-04-14 06:00:00",
            "a       5       40      -        retired      2026-04-14 06:00:00",
            "b       1       5       nhn/b/1  sharing      2026-04-14 06:00:00",
        ]

    async def test_page_by_page_each_comes_once(self, bench: Bench) -> None:
        found: list[Any] = []
        after: list[str] = []
        while True:
            result = await bench.run("list", "--limit", "4", "--json", *after)
            page = json.loads(result.stdout)
            found += [(each["tenant"], each["her_id"], each["offset"]) for each in page["offsets"]]
            if page["next_after"] is None:
                break
            after = ["--after", page["next_after"]]
        assert found == [(tenant, her_id, offset) for (tenant, her_id), offset in WHERE_ALL_STAND.items()]

    async def test_it_says_how_to_see_more(self, bench: Bench) -> None:
        assert (await bench.run("list", "--limit", "5")).stderr == "There are more: add --after a/5\n"
        assert (await bench.run("list", "--limit", "6")).stderr == ""

    @pytest.mark.parametrize(
        ("options", "shown"),
        [
            (["--tenant", "b"], [("b", 1)]),
            (["--her-id", "1"], [("a", 1), ("b", 1)]),
            (["--her-id", "1", "--her-id", "4", "--tenant", "a"], [("a", 1), ("a", 4)]),
            (["--her-id", "99"], []),
        ],
    )
    async def test_who_is_wanted_alone_is_shown(
        self, bench: Bench, options: Sequence[str], shown: Sequence[tuple[str, int]]
    ) -> None:
        page = json.loads((await bench.run("list", "--json", *options)).stdout)
        assert [(each["tenant"], each["her_id"]) for each in page["offsets"]] == list(shown)


class TestSet:
    async def test_it_shows_from_and_to_and_moves(self, bench: Bench) -> None:
        result = await bench.run("set", "2", "3", "4", "--to", "8", "--yes")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.splitlines() == [
            "TENANT  STREAM   HER-ID  FROM  TO",
            "a       nhn/a/1  2       40    8",
            "a       nhn/a/1  3       7     8",
            "a       nhn/a/1  4       90    8",
            f"This repeats {UNKNOWN} and skips {UNKNOWN} (by these settings the feed of the tenant a cannot be read).",
            "3 HER-ids moved.",
        ]
        assert await bench.offsets() == WHERE_ALL_STAND | {("a", 2): 8, ("a", 3): 8, ("a", 4): 8}

    async def test_all_are_those_in_a_stream_of_the_tenant(self, bench: Bench) -> None:
        assert (await bench.run("set", "--all", "--tenant", "a", "--to", "earliest", "--yes")).exit_code == 0
        assert await bench.offsets() == {("a", each): 0 for each in (1, 2, 3, 4)} | {("a", 5): 40, ("b", 1): 5}

    async def test_her_ids_come_from_options_lines_and_files_too(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "her-ids"
        file.write_text("3 # a comment\n\n")
        result = await bench.run("set", "-", "--her-id", "5", "--file", str(file), "--to", "6", "--yes", given="2\n4\n")
        assert result.exit_code == 0
        assert await bench.offsets() == WHERE_ALL_STAND | {("a", each): 6 for each in (2, 3, 4, 5)}

    async def test_a_dry_run_moves_nobody(self, bench: Bench) -> None:
        result = await bench.run("set", "--all", "--to", "0", "--dry-run")
        assert result.stdout.endswith("Dry run: nothing is moved.\n")
        assert await bench.offsets() == WHERE_ALL_STAND

    async def test_who_stands_there_already_needs_no_move(self, bench: Bench) -> None:
        result = await bench.run("set", "1", "2", "--tenant", "a", "--to", "40", "--yes")
        assert (result.exit_code, result.stdout) == (0, "Nothing to do: all of them stand there.\n")

    async def test_in_a_terminal_it_asks_and_no_is_no(self, bench: Bench) -> None:
        code, stdout = await bench.in_a_terminal("n", "set", "2", "--to", "0")
        assert code == 1
        assert "Move them? [y/N]" in stdout
        assert await bench.offsets() == WHERE_ALL_STAND

    async def test_in_a_terminal_it_asks_and_yes_is_yes(self, bench: Bench) -> None:
        code, stdout = await bench.in_a_terminal("y", "set", "2", "--to", "0")
        assert (code, stdout.splitlines()[-1]) == (0, "Move them? [y/N]: 1 HER-id moved.")
        assert await bench.offsets() == WHERE_ALL_STAND | {("a", 2): 0}

    @pytest.mark.parametrize(
        ("arguments", "mistakes"),
        [
            (["2"], ["Say where to: either --to or --to-time."]),
            (
                ["2", "--to", "1", "--to-time", "2026-04-14T06:00:00Z"],
                ["Say where to: either --to or --to-time."],
            ),
            (["--to", "1"], ["Say who is meant: HER-ids, `-` for standard input, --file, or --all."]),
            (["2", "--all", "--to", "1"], ["Say who is meant: HER-ids, `-` for standard input, --file, or --all."]),
            (
                ["1", "98", "--to", "1"],
                [
                    "HER-id 1 is in the tenants a and b: add --tenant.",
                    "HER-id 98 is not in the store: it has no cursor yet.",
                ],
            ),
            (
                ["x", "0", "--to", "1"],
                [
                    "`x` is no HER-id: give whole numbers from 1 to 2147483647.",
                    "`0` is no HER-id: give whole numbers from 1 to 2147483647.",
                ],
            ),
            (
                ["2", "--to", "latest"],
                ["By these settings the feed of the tenant a cannot be read: give the offset as a number."],
            ),
        ],
    )
    async def test_what_is_wrong_is_told_and_nobody_moves(
        self, bench: Bench, arguments: Sequence[str], mistakes: Sequence[str]
    ) -> None:
        result = await bench.run("set", *arguments, "--yes")
        assert (result.exit_code, result.stderr.splitlines()) == (2, list(mistakes))
        assert await bench.offsets() == WHERE_ALL_STAND


class TestExportAndImport:
    async def test_what_is_exported_and_imported_stands_where_it_stood(self, bench: Bench) -> None:
        exported = (await bench.run("export")).stdout
        assert (await bench.run("set", "--all", "--tenant", "a", "--to", "0", "--yes")).exit_code == 0
        result = await bench.run("import", "-", "--yes", given=exported)
        assert result.exit_code == 0, result.stderr
        assert await bench.offsets() == WHERE_ALL_STAND

    async def test_who_is_unknown_is_kept_as_retired(self, bench: Bench) -> None:
        entry = {"tenant": "a", "herId": 77, "offset": 12}
        document = {"format": "notification-bridge-offsets", "version": 1, "offsets": [entry]}
        result = await bench.run("import", "-", "--yes", given=json.dumps(document))
        assert result.exit_code == 0, result.stderr
        assert "a       -       77      -     12" in result.stdout
        shown = json.loads((await bench.run("list", "--her-id", "77", "--json")).stdout)["offsets"]
        assert [(each["state"], each["offset"]) for each in shown] == [("retired", 12)]

    async def test_where_an_entry_is_wrong_nobody_moves(self, bench: Bench) -> None:
        exported = (await bench.run("export")).stdout.replace('"herId":5', '"herId":0').replace("40}", "41}")
        result = await bench.run("import", "-", "--yes", given=exported)
        assert result.exit_code == 2
        assert result.stderr.startswith("Entry 5 of `offsets`: ")
        assert await bench.offsets() == WHERE_ALL_STAND

    async def test_a_tenants_alone_are_exported(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "offsets.json"
        result = await bench.run("export", "--tenant", "b", "--out", str(file))
        assert (result.exit_code, result.stdout) == (0, "")
        assert json.loads(file.read_text())["offsets"] == [{"tenant": "b", "herId": 1, "offset": 5}]
