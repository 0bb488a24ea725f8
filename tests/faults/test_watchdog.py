"""A stream that makes no progress says so and is started again (G6)."""

import asyncio
from typing import Any

import pytest

from bridge.checkpoints import Enrol
from bridge.clock import SystemClock
from bridge.http import HttpReader
from bridge.store import open_store
from tests.support.world import AT_THE_START, Bridged

QUICK = {"BRIDGE_HTTP__TIMEOUT_S": "0.1"}
BOUND = "expected within 0.8 s"
"""Two poll intervals of 50 ms, four phases of 100 ms, a backoff of 300 ms."""


@pytest.fixture(autouse=True)
def _short_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream's patience reckons with a backoff at its cap, 30 s; a test does not."""
    monkeypatch.setattr("bridge.ops.state.BACKOFF_CAP_S", 0.3)


async def test_a_stream_whose_polls_go_on_failing_is_restarted_and_readiness_names_the_cause(
    bridged: Bridged,
) -> None:
    async with bridged(total=10, settings=QUICK) as world:
        await world.until_committed()
        world.fault("timeout")
        world.create(10)

        sentence = await world.until_reason("no-poll")

        assert "nhn/default/1 has had no successful poll for" in sentence
        assert "no answer in time" in sentence
        await world.until(lambda: world.log("stream.restarted"))
        # whether a failure was heard of by then depends on how busy the machine is
        assert world.log("stream.restarted")[0]["reason"].startswith("no successful poll")
        assert await world.metric("bridge_stream_restarts_total", stream="nhn/default/1") >= 1
        world.mend()
        await world.until_committed()
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids()


async def test_a_stream_whose_poll_neither_ends_nor_fails_is_restarted(
    bridged: Bridged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No known fault gets past the timeouts; the watchdog is there for the unknown."""
    async with bridged(total=10, settings=QUICK) as world:
        await world.until_committed()

        async def hang(*_: Any, **__: Any) -> None:
            await asyncio.Event().wait()

        with monkeypatch.context() as hanging:
            hanging.setattr(HttpReader, "get", hang)
            world.create(10)
            sentence = await world.until_reason("no-poll")
        assert "nhn/default/1 has had no successful poll for" in sentence
        await world.until_committed()

        assert "and no error for" in world.log("stream.restarted")[0]["reason"]
        await world.until_ready()
        assert [event.id for event in await world.arrived()] == world.created_ids()


async def test_a_stream_that_has_lost_all_its_receivers_is_not_waited_for(bridged: Bridged) -> None:
    """Its number stays its own; the receivers of another one go on there."""
    async with bridged(total=10, start=False) as world:
        second = Enrol(stream="nhn/default/2", tenant="default", cursors=AT_THE_START)
        async with open_store(world.environment["BRIDGE_STORE__URL"], clock=SystemClock()) as stores:
            await stores.nhn.commit(second)
        await world.start()
        await world.until_committed("nhn/default/2")

        assert [stream["name"] for stream in (await world.status())["streams"]] == ["nhn/default/2"]
        assert await world.reasons() == {}
