"""The store takes no commit (product.md §8): said, retried, publishing stops, and nothing is committed unconfirmed."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from bridge.errors import InvariantViolation
from bridge.sandbox.records import Creation
from bridge.store import open_store
from tests.support.system import System, assert_delivered, running_system, until
from tests.support.world import PAGE_SIZE, PAGES_IN_FLIGHT, Bridged, bridged


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process writes, and takes its time."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as other_process:
        other_process.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other_process.execute("ROLLBACK")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's lock is waited for shortly: the test does not last the five seconds of the product."""
    monkeypatch.setattr("bridge.composition.store.open_store", partial(open_store, busy_timeout_s=0.05))


@pytest.mark.usefixtures("_impatient")
async def test_a_store_locked_by_another_process_stops_publishing_and_is_named(
    bridged: Bridged, tmp_path: Path
) -> None:
    async with bridged(total=10, settings={"BRIDGE_NHN__OVERLAP_S": "0"}) as world:
        await world.until_committed()
        committed = await world.offsets()
        with locked(tmp_path / "bridge.db"):
            world.create(200)
            sentence = await world.until_reason("store-failing")
            published = 10 + PAGES_IN_FLIGHT * PAGE_SIZE
            await world.until_waiting(published)
            await world.assert_polling_pauses()
            assert len(await world.arrived()) == published
            assert await world.offsets() == committed

        assert "another process holds its lock (SQLITE_BUSY)" in sentence
        assert "another process holds its lock (SQLITE_BUSY)" in world.log("commit.failed")[0]["error"]
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids()[published:], "each once"


@pytest.mark.usefixtures("_impatient")
async def test_a_store_locked_at_the_start_is_waited_for_and_named(bridged: Bridged, tmp_path: Path) -> None:
    async with bridged(total=10) as world:
        await world.until_committed()
        assert await world.stop()
        with locked(tmp_path / "bridge.db"):
            await world.start()
            assert "another process holds its lock" in await world.until_reason("store-failing")
        world.create(10)
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB: room for the write-ahead log, which is 4 MB before SQLite begins it anew."""
    directory = tmp_path / "disk"
    directory.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(directory))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system is for root")
    try:
        yield directory
    finally:
        _run("umount", "--lazy", str(directory))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the commands are those above


async def test_on_a_full_disk_nothing_is_committed_and_the_bridge_goes_on_when_there_is_room(
    small_disk: Path, broker_vhost: str
) -> None:
    async with bridged(small_disk, broker_vhost, total=10) as world:
        await world.until_committed()
        filler = small_disk / "filler"
        _fill(filler)

        async def is_full() -> bool:
            world.create(10)  # until the room in the store's own files is used up
            return "store-failing" in await world.reasons()

        await world.until(is_full)
        assert "the disk is full (SQLITE_FULL)" in await world.until_reason("store-failing")
        assert set((await world.offsets()).values()) == {(await world.stream())["cursor"]}
        world.create(200)
        filler.unlink()
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids(), "each once"


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the files of another process")
async def test_when_no_file_can_grow_any_more_nothing_is_lost(tmp_path: Path, broker_vhost: str) -> None:
    async with running_system(tmp_path, broker_vhost, total=50) as system:
        await system.until_all_committed()
        wal_bytes = (tmp_path / "bridge.db-wal").stat().st_size
        _, most = resource.prlimit(system.bridge.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(system.bridge.pid, resource.RLIMIT_FSIZE, (wal_bytes, most))
        system.sandbox.nhn.create(Creation(count=100))
        await until(partial(_is_store_failing, system))
        resource.prlimit(system.bridge.pid, resource.RLIMIT_FSIZE, (most, most))
        await system.until_all_committed()

        assert await system.bridge.stop() == 0
        assert_delivered(await system.arrived(), system.created_ids())


async def _is_store_failing(system: System) -> bool:
    status = await system.bridge.status()
    return status is not None and not status["store"]["is_working"] and not status["is_ready"]


async def test_a_store_removed_under_the_bridge_is_named_and_takes_no_more_commits(
    bridged: Bridged, tmp_path: Path
) -> None:
    """SQLite would go on writing to a file that nobody finds any more."""
    async with bridged(total=10, settings={"BRIDGE_SHUTDOWN_DEADLINE_S": "0.2"}) as world:
        await world.until_committed()
        stood_at = (await world.stream())["cursor"]
        _remove_store(tmp_path)
        world.create(10)

        sentence = await world.until_reason("store-failing")

        assert "its file was removed or replaced while it was in use" in sentence
        assert (await world.stream())["cursor"] == stood_at
        assert not await world.stop(), "what was in flight could not be committed"
        await world.start()
        await world.until_committed()
        assert_delivered(await world.arrived(), world.created_ids())


def _remove_store(directory: Path) -> None:
    for file in directory.glob("bridge.db*"):
        file.unlink()


async def test_a_cursor_moved_by_somebody_else_ends_the_bridge_instead_of_being_overwritten(
    bridged: Bridged, tmp_path: Path
) -> None:
    async with bridged(total=10) as world:
        await world.until_committed()
        with closing(sqlite3.connect(tmp_path / "bridge.db", timeout=10)) as other_process, other_process:
            other_process.execute("UPDATE nhn_stream SET cursor = 1")
        world.create(10)
        with pytest.raises(InvariantViolation, match="nhn/default/1"):
            await world.running
        assert set((await world.offsets()).values()) == {1}
