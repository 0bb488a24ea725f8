"""How long an event takes from its creation at the API to its consumer, at rest and at half of what the bridge can."""

import asyncio
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.demo.process import BridgeProcess
from tests.bench.broker import Broker
from tests.bench.contenders import Setting, bridge_settings, feed
from tests.bench.messages import QUEUE
from tests.bench.raw import Channel
from tests.bench.table import percentile

POLL_INTERVAL_S = 0.05
AT_REST = 20.0
"""Events a second."""
MEASURED_S = 8.0


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
                return await asyncio.to_thread(_consume, broker.url, events)
            finally:
                await process.close()


def _consume(url: str, events: int) -> list[float]:
    with closing(Channel(url)) as channel:
        return channel.consume(QUEUE, events)
