"""The chart's pods, run for real: `helm test` finds all well, the bridge delivers, takes new HER-ids, and drains."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from bridge.demo.process import free_port
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.supply import SupplyPlan
from tests.deploy.chart.matrix import SQLITE
from tests.support.broker import declare_queue, ready_count
from tests.support.chart import MINIMAL, Values, merged
from tests.support.container import PodmanFailedError, log_of, podman
from tests.support.kube import playing
from tests.support.system import until

pytestmark = [pytest.mark.image, pytest.mark.timeout(400)]

START_S = 120.0
QUEUE = "subscriber"
HER_IDS = (6789, 7001)


def values(base: Values, sandbox: Sandbox, port: int) -> Values:
    """A bridge that signs in to the sandbox."""
    nhn = {
        "base_url": sandbox.nhn_url,
        "auth": {"issuer": sandbox.issuer_url, "client_id": sandbox.client.client_id},
        "poll_interval_s": 0.2,
    }
    return merged(
        base,
        {
            "image": {"repository": "localhost/notification-bridge", "tag": "test", "pullPolicy": "Never"},
            "settings": {"nhn": nhn, "ops": {"port": port}},
            "herIds": {"files": {"default": [6789]}},
        },
    )


async def receivers(ops: httpx.AsyncClient) -> int:
    """So many has the bridge behind this ops port in streams of its own; 0 while it does not answer."""
    try:
        streams = (await ops.get("/status")).json()["streams"]
    except httpx.HTTPError:
        return 0
    return sum(stream["receivers"] or 0 for stream in streams if stream["state"] != "stopped")


async def is_ready(ops: httpx.AsyncClient) -> bool:
    try:
        return (await ops.get("/readyz")).is_success
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def ops_port() -> AsyncIterator[tuple[int, httpx.AsyncClient]]:
    """A free port, and a client for it."""
    port = free_port()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5, trust_env=False) as client:
        yield port, client


@pytest.fixture
def secrets(broker_vhost: str, own_postgres_url: str, tmp_path: Path) -> Path:
    """A directory with the files of the mounted Secrets, but for the key."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    (directory / "broker.urls_file").write_text(f"# the broker\n{broker_vhost}\n")
    (directory / "store.url_file").write_text(own_postgres_url)
    return directory


@pytest.mark.parametrize("base", [SQLITE, MINIMAL], ids=["sqlite", "postgresql"])
async def test_the_rendered_pods_work(base: Values, broker_vhost: str, secrets: Path) -> None:
    await declare_queue(broker_vhost, QUEUE, "nhn.notifications", "#")
    async with (
        Sandbox(port=0, her_ids=HER_IDS, supply=SupplyPlan(rate_per_s=20), sign_in=SignInPlan()) as sandbox,
        ops_port() as (port, ops),
    ):
        (secrets / "nhn.auth.private_key_file").write_bytes(msgspec.json.encode(sandbox.client.jwk))
        async with playing(values(base, sandbox, port), secrets=secrets, check=True) as pod:
            assert await pod.wait() == 0, await log_of(pod.container)

        async def has_events() -> bool:
            return await ready_count(broker_vhost, QUEUE) > 20

        async def has_both() -> bool:
            return await receivers(ops) == 2

        async with playing(values(base, sandbox, port), secrets=secrets) as pod:
            await until(partial(is_ready, ops), timeout_s=START_S)
            await until(has_events, timeout_s=START_S)
            assert await receivers(ops) == 1
            await pod.replace("her-ids", "default", "6789\n7001\n")
            await until(has_both, timeout_s=START_S)
            with pytest.raises(PodmanFailedError, match="Read-only file system"):
                await podman("exec", pod.container, "touch", "/etc/bridge/settings/x")
            assert await pod.stop() == 0
            assert '"drained": true' in (await log_of(pod.container)).splitlines()[-1]


async def test_a_bridge_that_drains_hands_its_streams_to_the_other(broker_vhost: str, secrets: Path) -> None:
    await declare_queue(broker_vhost, QUEUE, "nhn.notifications", "#")
    async with (
        Sandbox(port=0, her_ids=HER_IDS, supply=SupplyPlan(rate_per_s=20), sign_in=SignInPlan()) as sandbox,
        ops_port() as (first_port, first_ops),
        ops_port() as (second_port, second_ops),
    ):
        (secrets / "nhn.auth.private_key_file").write_bytes(msgspec.json.encode(sandbox.client.jwk))
        async with playing(values(MINIMAL, sandbox, first_port), secrets=secrets) as first:

            async def first_owns() -> bool:
                return await receivers(first_ops) == 1

            await until(first_owns, timeout_s=START_S)
            async with playing(values(MINIMAL, sandbox, second_port), secrets=secrets):
                await until(partial(is_ready, second_ops), timeout_s=START_S)
                assert (await receivers(first_ops), await receivers(second_ops)) == (1, 0)
                assert await first.stop() == 0

                async def second_owns() -> bool:
                    return await receivers(second_ops) == 1

                await until(second_owns, timeout_s=START_S)


def test_the_broker_is_this_machine_s(broker_url: str) -> None:
    """The pods share this machine's network."""
    assert urlsplit(broker_url).hostname in {"127.0.0.1", "localhost"}
