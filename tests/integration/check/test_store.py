"""`bridge check` and the store: looked into, never made, migrated or left changed."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.check import store
from bridge.check.store import StoreSeen, check_store
from bridge.checkpoints import Enrol
from bridge.store import open_store
from tests.support.check import HER_IDS, settings_for, told
from tests.support.clock import FakeClock

WANTED = {"default": frozenset(HER_IDS)}
UNSEEN = [("not verifiable", "the store cannot be read")]


async def looked(directory: Path, **settings: str) -> StoreSeen:
    return await check_store(settings_for(directory, **settings), WANTED, clock=FakeClock())


async def make_store(directory: Path) -> None:
    """A store in which two of the wanted receivers, and one other, stand at 40."""
    async with open_store(f"sqlite:///{directory / 'bridge.db'}", clock=FakeClock()) as made:
        cursors = dict.fromkeys((6789, 7001, 9999), 40)
        await made.nhn.commit(Enrol(stream="nhn/default/1", tenant="default", cursors=cursors))


def set_revision(directory: Path, revision: str) -> None:
    with closing(sqlite3.connect(directory / "bridge.db", isolation_level=None)) as connection:
        connection.execute("UPDATE bridge_schema SET version_num = ?", [revision])


def files(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Name → time of change and content."""
    return {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in sorted(directory.iterdir())}


class TestLooking:
    async def test_a_store_that_is_not_there_yet_is_well(self, tmp_path: Path) -> None:
        seen = await looked(tmp_path)
        assert told(seen.findings, "store") == [("ok", "bridge.db: not there yet: `bridge run` creates it")]
        assert told(seen.findings, "cursors") == [
            ("ok", "known for 0 of 5 HER-ids; 5 new, from BRIDGE_NHN__START: earliest")
        ]

    async def test_a_store_that_is_up_to_date_tells_its_cursors(self, tmp_path: Path) -> None:
        await make_store(tmp_path)
        seen = await looked(tmp_path, NHN__START="latest")
        left = "1 no longer wanted, kept for a return"
        assert told(seen.findings, "store") == [("ok", "bridge.db: its schema is up to date (0004)")]
        assert told(seen.findings, "cursors") == [
            ("ok", f"known for 2 of 5 HER-ids; 3 new, from BRIDGE_NHN__START: latest; {left}")
        ]
        assert {each.her_id: each.offset for each in seen.receivers} == {6789: 40, 7001: 40, 9999: 40}

    async def test_what_a_running_bridge_has_only_in_its_log_is_seen(self, tmp_path: Path) -> None:
        await make_store(tmp_path)
        async with open_store(f"sqlite:///{tmp_path / 'bridge.db'}", clock=FakeClock()) as running:
            await running.nhn.commit(Enrol(stream="nhn/default/1", tenant="default", cursors={7002: 40}))
            seen = await looked(tmp_path)
        assert told(seen.findings, "cursors")[0][1].startswith("known for 3 of 5 HER-ids")

    async def test_an_older_schema_will_be_migrated(self, tmp_path: Path) -> None:
        await make_store(tmp_path)
        set_revision(tmp_path, "0000")
        seen = await looked(tmp_path)
        assert told(seen.findings, "store") == [("ok", "bridge.db: `bridge run` migrates its schema from 0000 to 0004")]

    async def test_a_newer_schema_is_a_failure(self, tmp_path: Path) -> None:
        await make_store(tmp_path)
        set_revision(tmp_path, "0099")
        assert told((await looked(tmp_path)).findings, "store") == [
            ("failed", "bridge.db: its schema is revision 0099, this program knows none after 0004")
        ]

    async def test_an_empty_file_will_get_its_tables(self, tmp_path: Path) -> None:
        (tmp_path / "bridge.db").touch()
        assert told((await looked(tmp_path)).findings, "store") == [
            ("ok", "bridge.db: has no tables of a bridge yet: `bridge run` creates them (0004)")
        ]


class TestChangesNothing:
    async def test_no_store_is_made(self, tmp_path: Path) -> None:
        await looked(tmp_path)
        assert files(tmp_path) == {}

    async def test_a_store_stays_as_it_is_and_nothing_is_left_beside_it(self, tmp_path: Path) -> None:
        await make_store(tmp_path)
        before = files(tmp_path)
        await looked(tmp_path)
        assert files(tmp_path) == before
        assert list(before) == ["bridge.db"]

    async def test_an_older_store_is_not_migrated(self, tmp_path: Path) -> None:
        await make_store(tmp_path)
        set_revision(tmp_path, "0000")
        before = files(tmp_path)
        await looked(tmp_path)
        assert files(tmp_path) == before

    async def test_a_file_that_is_no_store_stays_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "bridge.db").write_text("her_ids: [101, 102]\n" * 100)
        before = files(tmp_path)
        await looked(tmp_path)
        assert files(tmp_path) == before


class TestObstacles:
    async def test_a_directory_that_is_missing_is_named(self, tmp_path: Path) -> None:
        seen = await looked(tmp_path / "none")
        assert told(seen.findings, "store") == [("failed", f"there is no directory {tmp_path / 'none'}")]
        assert told(seen.findings, "cursors") == UNSEEN

    async def test_a_directory_is_no_store(self, tmp_path: Path) -> None:
        (tmp_path / "bridge.db").mkdir()
        assert told((await looked(tmp_path)).findings, "store") == [
            ("failed", f"{tmp_path / 'bridge.db'} is a directory")
        ]

    async def test_a_file_that_is_no_database_is_a_failure(self, tmp_path: Path) -> None:
        (tmp_path / "bridge.db").write_text("her_ids: [101, 102]\n" * 100)
        seen = await looked(tmp_path)
        ((verdict, found),) = told(seen.findings, "store")
        assert verdict == "failed"
        assert "is not an SQLite database" in found
        assert told(seen.findings, "cursors") == UNSEEN

    @pytest.mark.parametrize(
        ("denied", "found"),
        [
            ("{directory}", "the directory {directory} cannot be written"),
            ("{directory}/bridge.db", "{directory}/bridge.db cannot be read and written"),
        ],
    )
    async def test_what_may_not_be_written_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denied: str, found: str
    ) -> None:
        # Not by permissions: whoever runs the tests may be allowed everything.
        await make_store(tmp_path)
        monkeypatch.setattr(os, "access", lambda path, _mode: str(path) != denied.format(directory=tmp_path))
        seen = await looked(tmp_path)
        assert told(seen.findings, "store") == [("failed", found.format(directory=tmp_path))]

    async def test_a_network_file_system_is_a_warning_and_the_store_is_looked_into(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await make_store(tmp_path)
        monkeypatch.setattr(store, "file_system_of", lambda _directory: "nfs4")
        seen = await looked(tmp_path)
        assert told(seen.findings, "store") == [
            ("ok", "bridge.db: its schema is up to date (0004)"),
            ("warning", f"{tmp_path} is on nfs4, a network file system, where SQLite's locks may not hold"),
        ]
