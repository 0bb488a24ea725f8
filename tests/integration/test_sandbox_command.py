"""`bridge sandbox` as a process."""

import asyncio
import os
import signal
import socket
import sys

import httpx
import pytest
from click.testing import CliRunner

from bridge.cli.sandbox import command
from tests.support.sandbox_client import EXAMPLE, HEADERS, poll

START = (sys.executable, "-c", "from bridge.cli.sandbox import command; command()")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_whatever_the_settings_say_and_ends_with_0_on_a_signal(number: signal.Signals) -> None:
    settings = {"BRIDGE_NHN__BASE_URL": "nonsense", "BRIDGE_SANDBOX_PORT": "1", "BRIDGE_UNKNOWN": "x"}
    process = await asyncio.create_subprocess_exec(
        *START,
        "--port",
        "0",
        "--receivers",
        "2",
        "--orders",
        "1",
        env=os.environ | settings,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            lines = [(await process.stdout.readline()).decode().strip() for _ in range(14)]
            url = lines[1].removeprefix("BRIDGE_NHN__BASE_URL=")
            assert lines == [
                f"The sandbox serves NHN's API at {url}, for 2 HER-ids. Settings for the bridge:",
                f"BRIDGE_NHN__BASE_URL={url}",
                "BRIDGE_NHN__AUTH__METHOD=none",
                "BRIDGE_NHN__SOURCE_SYSTEM=sandbox",
                "BRIDGE_NHN__POLL_INTERVAL_S=2",
                "BRIDGE_NHN__HER_IDS=6789,8163491",
                "It serves Altinn Notifications there, too. Settings:",
                f"BRIDGE_ALTINN__BASE_URL={url}",
                "BRIDGE_ALTINN__AUTH__METHOD=none",
                "BRIDGE_ALTINN__DISCOVERY=feed",
                "BRIDGE_ALTINN__FEED_START=earliest",
                "BRIDGE_ALTINN__ORDERS=2daf469f-175b-4b6e-ada9-b2022feba2e9",
                f"What was created, asked and answered: {url}/sandbox/state, {url}/sandbox/altinn/state.",
                "Stop with Ctrl-C.",
            ]
            async with httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=10) as client:
                assert (await poll(client)).json()["notifications"][0] == EXAMPLE
            process.send_signal(number)
            output, _ = await process.communicate()
        assert output.decode().splitlines() == [
            "The first request for notifications arrived.",
            "The sandbox has ended.",
        ]
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--faults", "nonsense"], "there is no fault 'nonsense'; there are: 400, 401, "),
        (["--faults", "429:cuont=1"], "'429:cuont=1': Object contains unknown field `cuont`"),
        (["--faults", "429:count=x"], "'429:count=x': Expected `int | null`, got `str`"),
        (["--her-ids", "1,x"], "HER-ids are whole numbers, separated by commas"),
        (["--her-ids", "2147483648"], "a HER-id is at most 2147483647"),
        (["--rate", "0"], "0.0 is not in the range x>0"),
        (["--faults", "missing-status"], "there is no fault 'missing-status'; there are: 400, 401, "),
        (["--altinn-faults", "423"], "there is no fault '423'; there are: 400, 401, "),
        (["--altinn-faults", "404:her_id=1"], "'404:her_id=1': Object contains unknown field `her_id`"),
        (["--order-pace", "0"], "0.0 is not in the range x>0"),
        (["--orders", "200001"], "200001 is not in the range 0<=x<=200000"),
        (["--total", "200001"], "200001 is not in the range 0<=x<=200000"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence_and_ends_with_2(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert message in result.output
    assert result.exit_code == 2


def test_a_port_that_is_taken_is_told_in_a_sentence_and_ends_with_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(command, ["--port", str(port)])
    assert f"Cannot serve on 127.0.0.1, port {port}: " in result.output
    assert result.exit_code == 1
