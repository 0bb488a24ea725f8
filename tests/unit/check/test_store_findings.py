"""What is said of a store's schema, of the cursors in it, and of the disk that it is on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.check import file_systems
from bridge.check.file_systems import kind_of
from bridge.check.report import Verdict
from bridge.check.store import cursors_finding, schema_finding
from bridge.settings import NhnSettings, Settings
from bridge.store import ReceiverOffset

MOUNTS = """\
22 1 252:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 22 0:35 / /data rw,relatime shared:20 - nfs4 server:/export rw,vers=4.2
41 40 252:2 / /data/local rw,relatime - xfs /dev/vdb rw
42 22 0:36 / /with\\040space rw - fuse.sshfs me@host:/ rw
43 22 0:37 / /data/local rw - overlay overlay rw
no mount at all
"""


@pytest.mark.parametrize(
    ("revision", "verdict", "found"),
    [
        ("0002", Verdict.OK, "its schema is up to date (0002)"),
        ("0001", Verdict.OK, "`bridge run` migrates its schema from 0001 to 0002"),
        (None, Verdict.OK, "has no tables of a bridge yet: `bridge run` creates them (0002)"),
        ("0003", Verdict.FAILED, "its schema is revision 0003, this program knows none after 0002"),
        ("f00d", Verdict.FAILED, "its schema is revision f00d, this program knows none after 0002"),
    ],
)
def test_it_is_told_what_run_will_do_to_the_schema(revision: str | None, verdict: Verdict, found: str) -> None:
    finding = schema_finding("bridge.db", revision, "0002")
    assert (finding.verdict, finding.found) == (verdict, found)


def standing(her_id: int, tenant: str = "default") -> ReceiverOffset:
    moment = datetime(2026, 4, 14, tzinfo=UTC)
    return ReceiverOffset(
        tenant=tenant, her_id=her_id, stream="nhn/default/1", state="sharing", offset=40, updated_at=moment
    )


@pytest.mark.parametrize(
    ("receivers", "start", "found"),
    [
        ([standing(1), standing(2)], "earliest", "known for 2 of 2 HER-ids"),
        ([], "latest", "known for 0 of 2 HER-ids; 2 new, from BRIDGE_NHN__START: latest"),
        (
            [standing(1), standing(9)],
            4711,
            "known for 1 of 2 HER-ids; 1 new, from BRIDGE_NHN__START: 4711; 1 no longer wanted, kept for a return",
        ),
        (
            [standing(1, "acme"), standing(2)],
            "earliest",
            "known for 1 of 2 HER-ids; 1 new, from BRIDGE_NHN__START: earliest; 1 no longer wanted, kept for a return",
        ),
    ],
)
def test_cursors_are_counted_and_it_is_told_where_the_others_start(
    receivers: list[ReceiverOffset], start: str | int, found: str
) -> None:
    settings = Settings(nhn=NhnSettings(start=start))
    finding = cursors_finding(receivers, {"default": frozenset({1, 2})}, settings)
    assert (finding.verdict, finding.found) == (Verdict.OK, found)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/bridge", "ext4"),
        ("/data", "nfs4"),
        ("/data/bridge", "nfs4"),
        ("/database", "ext4"),
        ("/with space/bridge", "fuse.sshfs"),
        ("/data/local/bridge", "overlay"),
    ],
)
def test_the_file_system_is_the_one_that_was_mounted_last_and_nearest(path: str, kind: str) -> None:
    assert kind_of(path, MOUNTS) == kind


def test_where_the_system_does_not_say_there_is_no_telling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(file_systems, "MOUNTS", tmp_path / "none")
    assert file_systems.file_system_of(tmp_path) is None


def test_without_mounts_there_is_no_telling() -> None:
    assert kind_of("/var/lib/bridge", "") is None
