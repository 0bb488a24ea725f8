"""`bridge replay` on a real broker, while a bridge runs: a past range again, and no live cursor moves."""

import json
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aio_pika.abc import AbstractIncomingMessage

from tests.support.broker import declare_queue, ready_count, unbind
from tests.support.command import Ended, end_of, run_command, start_command
from tests.support.system import EXCHANGE, QUEUE
from tests.support.world import HER_IDS, World, bridged

pytestmark = pytest.mark.timeout(120)
ONE, *_ = HER_IDS
FAST = ("--rate", "10000")


def body_of(message: AbstractIncomingMessage) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(message.body)
    return document


def counted(command: Ended) -> dict[str, int]:
    """The table of events."""
    return {event: int(count) for event, count in re.findall(r"^([a-z-]+) +([0-9]+)$", command.stdout, re.MULTILINE)}


async def drained(world: World) -> list[AbstractIncomingMessage]:
    """What the bridge itself has published, once it has come to the end."""
    await world.until_committed(timeout_s=40.0)
    return await world.taken(QUEUE)


async def test_everybody_gets_the_range_again_as_it_was_marked_as_a_replay_and_no_cursor_moves(
    tmp_path: Path, broker_vhost: str
) -> None:
    async with bridged(tmp_path, broker_vhost, total=60) as world:
        live = [body_of(message) for message in await drained(world)]
        before = await world.offsets()
        after, up_to = (world.created()[at].position for at in (9, 39))
        wanted = ["--from", str(after), "--to", str(up_to)]
        dry = await run_command(world.environment, "replay", *wanted, "--dry-run")
        assert (dry.code, await world.taken(QUEUE)) == (0, []), dry.stderr
        assert "Dry run: 30 events would be published.\n" in dry.stdout

        command = await run_command(world.environment, "replay", *wanted, *FAST)
        assert command.code == 0, command.stderr
        again = [body_of(message) for message in await world.taken(QUEUE)]
        (replay,) = {event.pop("replay") for event in again}
        assert f"Replay {replay}: 30 events published.\n" in command.stdout
        assert again == live[10:40], "the same, with the same ids, in their order"
        assert not any("replay" in event for event in live)
        names = Counter(event["type"].split(".")[3] for event in again)
        assert counted(dry) == counted(command) == names
        assert await world.offsets() == before

        world.create(10)
        assert len(await drained(world)) == 10, "the bridge goes on as if nothing had been"


async def test_one_queue_gets_what_it_missed_and_nobody_else_does(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=40) as world:
        live = {body_of(message)["id"]: message for message in await drained(world)}
        await declare_queue(broker_vhost, "late")
        of_one = [str(each.id) for each in world.created() if each.her_id == ONE]
        command = await run_command(
            world.environment, "replay", "--from", "0", "--her-id", str(ONE), "--queue", "late", *FAST
        )
        assert command.code == 0, command.stderr
        arrived = await world.taken("late")
        assert [body_of(message)["id"] for message in arrived] == of_one
        for message in arrived:
            event = body_of(message)
            assert event.pop("replay")
            original = live[event["id"]]
            assert event == body_of(original)
            assert (message.exchange, message.routing_key) == ("", "late")
            assert (message.message_id, message.type) == (original.message_id, original.type)
        assert await world.taken(QUEUE) == []


async def test_a_queue_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=20) as world:
        await world.until_committed(timeout_s=40.0)
        assert await world.stop()
        asked = world.asked
        command = await run_command(world.environment, "replay", "--from", "0", "--queue", "nowhere", "--dry-run")
        assert command.code == 1
        assert command.stderr.startswith("Nothing can be published to the queue nowhere: ")
        assert world.asked == asked


async def test_never_beyond_where_the_bridge_is(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=20) as world:
        await drained(world)
        assert await world.stop()
        world.create(20)
        far = str(world.last_offset)
        command = await run_command(world.environment, "replay", "--from", "0", "--to", far, *FAST)
        assert command.code == 0, command.stderr
        assert [body_of(message)["id"] for message in await world.taken(QUEUE)] == world.created_ids()[:20]


async def test_beyond_where_the_bridge_is_there_is_nothing(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=20) as world:
        await drained(world)
        command = await run_command(world.environment, "replay", "--from", str(world.last_offset), *FAST)
        assert (command.code, command.stderr) == (0, "")
        assert command.stdout.startswith("None of the HER-ids has come beyond --from")


async def test_a_range_of_time_is_what_was_created_in_it(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=10) as world:
        live = [body_of(message) for message in await drained(world)]
        world.create(10)
        new = [body_of(message) for message in await drained(world)]
        since = min(event["time"] for event in new)
        command = await run_command(world.environment, "replay", "--from", since, *FAST)
        assert command.code == 0, command.stderr
        expected = [event["id"] for event in (*live, *new) if event["time"] >= since]
        assert [body_of(message)["id"] for message in await world.taken(QUEUE)] == expected
        command = await run_command(world.environment, "replay", "--from", "0", "--to", since, *FAST)
        assert command.code == 0, command.stderr
        expected = [event["id"] for event in (*live, *new) if event["time"] < since]
        assert [body_of(message)["id"] for message in await world.taken(QUEUE)] == expected


async def test_what_is_not_wanted_at_all_is_not_replayed(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, settings={"BRIDGE_NHN__IGNORE": "apprec"}) as world:
        world.create(10, types=("NewMessage", "MessageApprecInfoUpdated"))
        await drained(world)
        command = await run_command(world.environment, "replay", "--from", "0", *FAST)
        assert counted(command) == {"new-message": 5}, command.stderr


async def test_an_event_that_no_queue_is_bound_for_ends_it_and_is_not_parked(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=10) as world:
        await drained(world)
        await unbind(broker_vhost, QUEUE, EXCHANGE, "#")
        command = await run_command(world.environment, "replay", "--from", "0", *FAST)
        assert command.code == 1
        assert re.fullmatch(
            r"The replay ended, because no queue is bound for [a-z-]+\.700[1-4] of the exchange nhn\.notifications\. "
            r"Bind one, or leave that event out with BRIDGE_NHN__IGNORE\. "
            r"0 events are published; to go on: --from 0\.\n",
            command.stderr,
        )
        assert await ready_count(broker_vhost, "bridge.parked") == 0


async def test_sigint_ends_it_and_says_where_to_go_on(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=60) as world:
        await drained(world)
        slow = await start_command(world.environment, "replay", "--from", "0", "--rate", "8")
        await world.until_waiting(4)
        slow.send_signal(signal.SIGINT)
        ended = await end_of(slow)
        assert ended.code == 130
        found = re.search(r"Interrupted\. [0-9]+ events are published; to go on: --from ([0-9]+)\.", ended.stderr)
        assert found, ended.stderr
        command = await run_command(world.environment, "replay", "--from", found[1], *FAST)
        assert command.code == 0, command.stderr
        ids = [body_of(message)["id"] for message in await world.taken(QUEUE)]
        assert list(dict.fromkeys(ids)) == world.created_ids(), "nothing is missing"


async def test_a_connection_that_is_cut_costs_no_event(tmp_path: Path, broker_vhost: str) -> None:
    async with bridged(tmp_path, broker_vhost, total=40) as world:
        await drained(world)
        running = await start_command(world.environment, "replay", "--from", "0", "--rate", "40")
        await world.until_waiting(10)
        world.proxy.cut()
        ended = await end_of(running)
        assert ended.code == 0, ended.stderr
        ids = [body_of(message)["id"] for message in await world.taken(QUEUE)]
        assert list(dict.fromkeys(ids)) == world.created_ids()
