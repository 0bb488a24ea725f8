"""The demo's course: start everything, two accidents, wait until all has arrived, prove it.

sandbox API -> bridge (a process) -> proxy -> RabbitMQ -> subscriber
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from bridge.clock import SystemClock
from bridge.demo.process import BridgeProcess
from bridge.demo.proof import Claim, Created, Received, prove
from bridge.demo.subscriber import subscriber
from bridge.demo.view import View
from bridge.sandbox.notifications import EXAMPLE_HER_ID
from bridge.sandbox.records import Created as SandboxCreated
from bridge.sandbox.server import Sandbox
from bridge.sandbox.sign_in.service import SignInPlan
from bridge.sandbox.supply import SupplyPlan
from bridge.sandbox.tcp_proxy import Direction, TcpProxy
from bridge.store import open_store

TICK_S = 0.25
PLAIN_LINE_EVERY = 8
"""Ticks between lines of plain output: 2 s."""
RATE_WINDOW_S = 3.0
IN_FLIGHT_TIMEOUT_S = 5.0
HER_IDS = (EXAMPLE_HER_ID, *range(8_142_520, 8_142_540))
DEFAULT_AMQP_PORT = 5672
POLL_INTERVAL_S = 0.5


class DemoPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how much."""

    seconds: float = 30.0
    """How long notifications are created."""
    rate_per_s: float = 200.0
    burst: int = 40
    give_up_s: float = 60.0
    """How long to wait for the last event after that."""

    @property
    def total(self) -> int:
        """Notifications created in all."""
        return int(self.seconds * self.rate_per_s)


class Demo:
    """One run of the demo."""

    def __init__(self, broker_url: str, directory: Path, view: View, plan: DemoPlan) -> None:
        """`directory`: for the store and the bridge's log; the caller removes it."""
        self._broker_url = broker_url
        self._directory = directory
        self._view = view
        self._plan = plan
        self._names = f"demo-{secrets.token_hex(4)}"
        """Prefix of what the demo makes on the broker, so that it never touches what is there."""
        self._received: list[Received] = []
        self._distinct: set[str] = set()
        self._arrivals: deque[float] = deque()
        self._arrival = asyncio.Event()
        self._started = time.monotonic()

    async def run(self) -> list[Claim]:
        """Run to the end; every claim of the proof."""
        plan = self._plan
        supply = SupplyPlan(rate_per_s=plan.rate_per_s, burst=plan.burst, total=plan.total)
        target = urlsplit(self._broker_url)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                subscriber(
                    self._broker_url,
                    queue=f"{self._names}.subscriber",
                    exchange=f"{self._names}.nhn.notifications",
                    parked=f"{self._names}.parked",
                    on_event=self._arrived,
                )
            )
            proxy = await stack.enter_async_context(
                TcpProxy(target.hostname or "localhost", target.port or DEFAULT_AMQP_PORT)
            )
            sandbox = await stack.enter_async_context(
                Sandbox(port=0, her_ids=HER_IDS, supply=supply, sign_in=SignInPlan())
            )
            bridge = BridgeProcess(self._settings(sandbox, proxy.port), self._directory / "bridge.log")
            await bridge.start()
            stack.push_async_callback(bridge.close)
            self._view.news(f"bridge started (process {bridge.pid}); notifications for {len(HER_IDS)} HER-ids begin")
            await self._course(bridge, proxy, sandbox)
            exit_code = await bridge.stop()
            self._view.news(f"bridge asked to end: drained, exit code {exit_code}")
            created = [
                Created(event_id=each.id, offset=each.offset) for each in _all_created(sandbox) if each.id is not None
            ]
            drained = Claim(f"the bridge drained and ended with exit code {exit_code}", exit_code == 0)
            return [*prove(created, self._received, await self._cursors()), drained]

    async def _course(self, bridge: BridgeProcess, proxy: TcpProxy, sandbox: Sandbox) -> None:
        """Watch it run, with both accidents, until all has arrived or the time is up."""
        plan = self._plan
        accidents = [
            (plan.total / 3, partial(self._cut, proxy)),
            (plan.total * 2 / 3, partial(self._kill, proxy, bridge)),
        ]
        self._started = time.monotonic()
        ticks = 0
        while not await self._is_complete(bridge, sandbox) or accidents:
            if accidents and len(self._distinct) >= accidents[0][0]:
                await accidents.pop(0)[1]()
            if self._elapsed_s() > plan.seconds + plan.give_up_s:
                self._view.news(f"gave up waiting; the end of the bridge's log:\n{bridge.end_of_log()}")
                return
            if ticks % PLAIN_LINE_EVERY == 0:
                self._view.tick()
            ticks += 1
            await asyncio.sleep(TICK_S)
        self._view.tick()

    async def _cut(self, proxy: TcpProxy) -> None:
        await self._hold_confirms_back(proxy)
        proxy.cut()
        proxy.resume()
        self._view.news("ACCIDENT: the bridge's connection to the broker is cut, with events unconfirmed")

    async def _kill(self, proxy: TcpProxy, bridge: BridgeProcess) -> None:
        await self._hold_confirms_back(proxy)
        pid = bridge.pid
        await bridge.kill()
        proxy.resume()
        await bridge.start()
        self._view.news(
            f"ACCIDENT: the bridge (process {pid}) is killed, with events unconfirmed; {bridge.pid} takes over"
        )

    async def _hold_confirms_back(self, proxy: TcpProxy) -> None:
        """Let the broker's confirms not through until events have come that the bridge does not know to be safe."""
        proxy.pause(frozenset({Direction.TO_CLIENT}))
        self._arrival.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrival.wait(), IN_FLIGHT_TIMEOUT_S)

    async def _is_complete(self, bridge: BridgeProcess, sandbox: Sandbox) -> bool:
        """Take stock; True once everything that was created has arrived and the cursor stands at its end."""
        state, status, score = sandbox.nhn.state(), await bridge.status(), self._view.score
        score.elapsed_s, score.created = self._elapsed_s(), state.created
        score.received, score.distinct = len(self._received), len(self._distinct)
        while self._arrivals and self._arrivals[0] < time.monotonic() - RATE_WINDOW_S:
            self._arrivals.popleft()
        score.rate = len(self._arrivals) / RATE_WINDOW_S
        score.bridge = "away" if status is None else ("ready" if status["is_ready"] else "not ready")
        stream = next(iter(status["streams"]), None) if status else None
        if stream:
            score.cursor, score.lag_s = stream["cursor"], stream["lag_s"]
        is_all_there = state.supply_finished and len(self._distinct) >= state.created
        return is_all_there and score.cursor == state.last_offset

    def _arrived(self, received: Received, routing_key: str) -> None:
        self._received.append(received)
        self._distinct.add(received.event_id)
        self._arrivals.append(time.monotonic())
        self._arrival.set()
        self._view.event(received, routing_key)

    async def _cursors(self) -> dict[int, int]:
        """HER-id → the offset that the bridge has stored."""
        url = f"sqlite:///{self._directory / 'bridge.db'}"
        async with open_store(url, clock=SystemClock(), is_owner=False) as stores:
            return {each.her_id: each.offset for each in await stores.nhn.receivers()}

    def _settings(self, sandbox: Sandbox, broker_port: int) -> Mapping[str, str]:
        through_proxy = urlsplit(self._broker_url)
        credentials, at, _ = through_proxy.netloc.rpartition("@")
        netloc = f"{credentials}{at}{TcpProxy.host}:{broker_port}"
        return {
            "BRIDGE_NHN__BASE_URL": sandbox.nhn_url,
            "BRIDGE_NHN__AUTH__ISSUER": sandbox.issuer_url,
            "BRIDGE_NHN__AUTH__CLIENT_ID": sandbox.client.client_id,
            "BRIDGE_NHN__AUTH__PRIVATE_KEY": msgspec.json.encode(sandbox.client.jwk).decode(),
            "BRIDGE_NHN__SOURCE_SYSTEM": "notification-bridge demo",
            "BRIDGE_NHN__HER_IDS": ",".join(map(str, HER_IDS)),
            "BRIDGE_NHN__POLL_INTERVAL_S": str(POLL_INTERVAL_S),
            "BRIDGE_BROKER__URLS": urlunsplit(through_proxy._replace(netloc=netloc)),
            "BRIDGE_BROKER__EXCHANGE_NHN": f"{self._names}.nhn.notifications",
            "BRIDGE_BROKER__EXCHANGE_PARKED": f"{self._names}.parked",
            "BRIDGE_STORE__URL": f"sqlite:///{self._directory / 'bridge.db'}",
        }

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started


def _all_created(sandbox: Sandbox) -> list[SandboxCreated]:
    found: list[SandboxCreated] = []
    after = 0
    while page := sandbox.nhn.created(after=after):
        found += page
        after = page[-1].position
    return found
