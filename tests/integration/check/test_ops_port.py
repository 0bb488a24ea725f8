"""`bridge check` and the ops port: free, in use, or in the hands of a running bridge."""

import asyncio
import errno
import socket
from pathlib import Path

import pytest

from bridge.check import ops_port
from bridge.check.ops_port import ops_port_finding
from bridge.check.report import Finding
from bridge.ops.metrics import Metrics
from bridge.ops.server import OpsServer
from tests.support.check import settings_for, told
from tests.support.ops import Ops


async def looked(directory: Path, host: str, port: int) -> Finding:
    return await ops_port_finding(settings_for(directory, OPS__HOST=host, OPS__PORT=str(port)))


async def test_a_free_port_is_well_and_free_afterwards(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    finding = await looked(tmp_path, "127.0.0.1", port)
    assert told([finding], "ops port") == [("ok", f"127.0.0.1:{port} is free")]
    socket.create_server(("127.0.0.1", port)).close()


async def test_any_free_port_is_well(tmp_path: Path) -> None:
    assert told([await looked(tmp_path, "127.0.0.1", 0)], "ops port") == [("ok", "a free one is taken")]


async def test_a_port_in_use_by_something_else_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops_port, "ASK_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        finding = await looked(tmp_path, "127.0.0.1", port)
    assert told([finding], "ops port") == [("failed", f"127.0.0.1:{port} is in use, and not by a bridge")]
    assert finding.fix == "End what uses it, or set BRIDGE_OPS__PORT to another port."


async def test_a_bridge_that_runs_there_is_named(tmp_path: Path) -> None:
    ops = Ops()
    async with OpsServer(ops.state, Metrics(sources=["nhn"]), host="127.0.0.1", port=0, tail=None) as server:
        not_ready = await looked(tmp_path, "127.0.0.1", server.port)
        ops.healthy_stream()
        ready = await looked(tmp_path, "127.0.0.1", server.port)
    running = f"a bridge is running at 127.0.0.1:{server.port} already (version 1.2.3"
    assert told([not_ready], "ops port") == [("ok", f"{running}, not ready: see `bridge status`)")]
    assert told([ready], "ops port") == [("ok", f"{running}, ready)")]


async def test_a_port_that_only_root_may_open_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by the port: whoever runs the tests may be root.
    async def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(asyncio, "start_server", denied)
    finding = await looked(tmp_path, "127.0.0.1", 80)
    assert told([finding], "ops port") == [("failed", "127.0.0.1:80 may not be opened by this user")]


async def test_a_host_that_is_not_ours_is_a_failure(tmp_path: Path) -> None:
    finding = await looked(tmp_path, "192.0.2.1", 8080)
    assert told([finding], "ops port") == [("failed", "192.0.2.1 is no address of this machine")]
