"""What is around the bridges: the simulated APIs as a process of their own, the database's and the broker's figures."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import httpx
import msgspec
from aio_pika.abc import AbstractChannel

from bridge.checkpoints import Registration, WatchOrders
from bridge.clock import SystemClock
from bridge.demo.process import free_port
from bridge.leases import Process
from bridge.store import open_store

QUEUES = {"scale.nhn": "nhn.notifications", "scale.altinn": "altinn.notifications"}
"""Queue → the exchange of which it gets everything."""
WAIT_S = 60.0
LOOK_S = 0.02
_ORDERS_A_REQUEST = 5000
_NOTIFICATIONS_A_REQUEST = 10_000


class Figures(msgspec.Struct, frozen=True):
    """What the database has done so far."""

    transactions: int
    rows_written: int


class Apis:
    """The sandbox."""

    def __init__(self, url: str, process: asyncio.subprocess.Process) -> None:
        self.url = url
        self.pid = process.pid
        self._client = httpx.AsyncClient(base_url=url, timeout=WAIT_S, trust_env=False)

    async def her_ids(self) -> list[int]:
        """Its receivers."""
        return [int(line) for line in (await self._client.get("/sandbox/her-ids")).text.split()]

    async def last_offset(self) -> int:
        """The highest that it has given away."""
        return int((await self._client.get("/sandbox/state")).json()["last_offset"])

    async def create(self, count: int, her_ids: Sequence[int]) -> None:
        """So many notifications now, for these receivers in turn."""
        for done in range(0, count, _NOTIFICATIONS_A_REQUEST):
            some = min(count - done, _NOTIFICATIONS_A_REQUEST)
            wish = {"count": some, "her_ids": [her_ids[(done + each) % len(her_ids)] for each in range(some)]}
            (await self._client.post("/sandbox/notifications", content=msgspec.json.encode(wish))).raise_for_status()

    async def place_orders(self, count: int) -> list[str]:
        """Ids of so many orders, each of one e-mail that waits for its delivery report."""
        order_ids: list[str] = []
        wish = {"emails": 1, "sms": 0, "email_paths": [["Succeeded"]], "is_processed": True}
        while len(order_ids) < count:
            some = min(count - len(order_ids), _ORDERS_A_REQUEST)
            answer = await self._client.post("/sandbox/altinn/orders", json={**wish, "count": some})
            order_ids += [order["id"] for order in answer.raise_for_status().json()["orders"]]
        return order_ids

    async def close(self) -> None:
        await self._client.aclose()


@asynccontextmanager
async def apis(receivers: int, log: Path) -> AsyncIterator[Apis]:
    """The sandbox with so many receivers, and nothing for them yet; it answers."""
    port = free_port()
    options = ("--port", str(port), "--receivers", str(receivers), "--total", "0", "--orders", "0")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bridge", "sandbox", *options, env=environment, stdout=output, stderr=output
        )
    made = Apis(f"http://127.0.0.1:{port}", process)
    try:
        async with asyncio.timeout(WAIT_S):
            while not await _answers(made):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(LOOK_S)
        yield made
    finally:
        await made.close()
        process.kill()
        await process.wait()


async def _answers(made: Apis) -> bool:
    try:
        await made.last_offset()
    except httpx.HTTPError:
        return False
    return True


class Database:
    """One of the bridges, looked at by a connection to another one, so that looking does not count."""

    def __init__(self, url: str, aside: asyncpg.Connection) -> None:
        self.url = url
        self._aside = aside

    async def figures(self) -> Figures:
        """What it has done so far; what its connections have not told yet for up to a second is not in it."""
        row = await self._aside.fetchrow(
            "SELECT xact_commit + xact_rollback, tup_inserted + tup_updated + tup_deleted"
            " FROM pg_stat_database WHERE datname = $1",
            urlsplit(self.url).path[1:],
        )
        return Figures(*row)

    async def watch_orders(self, order_ids: Sequence[str]) -> None:
        """As if they had been registered; due on a day to come."""
        async with open_store(self.url, clock=SystemClock()) as stores:
            for start in range(0, len(order_ids), 1000):
                orders = tuple(Registration(order_id=each) for each in order_ids[start : start + 1000])
                await stores.altinn.commit(WatchOrders(stream="altinn/registrations", orders=orders, at=time.time()))
        await self._run("UPDATE altinn_order SET due_at = extract(epoch FROM timestamptz '2100-01-01')")
        await self._run("VACUUM ANALYZE altinn_order")

    async def make_orders_due(self) -> None:
        """All of them, now."""
        await self._run("UPDATE altinn_order SET due_at = extract(epoch FROM now())")

    async def owners(self) -> dict[str, int | None]:
        """Stream → the process id of who runs it."""
        async with self._connection() as connection:
            replicas = await connection.fetch("SELECT id, process FROM replica")
            leases = await connection.fetch("SELECT name, owner FROM lease WHERE is_stream")
        pids = {replica: msgspec.msgpack.decode(process, type=Process).pid for replica, process in replicas}
        return {name: pids.get(owner) for name, owner in leases}

    async def _run(self, statement: str) -> None:
        async with self._connection() as connection:
            await connection.execute(statement, timeout=WAIT_S)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def database(server: str, name: str) -> AsyncIterator[Database]:
    """A new one on the server, with its tables; gone afterwards."""
    aside = await asyncpg.connect(server, timeout=10)
    try:
        await aside.execute(f"CREATE DATABASE {name}")
        url = urlsplit(server)._replace(path=f"/{name}").geturl()
        async with open_store(url, clock=SystemClock()):
            pass
        yield Database(url, aside)
        await aside.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await aside.close()


class Subscribers:
    """Queues that get every event."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel

    async def count(self, queue: str) -> int:
        """How many events have come."""
        declared = await self._channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0

    async def until(self, queue: str, count: int) -> None:
        """Return once so many have come. Raises TimeoutError."""
        async with asyncio.timeout(2 * WAIT_S):
            while await self.count(queue) < count:  # noqa: ASYNC110 - nothing tells of arrivals
                await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def subscribers(url: str) -> AsyncIterator[Subscribers]:
    """Quorum queues, empty; gone afterwards."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for name, exchange in QUEUES.items():
            await channel.queue_delete(name)
            queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
            await queue.bind(await channel.declare_exchange(exchange, "topic", durable=True), "#")
        yield Subscribers(channel)
        for name in QUEUES:
            await channel.queue_delete(name)
