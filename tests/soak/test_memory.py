"""The bridge's memory does not grow: not over millions of events, not while the broker confirms nothing."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bridge.demo.process import BridgeProcess, free_port
from bridge.sandbox.tcp_proxy import Direction, TcpProxy
from tests.bench.contenders import Setting, bridge_settings
from tests.bench.processes import memory_mb
from tests.support.broker import declare_queue
from tests.support.system import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(5400)]
EVENTS = 10_000_000
SETTLED_AT = 500_000
"""By then the window of late rows is as large as it gets."""
GROWTH_MB = 15
AT_ONCE = "1e9"
"""Events a second: all are there at the first request, and each page is made when it is asked for."""
QUIET_S = 20.0


@asynccontextmanager
async def endless_feed() -> AsyncIterator[str]:
    """The API's URL."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.api", str(port), str(EVENTS), "1000", "1500", AT_ONCE),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def cursor(bridge: BridgeProcess) -> int:
    status = await bridge.status()
    return status["streams"][0]["cursor"] or 0 if status and status["streams"] else 0


@asynccontextmanager
async def running_bridge(directory: Path, broker_url: str, api_url: str) -> AsyncIterator[BridgeProcess]:
    settings = bridge_settings(broker_url, api_url, directory / "bridge.db", Setting(her_ids=1500))
    bridge = BridgeProcess({**settings, "BRIDGE_BROKER__CONFIRM_TIMEOUT_S": "600"}, directory / "log")
    await bridge.start()
    try:
        yield bridge
    finally:
        await bridge.close()


async def test_memory_is_the_same_after_millions_of_events(tmp_path: Path, broker_vhost: str) -> None:
    # A short queue that drops its oldest: it confirms all the same, and the broker's disk has bounds.
    await declare_queue(broker_vhost, "subscriber", "nhn.notifications", "#", arguments={"x-max-length": 1000})
    async with endless_feed() as api_url, running_bridge(tmp_path, broker_vhost, api_url) as bridge:

        async def has_settled() -> bool:
            return await cursor(bridge) >= SETTLED_AT

        async def is_at_the_end() -> bool:
            return await cursor(bridge) >= EVENTS

        await until(has_settled, timeout_s=800)
        before = memory_mb(bridge.pid)
        await until(is_at_the_end, timeout_s=4800)

        assert memory_mb(bridge.pid) < before + GROWTH_MB


async def test_memory_is_the_same_while_the_broker_confirms_nothing(tmp_path: Path, broker_vhost: str) -> None:
    await declare_queue(broker_vhost, "subscriber", "nhn.notifications", "#", arguments={"x-max-length": 1000})
    target = urlsplit(broker_vhost)
    login, _, _ = target.netloc.rpartition("@")
    async with TcpProxy(target.hostname or "localhost", target.port or 5672) as proxy, endless_feed() as api_url:
        url = target._replace(netloc=f"{login}@{proxy.host}:{proxy.port}").geturl()
        async with running_bridge(tmp_path, url, api_url) as bridge:

            async def has_begun() -> bool:
                return await cursor(bridge) >= 20_000

            await until(has_begun, timeout_s=120)
            proxy.pause(frozenset({Direction.TO_CLIENT}))
            await asyncio.sleep(1)  # what is in flight fills up
            before = memory_mb(bridge.pid)
            stood_at = await cursor(bridge)
            await asyncio.sleep(QUIET_S)

            assert memory_mb(bridge.pid) < before + GROWTH_MB
            assert await cursor(bridge) <= stood_at + 4000, "nothing moves on without confirms"
            proxy.resume()
