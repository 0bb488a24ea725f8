"""How long an event takes from its creation at the API to its consumer, at rest and at half of what the bridge can."""

import asyncio
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import aio_pika
import msgspec

from bridge.demo.process import BridgeProcess
from tests.bench.broker import Broker
from tests.bench.contenders import Setting, bridge_settings, feed
from tests.bench.messages import QUEUE
from tests.bench.table import percentile

POLL_INTERVAL_S = 0.05
AT_REST = 20.0
"""Events a second."""
MEASURED_S = 8.0
TIMEOUT_S = 90.0


class _Data(msgspec.Struct):
    created_at: datetime = msgspec.field(name="createdAt")


class _Event(msgspec.Struct):
    data: _Data


async def latencies(broker: Broker, *, half_load: float) -> list[str]:
    """The table's lines; `half_load` in events a second."""
    lines = ["| | p50, ms | p99, ms |", "|---|---|---|"]
    for name, rate in (("at rest", AT_REST), ("at half load", half_load)):
        found = await _measure(broker, rate)
        p50, p99 = percentile(found, 50) * 1000, percentile(found, 99) * 1000
        lines.append(f"| {name}, {rate:,.0f} events/s | {p50:.0f} | {p99:.0f} |")
    return lines


async def _measure(broker: Broker, rate: float) -> list[float]:
    """Seconds that each event took."""
    events = int(rate * MEASURED_S)
    setting = Setting()
    with TemporaryDirectory() as directory:
        async with broker.queue(setting.queue_type), feed(setting, events, rate) as api:
            settings = bridge_settings(broker.url, api.url, Path(directory) / "bridge.db", setting)
            process = BridgeProcess(
                {**settings, "BRIDGE_NHN__POLL_INTERVAL_S": str(POLL_INTERVAL_S)}, Path(directory) / "log"
            )
            await process.start()
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    return await _consume(broker.url, events)
            finally:
                await process.close()


async def _consume(url: str, events: int) -> list[float]:
    taken: list[float] = []
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1000)
        queue = await channel.get_queue(QUEUE, ensure=False)
        async with queue.iterator() as messages:
            async for message in messages:
                created_at = msgspec.json.decode(message.body, type=_Event).data.created_at
                taken.append(time.time() - created_at.timestamp())
                if len(taken) % 100 == 0 or len(taken) == events:
                    await message.ack(multiple=True)
                if len(taken) >= events:
                    return taken
    raise RuntimeError("the consumer was ended")
