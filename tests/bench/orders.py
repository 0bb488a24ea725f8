"""Altinn's side: orders polled a second against a fast API, what a poll costs, what the diff of a large order costs."""

import sqlite3
import sys
import time
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from bridge.altinn.changes import changes
from bridge.altinn.decode import read_summary
from bridge.checkpoints import EmailSeen
from bridge.demo.process import BridgeProcess, free_port
from tests.bench.altinn_api import EMAILS_AN_ORDER, REQUESTS_A_POLL, answer
from tests.bench.broker import Broker
from tests.bench.contenders import Feed, measured
from tests.bench.table import Run

EXCHANGE = "altinn.notifications"
ORDERS = 3000
MOST_REQUESTS_PER_S = 1000
LARGE_ORDER = 10_000
"""E-mails."""
TIMES = 5


async def order_lines(broker: Broker, rounds: int) -> list[str]:
    """The table's lines."""
    runs = [await _polled(broker) for _ in range(rounds)]
    best = max(runs, key=lambda run: run.rate)
    orders = best.events / EMAILS_AN_ORDER
    read_s, diff_s = _large_order()
    large = f"an order of {LARGE_ORDER:,} e-mails, ms of CPU: to read it, to find that nothing changed"
    return [
        "| | |",
        "|---|---|",
        f"| orders polled to their end a second, {REQUESTS_A_POLL} requests each | {orders / best.seconds:,.0f} |",
        f"| its CPU, ms an order | {best.cpu_s / orders * 1000:.2f} |",
        f"| memory, MB | {best.memory_mb:.0f} |",
        f"| {large} | {read_s * 1000:.0f}, {diff_s * 1000:.0f} |",
    ]


async def _polled(broker: Broker) -> Run:
    """From the first request to the commit that closes the last order."""
    order_ids = [str(UUID(int=(0xA << 124) + number)) for number in range(ORDERS)]
    with TemporaryDirectory() as directory:
        store = Path(directory) / "bridge.db"
        async with broker.queue("quorum", EXCHANGE), _api() as api:
            settings = {
                "BRIDGE_ALTINN__BASE_URL": api.url,
                "BRIDGE_ALTINN__AUTH__METHOD": "none",
                "BRIDGE_ALTINN__ORDERS": ",".join(order_ids),
                "BRIDGE_ALTINN__MAX_REQUESTS_PER_S": str(MOST_REQUESTS_PER_S),
                "BRIDGE_BROKER__URLS": broker.url,
                "BRIDGE_STORE__URL": f"sqlite:///{store}",
            }
            process = BridgeProcess(settings, Path(directory) / "log")
            await process.start()
            try:
                events = ORDERS * EMAILS_AN_ORDER
                return await measured(broker, events, api, process.pid, lambda: _closed(store) >= ORDERS)
            finally:
                await process.close()


@asynccontextmanager
async def _api() -> AsyncIterator[Feed]:
    port = free_port()
    process = await create_subprocess_exec(sys.executable, "-m", "tests.bench.altinn_api", str(port), stdout=PIPE)
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield Feed(f"http://127.0.0.1:{port}", process.stdout)
    finally:
        process.kill()
        await process.wait()


def _closed(store: Path) -> int:
    """How many orders the store says have ended."""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT count(*) FROM altinn_order WHERE state = 'completed'").fetchone()
    except sqlite3.Error:
        return 0
    return int(found[0])


def _large_order() -> tuple[float, float]:
    """Seconds of CPU, the least of several times: to read the answer on a large order, to find nothing new there."""
    order_id = str(UUID(int=0xA << 124))
    small = answer(f"/orders/{order_id}/notifications/email").partition(b"\r\n\r\n")[2].decode()
    head, _, rest = small.partition('"notifications":[')
    email = rest.partition("]}")[0].partition("},{")[0] + "}"
    first_id = email.partition('"id":"')[2].partition('"')[0]
    emails = ",".join(email.replace(first_id, str(UUID(int=number))) for number in range(LARGE_ORDER))
    body = f'{head.replace("2,", f"{LARGE_ORDER},")}"notifications":[{emails}]}}'.encode()

    def read() -> Iterator[float]:
        for _ in range(TIMES):
            began = time.process_time()
            read_summary(body, order_id=order_id, recipient="address")
            yield time.process_time() - began

    summary = read_summary(body, order_id=order_id, recipient="address")
    seen = {
        each.notification.id: EmailSeen(
            each.notification.id, each.notification.send_status.status, each.notification.send_status.last_update
        )
        for each in summary.emails
    }

    def diff() -> Iterator[float]:
        for _ in range(TIMES):
            began = time.process_time()
            found = changes(summary, seen)
            yield time.process_time() - began
            assert len(seen) == LARGE_ORDER
            assert not found.changed

    return min(read()), min(diff())
