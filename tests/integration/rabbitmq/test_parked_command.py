"""`bridge parked` as its users run it, on a real broker."""

import asyncio
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import pytest
from click.testing import CliRunner, Result

from bridge.cli import main
from bridge.sandbox.tcp_proxy import Direction, TcpProxy
from tests.support.broker import collect, declare_queue, open_channel, ready_count
from tests.support.parked import (
    PARKED,
    declare_parked,
    event,
    fill,
    parked_event,
    parked_item,
    publish,
    subscribe,
)
from tests.support.system import until
from tests.support.vhost import Management

ROOT = Path(__file__).parents[3]
QUEUE = "subscriber"


class Bench:
    """The command on a vhost of the test's own."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def run(self, *arguments: str, given: str | None = None, url: str | None = None) -> Result:
        """In a thread, with no setting but the broker's."""
        environment = {"BRIDGE_BROKER__URLS": url or self.url}
        return await asyncio.to_thread(CliRunner().invoke, main, ["parked", *arguments], input=given, env=environment)

    async def until_parked(self, count: int) -> None:
        """What was in somebody's hands is in the queue again a moment after they let go."""

        async def is_so() -> bool:
            return await ready_count(self.url, PARKED) == count

        await until(is_so)

    async def until_nobody_reads(self) -> None:
        """What was in the hands of a process that ended is in the queue again."""

        async def is_so() -> bool:
            async with open_channel(self.url) as channel:
                declared = await channel.declare_queue(PARKED, passive=True)
                return not declared.declaration_result.consumer_count

        await until(is_so)

    async def parked(self) -> list[str]:
        """Ids in the parked queue, in its order; they are taken out."""
        count = await ready_count(self.url, PARKED)
        return [message.message_id or "" for message in await collect(self.url, PARKED, count)]

    async def arrived(self, queue: str = QUEUE) -> list[str]:
        count = await ready_count(self.url, queue)
        return [message.message_id or "" for message in await collect(self.url, queue, count)]


@pytest.fixture
def bench(broker_vhost: str) -> Bench:
    return Bench(broker_vhost)


class TestList:
    async def test_it_shows_what_is_parked_and_why_and_no_body(self, bench: Bench) -> None:
        await fill(bench.url, "id-1", "id-2")
        await publish(bench.url, [parked_item(b'{"nationalIdentityNumber":"01019012345"}')])
        result = await bench.run("list")
        assert (result.exit_code, result.stderr) == (0, "")
        lines = result.stdout.splitlines()
        assert lines[0].split() == ["ID", "PARKED", "AT", "(UTC)", "REASON", "EXCHANGE", "ROUTING", "KEY", "DETAIL"]
        assert lines[1].split() == [
            *("id-1", "2026-04-14", "06:00:00", "unroutable", "nhn.notifications", "new-message.7001"),
            *["no", "queue", "is", "bound"],
        ]
        assert lines[3].split()[1:] == ["2026-04-14", "06:00:00", "invalid", "-", "-", "why"]
        assert lines[4:] == ["", "3 messages parked: unroutable 2, invalid 1."]
        assert "01019012345" not in result.output

    async def test_looking_loses_nothing_and_keeps_the_order_however_often(self, bench: Bench) -> None:
        names = [f"id-{number}" for number in range(300)]
        await fill(bench.url, *names)
        for _ in range(5):
            await bench.until_parked(300)
            assert (await bench.run("list", "--limit", "7")).exit_code == 0
        await bench.until_parked(300)
        assert await bench.parked() == names

    async def test_a_reason_and_a_limit_are_asked_for(self, bench: Bench) -> None:
        await fill(bench.url, "a", "b", "c")
        await publish(bench.url, [parked_item(b"raw")])
        result = await bench.run("list", "--reason", "unroutable", "--limit", "2")
        assert [line.split()[0] for line in result.stdout.splitlines()[1:3]] == ["a", "b"]
        assert result.stderr == "2 of 3 shown: --limit shows more.\n"

    async def test_as_json_it_is_a_document(self, bench: Bench) -> None:
        await fill(bench.url, "a")
        result = await bench.run("list", "--json")
        assert json.loads(result.stdout) == {
            "total": 1,
            "looked_at": 1,
            "by_reason": {"unroutable": 1},
            "messages": [
                {
                    "id": "a",
                    "at": "2026-04-14T06:00:00+00:00",
                    "reason": "unroutable",
                    "exchange": "nhn.notifications",
                    "routing_key": "new-message.7001",
                    "detail": "no queue is bound",
                }
            ],
        }

    async def test_where_nothing_is_parked_that_is_said(self, bench: Bench) -> None:
        await declare_parked(bench.url)
        assert (await bench.run("list")).stdout == "Nothing is parked.\n"

    async def test_what_others_wrote_cannot_steer_a_terminal(self, bench: Bench) -> None:
        await declare_parked(bench.url)
        async with open_channel(bench.url) as channel:
            odd = aio_pika.Message(b"x", message_id="\x1b[31m", headers={"x-parked-detail": "\x07"})
            await channel.default_exchange.publish(odd, PARKED)
        result = await bench.run("list")
        assert "�[31m" in result.stdout
        assert "1 message parked: without a reason 1." in result.stdout

    async def test_without_a_parked_queue_or_a_broker_there_is_one_sentence(self, bench: Bench) -> None:
        result = await bench.run("list")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "queue bridge.parked: an exchange or queue is missing" in result.stderr
        result = await bench.run("list", url="amqp://guest:secret@127.0.0.1:9/")
        assert (result.exit_code, result.stderr) == (1, "RabbitMQ at 127.0.0.1:9: nothing listens there\n")

    async def test_looking_needs_to_read_the_parked_queue_and_nothing_else(
        self, bench: Bench, management: Management
    ) -> None:
        await fill(bench.url, "a")
        await management.permit(configure="", write="", read=r"^bridge\.parked$")
        assert (await bench.run("list")).exit_code == 0


class TestShow:
    async def test_it_shows_all_of_a_message_and_warns(self, bench: Bench) -> None:
        await fill(bench.url, "a", "b")
        result = await bench.run("show", "b")
        assert result.exit_code == 0
        assert result.stderr == "What follows may hold personal data: keep it out of tickets and chats.\n"
        lines = result.stdout.splitlines()
        assert lines[-2:] == ["", '{"id":"b"}']
        shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[:-2]}
        assert (
            shown
            | {
                "message_id": "b",
                "type": "no.nhn.notification.new-message.v1",
                "correlation_id": "related-1",
                "x-parked-reason": "unroutable",
                "x-original-exchange": "nhn.notifications",
                "x-original-routing-key": "new-message.7001",
            }
            == shown
        )
        await bench.until_parked(2)

    async def test_as_json_a_body_that_is_no_text_is_there_as_base64(self, bench: Bench) -> None:
        await declare_parked(bench.url)
        item = parked_item(b"\xff\x00")
        await publish(bench.url, [item])
        (document,) = json.loads((await bench.run("show", item.id, "--json")).stdout)
        assert (document["body"], document["body_base64"]) == ("", "/wA=")
        assert document["headers"]["x-parked-reason"] == "invalid"

    async def test_an_id_that_is_not_there_is_told(self, bench: Bench) -> None:
        await fill(bench.url, "a")
        result = await bench.run("show", "z")
        assert (result.exit_code, result.stderr) == (1, "Not parked among the 1 message that could be looked at: z.\n")


class TestRelease:
    async def test_what_has_a_queue_now_goes_there_unchanged_and_in_order(self, bench: Bench) -> None:
        names = [f"id-{number}" for number in range(250)]
        await fill(bench.url, *names)
        await subscribe(bench.url, QUEUE, "#")
        result = await bench.run("release", "--yes")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "250 messages released.\n", "")
        await bench.until_parked(0)
        messages = await collect(bench.url, QUEUE, 250)
        assert [message.message_id for message in messages] == names
        first, sent = messages[0], event("id-0")
        assert (first.exchange, first.routing_key, first.body) == (sent.exchange, sent.routing_key, sent.body)
        assert (first.type, first.content_type, first.correlation_id, first.timestamp, first.app_id) == (
            sent.type,
            sent.content_type,
            sent.correlation_id,
            sent.created_at,
            "bridge",
        )
        assert (first.headers, first.delivery_mode) == ({}, aio_pika.DeliveryMode.PERSISTENT)

    async def test_what_no_queue_is_bound_for_stays_and_is_told(self, bench: Bench) -> None:
        await declare_parked(bench.url)
        keys = ["new-message.1", "apprec.1", "new-message.1", "apprec.1"]
        await publish(bench.url, [parked_event(event(f"id-{number}", key=key)) for number, key in enumerate(keys)])
        await subscribe(bench.url, QUEUE, "new-message.*")
        result = await bench.run("release", "--yes")
        assert (result.exit_code, result.stdout) == (1, "2 messages released.\n")
        assert result.stderr == "2 messages stay parked: no queue is bound for the routing key.\n"
        await bench.until_parked(2)
        assert (await bench.arrived(), await bench.parked()) == (["id-0", "id-2"], ["id-1", "id-3"])

    async def test_registrations_go_back_to_their_queue(self, bench: Bench) -> None:
        await declare_parked(bench.url)
        await declare_queue(bench.url, "bridge.altinn.orders")
        item = parked_item(b'{"orderId":1}', "registration-invalid", key="bridge.altinn.orders")
        await publish(bench.url, [item])
        result = await bench.run("release", "--reason", "registration-invalid", given="y\n")
        assert result.stdout.startswith("1 message to release, by exchange: the queue bridge.altinn.orders 1.\n")
        (message,) = await collect(bench.url, "bridge.altinn.orders", 1)
        assert (message.body, message.content_type) == (b'{"orderId":1}', "application/json")

    async def test_items_that_are_no_events_are_refused_with_a_sentence(self, bench: Bench) -> None:
        await declare_parked(bench.url)
        await publish(bench.url, [parked_item(b"raw"), parked_item(b"{}", "oversized")])
        for arguments in (["--reason", "invalid"], ["--reason", "invalid", "--yes"]):
            await bench.until_parked(2)
            result = await bench.run("release", *arguments)
            assert result.exit_code == 1
            assert result.stderr == (
                "1 message stays parked: what the API gave is no event and was meant for no queue (invalid).\n"
            )

    async def test_a_dry_run_and_a_no_change_nothing(self, bench: Bench) -> None:
        await fill(bench.url, "a", "b", "c")
        await subscribe(bench.url, QUEUE, "#")
        plan = "2 messages to release, by exchange: nhn.notifications 2.\n"
        dry = await bench.run("release", "--dry-run", "--limit", "2")
        assert (dry.exit_code, dry.stdout) == (0, plan)
        await bench.until_parked(3)
        refused = await bench.run("release", "--limit", "2", given="n\n")
        assert (refused.exit_code, refused.stdout) == (0, f"{plan}Go on? [y/N]: n\n")
        await bench.until_parked(3)
        assert await ready_count(bench.url, QUEUE) == 0
        assert await bench.parked() == ["a", "b", "c"]

    @pytest.mark.parametrize("verb", ["release", "discard"])
    async def test_where_nobody_can_be_asked_nothing_is_done(self, bench: Bench, verb: str) -> None:
        await fill(bench.url, "a")
        result = await bench.run(verb, "--reason", "unroutable", given="")
        assert (result.exit_code, result.stderr) == (
            2,
            "Without a terminal nobody can be asked: add --yes, or --dry-run to look first.\n",
        )
        await bench.until_parked(1)

    async def test_ids_and_limits_choose(self, bench: Bench) -> None:
        await fill(bench.url, *"abcdef")
        await subscribe(bench.url, QUEUE, "#")
        assert (await bench.run("release", "e", "b", "--yes")).stdout == "2 messages released.\n"
        await bench.until_parked(4)
        assert (await bench.run("release", "--limit", "1", "--yes")).stdout == "1 message released.\n"
        await bench.until_parked(3)
        missing = await bench.run("release", "z", "c", "--yes")
        assert (missing.exit_code, missing.stdout) == (1, "1 message released.\n")
        assert missing.stderr == "Not parked among the 3 messages that could be looked at: z.\n"
        await bench.until_parked(2)
        assert (await bench.arrived(), await bench.parked()) == ([*"beac"], [*"df"])

    async def test_two_releases_at_once_and_a_bridge_that_parks_meanwhile_lose_nothing(self, bench: Bench) -> None:
        names = [f"id-{number}" for number in range(400)]
        later = [f"later-{number}" for number in range(100)]
        await fill(bench.url, *names)
        await subscribe(bench.url, QUEUE, "#")
        releasing = [await started_release(bench.url) for _ in range(2)]
        await asyncio.gather(
            *(process.communicate() for process in releasing),
            publish(bench.url, [parked_event(event(name)) for name in later]),
        )

        async def all_there() -> bool:
            return await ready_count(bench.url, QUEUE) + await ready_count(bench.url, PARKED) == 500

        await until(all_there)
        arrived, parked = await bench.arrived(), await bench.parked()
        assert sorted(arrived + parked) == sorted(names + later), "each once: nobody was killed"
        assert set(parked) <= {*names, *later}


async def started_release(url: str) -> asyncio.subprocess.Process:
    """As a process of its own: of two in one process, each would take the other's environment for what was there."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "parked", "release", "--yes"),
        cwd=ROOT,
        env={"BRIDGE_BROKER__URLS": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


class TestCutOff:
    """A real process on a way to the broker that can be cut: nothing is lost, whatever was on its way."""

    NAMES = tuple(f"id-{number}" for number in range(300))

    async def _release_cut(self, bench: Bench, direction: Direction | None, *, is_killed: bool) -> None:
        """Release, and stop it once something has arrived. `direction`: what is kept from passing before that."""
        await fill(bench.url, *self.NAMES)
        await subscribe(bench.url, QUEUE, "#")
        target = urlsplit(bench.url)
        async with TcpProxy(target.hostname or "", target.port or 5672) as proxy:
            login, _, _ = target.netloc.rpartition("@")
            through = target._replace(netloc=f"{login}@{proxy.host}:{proxy.port}").geturl()
            process = await started_release(through)

            async def has_arrived() -> bool:
                return await ready_count(bench.url, QUEUE) > 0

            await until(has_arrived)
            if direction is not None:
                proxy.pause(frozenset({direction}))
                await self._until_no_more_comes(bench)
            if is_killed:
                process.kill()
            proxy.refuse()
            proxy.cut()
            _, told = await process.communicate()
            if not is_killed and process.returncode:
                assert b"released before that" in told

    async def _until_no_more_comes(self, bench: Bench) -> None:
        seen = [-1, await ready_count(bench.url, QUEUE)]
        while seen[-1] != seen[-2]:
            await asyncio.sleep(0.1)
            seen.append(await ready_count(bench.url, QUEUE))

    @pytest.mark.timeout(60)
    @pytest.mark.parametrize("is_killed", [True, False])
    @pytest.mark.parametrize("direction", [None, Direction.TO_TARGET, Direction.TO_CLIENT])
    async def test_killed_or_cut_between_confirm_and_acknowledgement_nothing_is_lost(
        self, bench: Bench, direction: Direction | None, *, is_killed: bool
    ) -> None:
        await self._release_cut(bench, direction, is_killed=is_killed)
        await bench.until_nobody_reads()
        assert (await bench.run("release", "--yes")).exit_code == 0
        await bench.until_parked(0)
        arrived = await bench.arrived()
        assert set(arrived) == set(self.NAMES)
        firsts = list(dict.fromkeys(arrived))
        assert firsts == list(self.NAMES), "in their order, but for repeats"


class TestDiscard:
    async def test_something_has_to_be_named(self, bench: Bench) -> None:
        await fill(bench.url, "a")
        for arguments in (["discard"], ["discard", "--yes"], ["discard", "--limit", "1", "--yes"]):
            result = await bench.run(*arguments)
            assert (result.exit_code, result.stderr) == (2, "Say what to discard: ids, --reason, or --all.\n")
        await bench.until_parked(1)

    async def test_only_what_is_named_is_gone_and_it_says_how_many(self, bench: Bench) -> None:
        await fill(bench.url, *"abc")
        await publish(bench.url, [parked_item(b"raw"), parked_item(b"raw 2")])
        result = await bench.run("discard", "b", "--yes")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "1 message discarded.\n", "")
        await bench.until_parked(4)
        assert (await bench.run("discard", "--reason", "invalid", "--limit", "1", "--yes")).exit_code == 0
        await bench.until_parked(3)
        asked = await bench.run("discard", "--all", given="y\n")
        assert asked.stdout == (
            "3 messages to discard for good: unroutable 2, invalid 1.\nGo on? [y/N]: y\n3 messages discarded.\n"
        )
        await bench.until_parked(0)

    async def test_a_dry_run_discards_nothing(self, bench: Bench) -> None:
        await fill(bench.url, *"abc")
        result = await bench.run("discard", "--all", "--dry-run")
        assert (result.exit_code, result.stdout) == (0, "3 messages to discard for good: unroutable 3.\n")
        await bench.until_parked(3)
        assert await bench.parked() == [*"abc"]


@pytest.mark.parametrize(
    "arguments", [["--help"], *[[each, "--help"] for each in ("list", "show", "release", "discard")]]
)
async def test_help_needs_no_settings(arguments: list[str]) -> None:
    result = await asyncio.to_thread(
        CliRunner().invoke, main, ["parked", *arguments, "--help"], env={"BRIDGE_RUBBISH": "1"}
    )
    assert result.exit_code == 0
    assert "--debug" in result.output
