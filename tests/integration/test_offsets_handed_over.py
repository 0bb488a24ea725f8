"""`bridge offsets set` while a bridge runs: handed over with PostgreSQL, refused with SQLite (G4, G7)."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.system import Event
from tests.support.world import HER_IDS, World, bridged

pytestmark = pytest.mark.timeout(120)
ONE, *OTHERS = HER_IDS
WAIT_S = 40.0
"""Processes start and streams are handed over meanwhile."""


def ids_of(world: World, *her_ids: int, after: int = 0) -> list[str]:
    """Event ids of what the API has for these receivers after an offset, in order."""
    return [str(each.id) for each in world.created() if each.her_id in her_ids and each.position > after]


def by_receiver(events: list[Event]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for event in events:
        found.setdefault(int(event.partitionkey), []).append(event.id)
    return found


@pytest.fixture
def on_postgres(postgres_url: str) -> dict[str, str]:
    return {"BRIDGE_STORE__URL": postgres_url}


async def test_who_is_set_back_gets_it_all_again_and_nobody_else_does(
    tmp_path: Path, broker_vhost: str, on_postgres: dict[str, str]
) -> None:
    async with bridged(tmp_path, broker_vhost, total=80, settings=on_postgres) as world:
        await world.until_in_step(timeout_s=WAIT_S)
        assert len(await world.arrived()) == 80
        middle = world.created()[40].position
        command = await run_command(world.environment, "offsets", "set", str(ONE), "--to", str(middle), "--yes")
        again = ids_of(world, ONE, after=middle)
        assert command.code == 0, command.stderr
        assert f"This repeats {len(again)} notifications and skips none." in command.stdout
        assert command.stdout.endswith("1 HER-id moved.\n")
        world.create(20)
        await world.until_in_step(timeout_s=WAIT_S)
        arrived = by_receiver(await world.arrived())
        new = world.created()[79].position
        assert arrived == {ONE: ids_of(world, ONE, after=middle)} | {
            her_id: ids_of(world, her_id, after=new) for her_id in OTHERS
        }


async def test_who_is_set_forward_misses_what_lies_between_and_nobody_else_does(
    tmp_path: Path, broker_vhost: str, on_postgres: dict[str, str]
) -> None:
    async with bridged(tmp_path, broker_vhost, total=40, settings=on_postgres, start=False) as world:
        await world.start()
        await world.until_in_step(timeout_s=WAIT_S)
        world.fault("503")  # what is created now waits at the API
        world.create(40)
        middle = world.created()[59].position
        command = await run_command(world.environment, "offsets", "set", str(ONE), "--to", str(middle), "--yes")
        assert command.code == 0, command.stderr
        assert (
            "skips an unknown number of notifications (the API cannot be asked now: the API answered 503)"
            in command.stdout
        )
        world.mend()
        await world.until_in_step(timeout_s=WAIT_S)
        skipped = set(ids_of(world, ONE, after=world.created()[39].position)) - set(ids_of(world, ONE, after=middle))
        assert skipped
        assert Counter(event.id for event in await world.arrived()) == Counter(set(world.created_ids()) - skipped)


async def test_all_set_to_the_start_get_everything_again(
    tmp_path: Path, broker_vhost: str, on_postgres: dict[str, str]
) -> None:
    async with bridged(tmp_path, broker_vhost, total=40, settings=on_postgres) as world:
        await world.until_in_step(timeout_s=WAIT_S)
        command = await run_command(world.environment, "offsets", "set", "--all", "--to", "earliest", "--yes")
        assert command.code == 0, command.stderr
        await world.until_in_step(timeout_s=WAIT_S)
        await world.until_waiting(80)
        assert Counter(event.id for event in await world.arrived()) == Counter(dict.fromkeys(world.created_ids(), 2))


async def test_with_sqlite_a_running_bridge_owns_the_store_and_is_named(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=40) as world:
        await world.until_committed(timeout_s=WAIT_S)
        before = await world.offsets()
        command = await run_command(world.environment, "offsets", "set", "--all", "--to", "earliest", "--yes")
        assert command.code == 2
        assert f"pid {os.getpid()}) owns this store" in command.stderr
        shown = await run_command(world.environment, "offsets", "set", "--all", "--to", "earliest", "--dry-run")
        assert shown.code == 0
        assert "This repeats 40 notifications and skips none.\nDry run: nothing is moved.\n" in shown.stdout
        assert await world.offsets() == before
        assert await world.stop()
        command = await run_command(world.environment, "offsets", "set", "--all", "--to", "earliest", "--yes")
        assert command.code == 0, command.stderr
        assert await world.offsets() == dict.fromkeys(HER_IDS, 0)


async def test_without_a_terminal_and_without_yes_nobody_can_be_asked(tmp_path: Path) -> None:
    settings = {"BRIDGE_STORE__URL": f"sqlite:///{tmp_path / 'bridge.db'}"}
    command = await run_command(settings, "offsets", "set", "7001", "--to", "0")
    assert command.code == 2
    assert command.stderr == "Without a terminal nobody can be asked: add --yes, or --dry-run to look first.\n"


async def test_exported_from_sqlite_and_imported_into_postgresql_it_goes_on_where_it_was(
    tmp_path: Path, broker_vhost: str, own_postgres_url: str
) -> None:
    async with bridged(tmp_path, broker_vhost, total=40) as world:
        await world.until_committed(timeout_s=WAIT_S)
        assert await world.stop()
        assert len(await world.arrived()) == 40
        file = tmp_path / "offsets.json"
        exported = await run_command(world.environment, "offsets", "export", "--out", str(file))
        assert (exported.code, exported.stdout) == (0, ""), exported.stderr
        before = await world.offsets()
        world.create(20)

        world.environment["BRIDGE_STORE__URL"] = own_postgres_url
        shown = await run_command(world.environment, "offsets", "import", str(file), "--dry-run")
        assert (shown.code, shown.stdout.splitlines()[-1]) == (0, "Dry run: nothing is moved."), shown.stderr
        imported = await run_command(world.environment, "offsets", "import", str(file), "--yes")
        assert imported.code == 0, imported.stderr
        assert await world.offsets() == before

        await world.start()
        await world.until_in_step(timeout_s=WAIT_S)
        assert [event.id for event in await world.arrived()] == world.created_ids()[40:]
