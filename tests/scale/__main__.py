"""The bridge at its full size, on this machine alone; prints two tables in Markdown and ends after some minutes.

deploy/with-rabbitmq deploy/with-postgres python -m tests.scale [--her-ids N] [--orders N] [--growth N,N,…]

One sandbox, three `bridge run` on PostgreSQL, 10,000 HER-ids in 7 streams and 100,000 orders; then one bridge by itself
with 1, 100, 1500 and 10,000 HER-ids.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.demo.process import BridgeProcess
from tests.bench.processes import memory_mb, peak_memory_mb
from tests.scale.phases import Replicas, Scene, grown, takeover
from tests.scale.world import apis, database, subscribers

REPLICAS = 3
EVENTS = 20_000
REST_S = 10.0
ORDERS_S = 20.0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def row(what: str, *values: str) -> None:
    say(f"| {' | '.join([what, *values])} |")


async def together(replicas: Replicas, her_ids: Sequence[int], order_ids: Sequence[str]) -> None:
    """The first table: several replicas that share everything."""
    await replicas.database.watch_orders(order_ids)
    started_s = await replicas.start(REPLICAS)
    say(f"\n{len(her_ids):,} HER-ids, {len(order_ids):,} orders, {REPLICAS} replicas on PostgreSQL:\n")
    row("", "")
    say("|---|---|")
    row("from the start to every stream running", f"{started_s:.1f} s")
    row("streams of each", ", ".join(map(str, await replicas.shares())))
    rest = await replicas.during(asyncio.sleep(REST_S))
    row("at rest: polls of NHN's feed", f"{rest.nhn_polls / rest.seconds:.1f}/s")
    row("at rest: transactions, rows written", f"{rest.transactions_per_s:.1f}/s, {rest.rows_per_s:.1f}/s")
    row("at rest: CPU of all bridges", f"{rest.cpu_s / rest.seconds * 100:.1f} % of a core")
    load = await replicas.during(replicas.deliver(EVENTS, her_ids))
    took_s = replicas.delivery_s
    row(f"{EVENTS:,} notifications, until they are in a quorum queue", f"{EVENTS / took_s:,.0f}/s")
    row(
        "meanwhile: transactions, rows written",
        f"{load.transactions / took_s:.1f}/s, {load.rows_written / took_s:.1f}/s",
    )
    row("meanwhile: CPU of all bridges", f"{load.cpu_s / EVENTS * 1e6:,.0f} µs an event")
    row("meanwhile: CPU of the simulated API", f"{load.api_share:.0f} % of a core")
    await replicas.database.make_orders_due()
    polled = await replicas.during(asyncio.sleep(ORDERS_S))
    row("all orders due: polled, each with a change to publish", f"{polled.order_polls / polled.seconds:,.0f}/s")
    row("meanwhile: transactions, rows written", f"{polled.transactions_per_s:.1f}/s, {polled.rows_per_s:,.1f}/s")
    row("meanwhile: CPU of all bridges", f"{polled.cpu_s / max(polled.order_polls, 1) * 1e6:,.0f} µs an order")
    row("meanwhile: CPU of the simulated API", f"{polled.api_share:.0f} % of a core")
    row("memory of each", ", ".join(f"{memory_mb(each.pid):.0f}" for each in replicas.running) + " MB")
    row("the most it was", ", ".join(f"{peak_memory_mb(each.pid):.0f}" for each in replicas.running) + " MB")
    for what, end in (("kill -9", BridgeProcess.kill), ("SIGTERM", BridgeProcess.stop)):
        count, seconds = await takeover(replicas, end)
        await replicas.start(1)
        row(f"after {what} of one, until others have its {count} streams", f"{seconds:.1f} s")


async def alone(her_ids: Sequence[int], sizes: Sequence[int], scene: Scene) -> None:
    """The second table: how cost grows with the number of receivers."""
    say("\nOne bridge, by how many HER-ids it serves:\n")
    row(
        "HER-ids",
        "streams",
        "CPU a poll at rest",
        "transactions/s at rest",
        "notifications/s",
        "CPU an event",
        "memory",
    )
    say("|---|---|---|---|---|---|---|")
    for size in sizes:
        row(*(await grown(scene, her_ids[:size])))


async def main(*, receivers: int, orders: int, sizes: Sequence[int]) -> None:
    server, broker = os.environ["TEST_POSTGRES_URL"], os.environ["BRIDGE_BROKER__URLS"]
    async with AsyncExitStack() as opened:
        directory = Path(opened.enter_context(TemporaryDirectory(prefix="bridge-scale-")))
        api = await opened.enter_async_context(apis(receivers, directory / "sandbox.log"))
        queues = await opened.enter_async_context(subscribers(broker))
        scene = Scene(directory, api, server, broker, queues)
        her_ids = await api.her_ids()
        async with (
            database(server, "scale_together") as store,
            Replicas(scene, store, her_ids, orders=True) as replicas,
        ):
            await together(replicas, her_ids, await api.place_orders(orders))
        await alone(her_ids, sizes, scene)
    say(f"\nload of this machine over the last minutes: {' '.join(f'{each:.1f}' for each in os.getloadavg())}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--her-ids", type=int, default=10_000)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--growth", default="1,100,1500,10000", help="numbers of HER-ids, at most --her-ids")
    options = parser.parse_args()
    growth = [int(size) for size in options.growth.split(",") if size]
    asyncio.run(main(receivers=options.her_ids, orders=options.orders, sizes=growth))
