"""deploy/examples/consumer.py as a process, put to the test by the kit that is there for any consumer."""

import asyncio
import os
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aio_pika
import pytest
from aio_pika.exceptions import PublishError

from bridge.check.report import Verdict
from bridge.clock import SystemClock
from bridge.conformance.run import Rehearsal
from bridge.conformance.series import KNOWN_EVENTS, make_series
from bridge.conformance.verdict import judge
from bridge.events.message import Message
from bridge.tls import client_context
from tests.support.broker import Rabbitmqctl, close_all_connections, declare_queue, open_channel, ready_count
from tests.support.command import run_command
from tests.support.events import EMAIL, bare, email_status, full
from tests.support.system import until

ROOT = Path(__file__).parents[3]
QUEUE = "my-service"
BINDINGS = "nhn.notifications:new-message.*, altinn.notifications:email-status.*"
SERIES = make_series(1, ordinary=600)
TIMEOUT_S = 20.0


class Example:
    """Its process, and what it leaves in a directory."""

    def __init__(self, url: str, directory: Path, bindings: str) -> None:
        self.lines = directory / "handled.txt"
        self._errors = directory / "errors.txt"
        self._database = directory / "my-service.db"
        own = {"AMQP_URL": url, "QUEUE": QUEUE, "BINDINGS": bindings, "DATABASE": str(self._database)}
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **own}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        with self.lines.open("ab") as stdout, self._errors.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, ROOT / "deploy" / "examples" / "consumer.py"),
                env=self._environment,
                stdout=stdout,
                stderr=stderr,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def said(self) -> list[str]:
        return self.lines.read_text().splitlines()

    def complained(self) -> list[str]:
        return self._errors.read_text().splitlines()

    def handled(self) -> list[str]:
        """By its database, in one transaction with the work: a kill may cut off what it says."""
        with closing(sqlite3.connect(self._database)) as database:
            found = database.execute("SELECT name FROM sqlite_schema WHERE name = 'handled'").fetchall()
            rows = database.execute("SELECT id FROM handled ORDER BY number").fetchall() if found else []
        return [event_id for (event_id,) in rows]


async def ended(process: asyncio.subprocess.Process) -> int:
    """Its exit code after SIGTERM."""
    process.terminate()
    async with asyncio.timeout(TIMEOUT_S):
        return await process.wait()


async def declare_exchanges(url: str) -> None:
    """As the bridge has them."""
    async with open_channel(url) as channel:
        for name in ("nhn.notifications", "altinn.notifications"):
            await channel.declare_exchange(name, "topic", durable=True)


async def publish(url: str, *messages: Message) -> None:
    """As the bridge does; again and again until a queue is bound."""
    async with asyncio.timeout(TIMEOUT_S), open_channel(url) as channel:
        for message in messages:
            exchange = await channel.get_exchange(message.exchange, ensure=False)
            while True:
                try:
                    await exchange.publish(aio_pika.Message(message.body), message.routing_key)
                except PublishError:
                    continue
                break


async def test_handles_what_comes_by_its_bindings_and_says_nothing_personal(broker_vhost: str, tmp_path: Path) -> None:
    await declare_exchanges(broker_vhost)
    example = Example(broker_vhost, tmp_path, BINDINGS)
    async with example.running() as process:
        await publish(broker_vhost, full(), email_status("full"), full(), bare())
        await until(lambda: len(example.said()) == 3)
        assert await ended(process) == 0
    assert example.said() == [
        "17aaeaa7-fa1e-4b60-a8e9-bdc31718dfc9 no.nhn.notification.new-message.v1 00000000000000045460",
        f"{EMAIL}-Failed_Bounced-2026-07-01T10:02:30.1Z no.altinn.notification.email-status.v1 -",
        "6789-7 no.nhn.notification.new-message.v1 00000000000000000007",
    ]
    assert example.complained() == []


async def test_passes_the_kit_and_keeps_what_is_no_event_in_its_dead_letter_queue(
    broker_vhost: str, tmp_path: Path
) -> None:
    await declare_exchanges(broker_vhost)
    example = Example(broker_vhost, tmp_path, BINDINGS)
    async with example.running() as process:
        await publish(broker_vhost, full())
        await until(example.said)
        conformance = await run_command(
            {"BRIDGE_BROKER__URLS": broker_vhost},
            *("conformance", "--queue", QUEUE, "--handled", str(example.lines), "--seed", "1"),
            *("--ordinary", "120", "--hostile", "--timeout", "10"),
        )
        assert await ended(process) == 0
    assert re.findall(r"^(\S.*\S)  +(\w.*\S)  +(\w.*)$", conformance.stdout, re.MULTILINE) == [
        ("ok", "every event handled", "172 of 172"),
        ("ok", "none handled twice", "85 repeats sent, none handled again"),
        ("ok", "unknown types", "3 passed over"),
        ("ok", "no events", "7 passed over"),
        ("ok", "nothing left", "the queue is empty"),
        ("not verifiable", "all acknowledged", "AMQP does not tell"),
        ("ok", "order", "kept for each of 3 HER-ids and 14 e-mails"),
    ]
    assert conformance.code == 0
    assert await ready_count(broker_vhost, f"{QUEUE}.dead") == 7


async def test_passes_the_kit_though_it_is_killed_in_the_middle_and_started_again(
    broker_vhost: str, tmp_path: Path
) -> None:
    await declare_queue(broker_vhost, QUEUE, arguments={"x-queue-type": "quorum"})
    example = Example(broker_vhost, tmp_path, "")
    rehearsal = Rehearsal(
        series=SERIES,
        queue=QUEUE,
        events=KNOWN_EVENTS,
        report=example.handled,
        timeout_s=TIMEOUT_S,
        tls=client_context(),
    )
    told: asyncio.Queue[str] = asyncio.Queue()
    conformance = asyncio.create_task(rehearsal.run(broker_vhost, tell=told.put_nowait, clock=SystemClock()))
    assert "start it now" in await told.get()
    async with example.running() as process:
        await until(lambda: len(example.handled()) > 100)
        process.kill()
        await process.wait()
    assert len(example.handled()) < len(SERIES.expected(KNOWN_EVENTS))
    async with example.running():
        left = await conformance
    findings = judge(SERIES, example.handled(), left, KNOWN_EVENTS)
    assert [each.found for each in findings if each.verdict is Verdict.FAILED] == []


@pytest.mark.faults  # the library waits five seconds before it connects again
async def test_goes_on_after_a_lost_connection(broker_vhost: str, rabbitmqctl: Rabbitmqctl, tmp_path: Path) -> None:
    await declare_exchanges(broker_vhost)
    example = Example(broker_vhost, tmp_path, BINDINGS)
    async with example.running() as process:
        await publish(broker_vhost, full())
        await until(example.said)
        await close_all_connections(rabbitmqctl, broker_vhost)
        await publish(broker_vhost, bare())
        await until(lambda: len(example.said()) == 2)
        assert await ended(process) == 0


async def test_without_bindings_it_takes_a_queue_that_is_there_and_declares_none(
    broker_vhost: str, tmp_path: Path
) -> None:
    example = Example(broker_vhost, tmp_path, "")
    async with example.running() as process, asyncio.timeout(TIMEOUT_S):
        assert await process.wait() == 1
    assert "NOT_FOUND - no queue 'my-service'" in example.complained()[-1]
