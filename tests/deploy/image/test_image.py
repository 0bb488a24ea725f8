"""The image, built from the Dockerfile and run for real: it signs in, publishes, answers probes, and drains."""

import json
import signal
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

import bridge
from bridge.clock import SystemClock
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.supply import SupplyPlan
from bridge.store import open_store
from tests.support.broker import collect, declare_queue, ready_count
from tests.support.container import IMAGE, UNWATCHED, Container, PodmanFailedError, podman, running
from tests.support.system import until

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]

HER_IDS = (6789, 7001, 7002)
QUEUE = "subscriber"
TOTAL = 2000
START_S = 120.0
"""How long a container may take to be ready, on a machine that has much else to do."""


def settings(sandbox: Sandbox, url: str, directory: Path) -> dict[str, str]:
    """A bridge that signs in with a key in a file."""
    key = directory / "helseid.jwk.json"
    key.write_bytes(msgspec.json.encode(sandbox.client.jwk))
    return {
        "BRIDGE_NHN__BASE_URL": sandbox.nhn_url,
        "BRIDGE_NHN__AUTH__ISSUER": sandbox.issuer_url,
        "BRIDGE_NHN__AUTH__CLIENT_ID": sandbox.client.client_id,
        "BRIDGE_NHN__AUTH__PRIVATE_KEY_FILE": str(key),
        "BRIDGE_NHN__SOURCE_SYSTEM": "image, v1",
        "BRIDGE_NHN__HER_IDS": ",".join(map(str, HER_IDS)),
        "BRIDGE_NHN__POLL_INTERVAL_S": "0.2",
        "BRIDGE_BROKER__URLS": url,
    }


async def until_ready(container: Container) -> None:
    try:
        await until(container.is_ready, timeout_s=START_S)
    except AssertionError as error:
        raise AssertionError(f"not ready; its log:\n{await container.log()}") from error


async def test_it_signs_in_publishes_and_drains(broker_vhost: str, tmp_path: Path) -> None:
    await declare_queue(broker_vhost, QUEUE, "nhn.notifications", "#")
    async with Sandbox(port=0, her_ids=HER_IDS, supply=SupplyPlan(total=TOTAL), sign_in=SignInPlan()) as sandbox:
        async with running(settings(sandbox, broker_vhost, tmp_path), directory=tmp_path) as container:
            await until_ready(container)

            async def has_all() -> bool:
                return await ready_count(broker_vhost, QUEUE) >= TOTAL

            await until(has_all, timeout_s=START_S)
            assert (await container.get("/livez")).json() == {"alive": True}
            assert (await podman("exec", container.name, "bridge", "status")).startswith("Ready: version")
            exit_code = await container.stop()
            log = await container.log()
        created = {each.id for each in sandbox.nhn.created(after=0, limit=TOTAL)}
    messages = await collect(broker_vhost, QUEUE, await ready_count(broker_vhost, QUEUE))
    assert {message.message_id for message in messages} == created
    last_line = json.loads(log.splitlines()[-1])
    assert (exit_code, last_line["event"], last_line["drained"]) == (0, "bridge.stopped", True)
    async with open_store(f"sqlite:///{tmp_path}/bridge.db", clock=SystemClock(), is_owner=False) as stores:
        assert {each.offset for each in await stores.nhn.receivers()} == {sandbox.nhn.state().last_offset}


async def test_its_process_may_nothing_that_it_does_not_need(broker_vhost: str, tmp_path: Path) -> None:
    async with (
        Sandbox(port=0, her_ids=HER_IDS, supply=SupplyPlan(total=1), sign_in=SignInPlan()) as sandbox,
        running(settings(sandbox, broker_vhost, tmp_path), directory=tmp_path) as container,
    ):
        await until_ready(container)
        status = await container.process()
        assert status["Uid"].split() == ["10001"] * 4
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"}
        assert status["NoNewPrivs"] == "1"
        with pytest.raises(PodmanFailedError, match="Read-only file system"):
            await podman("exec", container.name, "touch", "/opt/bridge/x")
        assert int(status["VmRSS"].split()[0]) < 150 * 1024, "product.md: steady memory under 150 MB"


async def test_it_ends_at_once_when_told_so_before_it_is_up(tmp_path: Path) -> None:
    """The kernel passes over signals to process 1 that it has not asked for."""
    nowhere = {
        "BRIDGE_NHN__SOURCE_SYSTEM": "image, v1",
        "BRIDGE_NHN__HER_IDS": "6789",
        "BRIDGE_NHN__AUTH__METHOD": "none",
        "BRIDGE_NHN__BASE_URL": "http://127.0.0.1:9",
        "BRIDGE_BROKER__URLS": "amqp://127.0.0.1:9/",
    }
    async with running(nowhere, directory=tmp_path) as container:

        async def hears_sigterm() -> bool:
            return bool(int((await container.process())["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1)

        await until(hears_sigterm, timeout_s=START_S)
        assert not await container.is_ready()
        assert await container.stop() in {0, 143}


async def test_wrong_settings_end_it_with_a_sentence_each(tmp_path: Path) -> None:
    async with running({"BRIDGE_NHN__HER_IDS": "6789", "BRIDGE_NHN__PAGE_SISE": "5"}, directory=tmp_path) as container:
        exit_code = int(await podman("wait", container.name))
        log = await container.log()
    assert exit_code == 2
    assert "BRIDGE_NHN__PAGE_SISE is not a setting; did you mean BRIDGE_NHN__PAGE_SIZE?" in log.splitlines()


async def test_bridge_check_runs_in_it(broker_vhost: str, tmp_path: Path) -> None:
    await declare_queue(broker_vhost, QUEUE, "nhn.notifications", "#")
    async with (
        Sandbox(port=0, her_ids=HER_IDS, supply=SupplyPlan(total=1), sign_in=SignInPlan()) as sandbox,
        running(settings(sandbox, broker_vhost, tmp_path), directory=tmp_path, command=("check",)) as container,
    ):
        exit_code = int(await podman("wait", container.name))
        assert exit_code == 0, await container.log()


async def test_it_has_what_the_bridge_needs_and_no_more() -> None:
    (image,) = json.loads(await podman("image", "inspect", IMAGE))
    config = image["Config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("10001:10001", ["bridge"], ["run"])
    assert image["Healthcheck"]["Test"] == ["CMD", "bridge", "status"]
    assert config["Labels"]["org.opencontainers.image.version"] == bridge.__version__
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    installed = await podman(
        *("run", "--rm", "--network=none", UNWATCHED, "--entrypoint=sh", IMAGE, "-c"),
        "cd /opt/bridge/lib/python3*/site-packages && ls -d *.dist-info; which pip gcc bridge; true",
    )
    names = {line.partition("-")[0] for line in installed.split() if line.endswith(".dist-info")}
    assert {"notification_bridge", "aio_pika", "httpx"} <= names
    assert not names & {"pip", "pytest", "rich", "hatchling"}
    assert installed.split()[-1] == "/opt/bridge/bin/bridge"


def test_the_broker_is_this_machine_s(broker_url: str) -> None:
    """The containers share this machine's network."""
    assert urlsplit(broker_url).hostname in {"127.0.0.1", "localhost"}
